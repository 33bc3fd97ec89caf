#include "tools/mcp_protocol.h"

#include <gtest/gtest.h>

#include "tools/mcp_headers.h"

namespace drover::tools::mcp {
namespace {

ToolOutcome outcome_of(std::string_view text) {
  auto out = parse_call_result(*Json::parse(text));
  EXPECT_TRUE(out);
  return out.value_or(ToolOutcome());
}

TEST(CallResult, TextIsByteForByte) {
  EXPECT_EQ(outcome_of(R"({"content":[{"type":"text","text":" a\r\n\t\"é\u0000 "}]})").content,
            std::string(" a\r\n\t\"é\0 ", 10));
  EXPECT_EQ(
      outcome_of(R"({"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]})").content,
      "ab");
}

TEST(CallResult, EmptyTextStaysEmpty) {
  EXPECT_EQ(outcome_of(R"({"content":[{"type":"text","text":""}]})").content, "");
  EXPECT_EQ(
      outcome_of(R"({"content":[{"type":"text","text":""}],"structuredContent":{"a":1}})").content,
      "");
  EXPECT_EQ(outcome_of(R"({"content":[]})").content, "");
  EXPECT_EQ(outcome_of(R"({})").content, "");
}

TEST(CallResult, StructuredContentAloneIsReadAsText) {
  ToolOutcome out = outcome_of(R"({"content":[],"structuredContent":{"n":1.50}})");
  EXPECT_EQ(out.content, R"({"n":1.50})");
  EXPECT_EQ(outcome_of(R"({"structuredContent":[1]})").content, "[1]");
}

TEST(CallResult, ErrorIsAResult) {
  ToolOutcome out = outcome_of(R"({"content":[{"type":"text","text":"no"}],"isError":true})");
  EXPECT_TRUE(out.is_error);
  EXPECT_EQ(out.content, "no");
}

TEST(CallResult, OtherBlocksAreNamedWithoutTheirBytes) {
  ToolOutcome out = outcome_of(
      R"({"content":[{"type":"text","text":"see"},{"type":"image","data":"QUJD","mimeType":"image/png"},)"
      R"({"type":"resource","resource":{"uri":"x:1","text":"inner"}}]})");
  EXPECT_EQ(out.content,
            "see\n{\"type\":\"image\",\"data\":\"(4 characters of base64 left "
            "out)\",\"mimeType\":\"image/png\"}\ninner");
  EXPECT_EQ(*out.other_content[0].get_string("data"), "QUJD");
}

TEST(CallResult, QuestionsAreNotSupported) {
  auto out = parse_call_result(*Json::parse(R"({"resultType":"input_required"})"));
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, Code::kUnimplemented);
}

TEST(Headers, MarksThatAreNotAllowed) {
  for (
      const char* schema :
      {R"({"properties":{"a":{"type":"object","x-mcp-header":"A"}}})",
       R"({"properties":{"a":{"type":"number","x-mcp-header":"A"}}})",
       R"({"properties":{"a":{"type":"string","x-mcp-header":"A B"}}})",
       R"({"properties":{"a":{"type":"string","x-mcp-header":""}}})",
       R"({"properties":{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}}})",
       R"({"properties":{"a":{"type":"array","items":{"type":"string","x-mcp-header":"A"}}}})",
       R"({"oneOf":[{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}]})",
       R"({"x-mcp-header":"A","type":"string"})"}) {
    EXPECT_FALSE(header_params(*Json::parse(schema))) << schema;
  }
  // A property may be called so.
  auto named = header_params(*Json::parse(R"({"properties":{"x-mcp-header":{"type":"string"}}})"));
  ASSERT_TRUE(named);
  EXPECT_TRUE(named->empty());
}

TEST(Headers, ValuesByType) {
  auto params = header_params(*Json::parse(
      R"({"properties":{"s":{"type":"string","x-mcp-header":"S"},"i":{"type":"integer","x-mcp-header":"I"},"b":{"type":"boolean","x-mcp-header":"B"},"n":{"type":"string","x-mcp-header":"N"}}})"));
  ASSERT_TRUE(params);
  auto headers = param_headers(*params, *Json::parse(R"({"s":"ü","i":1.0,"b":false,"n":null})"));
  ASSERT_EQ(headers.size(), 3u);
  EXPECT_EQ(headers[0].first + ": " + headers[0].second, "Mcp-Param-S: =?base64?w7w=?=");
  EXPECT_EQ(headers[1].second, "1");
  EXPECT_EQ(headers[2].second, "false");
}

}  // namespace
}  // namespace drover::tools::mcp
