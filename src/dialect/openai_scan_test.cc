#include "dialect/openai_scan.h"

#include <gtest/gtest.h>

#include <chrono>

#include "base/json_scan.h"
#include "dialect/openai_chunks.h"
#include "dialect/openai_wire.h"

namespace drover::dialect {
namespace {

TEST(Scan, FindsWhatTheRoadNeeds) {
  const std::string body =
      R"( { "messages" : [ {"role":"user","content":"hi \"there\" \\"} , {"role":"user","content":[]}],)"
      R"("stream":true,"stream_options":{"include_usage":false,"x":1},"model":"gpt-4o","n":2,)"
      R"("max_completion_tokens":77,"user":"u\u00e9","unknown":[{"a":{}},[],-1.5e3,null]})";
  auto scan = scan_openai_request(body);
  ASSERT_TRUE(scan) << scan.error().message;
  EXPECT_EQ(scan->model, "gpt-4o");
  EXPECT_EQ(body.substr(scan->model_begin, scan->model_end - scan->model_begin), "\"gpt-4o\"");
  EXPECT_TRUE(scan->stream);
  EXPECT_FALSE(scan->include_usage);
  EXPECT_EQ(scan->messages, 2u);
  EXPECT_EQ(scan->n, 2);
  EXPECT_EQ(scan->max_tokens, 77);

  auto again = scan_openai_request(splice_openai_request(body, *scan, "llama \"3\"", true));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->model, "llama \"3\"");
  EXPECT_TRUE(again->include_usage);
  EXPECT_EQ(splice_openai_request(body, *scan, "gpt-4o", false), body);
}

TEST(Scan, KnowsWhatStaysAsItCame) {
  auto stays = [](const std::string& body, std::string_view model, bool ask,
                  std::string_view tier) {
    auto scan = scan_openai_request(body);
    const bool out = stays_as_it_came(*scan, model, ask, tier);
    EXPECT_EQ(out, splice_openai_request(body, *scan, model, ask, tier) == body);
    return out;
  };
  const std::string plain = R"({"model":"a","messages":[{}]})";
  EXPECT_TRUE(stays(plain, "a", false, ""));
  EXPECT_TRUE(stays(plain, "a", true, "")) << "no stream";
  for (const std::string said : {"false", "null"}) {
    const std::string body = R"({"model":"a","messages":[{}],"stream":)" + said + "}";
    EXPECT_TRUE(stays(body, "a", true, "")) << said;
  }
  EXPECT_FALSE(stays(plain, "b", false, ""));
  EXPECT_FALSE(stays(plain, "a", false, "flex"));
  const std::string tier = R"({"service_tier":null,"model":"a","messages":[{}]})";
  EXPECT_TRUE(stays(tier, "a", false, "flex"));
  const std::string stream = R"({"stream":true,"model":"a","messages":[{}]})";
  EXPECT_TRUE(stays(stream, "a", false, ""));
  EXPECT_FALSE(stays(stream, "a", true, ""));
}

TEST(Scan, PutsAServiceTierWhereNoneIsStated) {
  const std::string body = R"({"stream":true,"model":"a","messages":[{}]})";
  auto scan = scan_openai_request(body);
  ASSERT_TRUE(scan);
  EXPECT_EQ(scan->service_tier, "");
  std::string spliced = splice_openai_request(body, *scan, "b", true, "flex");
  EXPECT_EQ(spliced, R"({"stream_options":{"include_usage":true},"service_tier":"flex",)"
                     R"("stream":true,"model":"b","messages":[{}]})");
  auto again = scan_openai_request(spliced);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->service_tier, "flex");
  EXPECT_EQ(splice_openai_request(spliced, *again, "b", true, "priority"), spliced)
      << "the caller's word stands";
  const std::string null = R"({"service_tier":null,"model":"a","messages":[{}]})";
  EXPECT_EQ(splice_openai_request(null, *scan_openai_request(null), "a", true, "flex"), null);
  EXPECT_FALSE(scan_openai_request(R"({"service_tier":1,"model":"a","messages":[{}]})"));
  EXPECT_FALSE(scan_openai_request(
      R"({"service_tier":"flex","service_tier":"auto","model":"a","messages":[{}]})"));
  auto glance = glance_openai(R"({"id":"x","service_tier":"priority","choices":[]})");
  ASSERT_TRUE(glance);
  EXPECT_EQ(glance->service_tier, "priority");
}

TEST(Scan, SplicesUsageWhereThereWereNoOptions) {
  const std::string body = R"({"stream":true,"model":"a","messages":[{}]})";
  auto scan = scan_openai_request(body);
  ASSERT_TRUE(scan);
  EXPECT_EQ(
      splice_openai_request(body, *scan, "b", true),
      R"({"stream_options":{"include_usage":true},"stream":true,"model":"b","messages":[{}]})");
  const std::string plain = R"({"model":"a","messages":[{}]})";
  EXPECT_EQ(splice_openai_request(plain, *scan_openai_request(plain), "b", true),
            R"({"model":"b","messages":[{}]})");
  const std::string null_options =
      R"({"model":"a","stream_options":null,"messages":[{}],"stream":true})";
  EXPECT_EQ(
      splice_openai_request(null_options, *scan_openai_request(null_options), "a", true),
      R"({"model":"a","stream_options":{"include_usage":true},"messages":[{}],"stream":true})");
}

TEST(Scan, RefusesWhatIsNoRequest) {
  struct Case {
    const char* body;
    const char* reason;
    const char* says;
  };
  const Case cases[] = {
      {"", "invalid_json", "byte 0"},
      {"[]", "invalid_type", "object"},
      {"{\"model\":\"a\",\"messages\":[{}]", "invalid_json", "byte"},
      {"{\"model\":\"a\",\"messages\":[{}]}x", "invalid_json", "after"},
      {"{\"model\":1,\"messages\":[{}]}", "invalid_type", "model"},
      {"{\"messages\":[{}]}", "missing_field", "model"},
      {"{\"model\":\"a\"}", "missing_field", "messages"},
      {"{\"model\":\"a\",\"messages\":{}}", "invalid_type", "messages"},
      {"{\"model\":\"a\",\"messages\":[]}", "invalid_type", "empty"},
      {"{\"model\":\"a\",\"messages\":[1]}", "invalid_type", "objects"},
      {"{\"model\":\"a\",\"messages\":[{}],\"stream\":\"yes\"}", "invalid_type", "stream"},
      {"{\"model\":\"a\",\"messages\":[{}],\"stream\":truE}", "invalid_json", "a value"},
      {R"({"model":"a","messages":[{}],"stream_options":{"include_usage":true,"include_usage":false}})",
       "invalid_type", "include_usage stands twice"},
      {"{\"model\":\"a\",\"messages\":[{}],\"n\":1.5}", "invalid_type", "n must"},
      {"{\"model\":\"a\",\"messages\":[{}],\"max_tokens\":9,\"max_completion_tokens\":1}",
       "invalid_type", "exclude"},
      {"{\"model\":\"a\",\"mod\\u0065l\":\"b\",\"messages\":[{}]}", "invalid_value", "twice"},
      {"{\"model\":\"a\",\"messages\":[{\"content\":\"\\ud800\"}]}", "invalid_json", "escape"},
      {"{\"model\":\"a\",\"messages\":[{\"content\":\"\xff\"}]}", "invalid_json", "UTF-8"},
      {"{\"model\":\"a\",\"messages\":[{\"content\":01}]}", "invalid_json", "byte"},
      {"{\"model\":\"a\",\"messages\":[{\"content\":[1,]}]}", "invalid_json", "byte"},
      {"{\"model\":\"a\",\"messages\":[{}],}", "invalid_json", "key"},
  };
  for (const Case& c : cases) {
    auto scan = scan_openai_request(c.body);
    ASSERT_FALSE(scan) << c.body;
    EXPECT_EQ(scan.error().reason, c.reason) << c.body << ": " << scan.error().message;
    EXPECT_NE(scan.error().message.find(c.says), std::string::npos) << scan.error().message;
  }
  std::string deep =
      R"({"model":"a","messages":[{"x":)" + std::string(300, '[') + std::string(300, ']') + "}]}";
  EXPECT_EQ(scan_openai_request(deep).error().reason, "invalid_json");
}

TEST(Scan, AgreesWithTheTreeParser) {
  const char* texts[] = {"{}",         "[]",      "[[],{}]",       "{\"a\":[1,2,{\"b\":null}]}",
                         "[1,2",       "{\"a\"}", "{\"a\":}",      "[,1]",
                         "[1 2]",      "{,}",     "[\"\\u12g4\"]", "[\"\\ud83d\\ude00\"]",
                         "[-]",        "[1e]",    "[.5]",          "[0.5e+3]",
                         "[truex]",    "[nul]",   "[\"a\nb\"]",    "[\"\\q\"]",
                         "{\"a\":1,}", "[]]",     "{\"a\":1}}",    "[{\"a\":[}]",
                         "[1e308]",    "[1e309]", "[-41e3080]",    "[1e-999]"};
  for (const char* text : texts) {
    JsonScanner scan(text);
    bool ok = scan.skip_value() && scan.finish().has_value();
    EXPECT_EQ(ok, Json::parse(text).has_value()) << text;
  }
}

TEST(Glance, ReadsChunksAndBodies) {
  auto first = glance_openai(
      R"({"id":"c1","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null})");
  ASSERT_TRUE(first);
  EXPECT_FALSE(first->visible);
  EXPECT_EQ(first->id, "c1");
  EXPECT_FALSE(first->usage);
  auto text = glance_openai(R"({"choices":[{"delta":{"content":"x"}}]})");
  EXPECT_TRUE(text->visible);
  auto call = glance_openai(R"({"choices":[{"delta":{"tool_calls":[{"index":0}]}}]})");
  EXPECT_TRUE(call->visible);
  auto reasoning = glance_openai(R"({"choices":[{"delta":{"reasoning":"x"}}]})");
  EXPECT_TRUE(reasoning->visible);
  auto last = glance_openai(
      R"({"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":0,"prompt_tokens_details":{"cached_tokens":4}}})");
  EXPECT_TRUE(last->choices_empty);
  ASSERT_TRUE(last->usage);
  EXPECT_EQ(last->usage->input_tokens, 9);
  EXPECT_EQ(last->usage->output_tokens, 0);  // zero is a value
  EXPECT_EQ(last->usage->cache_read_tokens, 4);
  EXPECT_FALSE(last->usage->reasoning_tokens);
  auto body = glance_openai(
      R"({"choices":[{"message":{"content":null,"tool_calls":[{}]},"finish_reason":"tool_calls"}]})");
  EXPECT_EQ(body->finish_reason, contract::FinishReason::kToolCalls);
  EXPECT_TRUE(body->visible);
  EXPECT_TRUE(glance_openai(R"({"error":{"message":"x"}})")->is_error);
  EXPECT_TRUE(glance_openai(R"({"object":"error","message":"x"})")->is_error);
  EXPECT_FALSE(glance_openai(R"({"error":null})")->is_error);
  EXPECT_FALSE(glance_openai("garbage"));
}

TEST(OpenAiChunks, KnowsAChunkThatDiffersOnlyInItsText) {
  auto chunk = [](const std::string& text, const std::string& rest = "") {
    return R"({"id":"c1","choices":[{"index":0,"delta":{"content":")" + text +
           R"("},"finish_reason":null}]})" + rest;
  };
  OpenAiChunks chunks;
  EXPECT_EQ(chunks.only_text(chunk("a")), std::nullopt) << "there is none before";
  ASSERT_TRUE(chunks.look(chunk("first")));
  EXPECT_EQ(chunks.only_text(chunk("other text")), 10);
  EXPECT_EQ(chunks.only_text(chunk("")), 0);
  EXPECT_EQ(chunks.only_text(chunk("\xc3\xa9")), 2);
  for (const std::string& other :
       {chunk("\\\"},x"), chunk("a\",\"x\":\"b"), chunk("a\x01"), chunk("a", " "),
        chunk("a").substr(1), chunk("a").substr(0, 20), std::string(), std::string("[DONE]"),
        std::string(R"({"id":"c1","choices":[{"index":0,"delta":{"content":"}]})")}) {
    EXPECT_EQ(chunks.only_text(other), std::nullopt) << other;
  }
  // Whatever says more than one text is no measure for the next.
  for (const char* special : {
           R"({"choices":[{"delta":{"content":"ab"},"finish_reason":"stop"}]})",
           R"({"choices":[{"delta":{"content":"ab"},"finish_reason":"a new reason"}]})",
           R"({"choices":[{"delta":{"content":"ab"}}],"usage":{"prompt_tokens":1}})",
           R"({"choices":[{"delta":{"content":"ab"}}],"error":{"message":"x"}})",
           R"({"choices":[{"delta":{"content":"ab"}},{"delta":{"content":"ab"}}]})",
           R"({"choices":[{"delta":{"content":"ab","tool_calls":[{"index":0}]}}]})",
           R"({"choices":[{"delta":{"content":""}}]})",
       }) {
    ASSERT_TRUE(chunks.look(special)) << special;
    EXPECT_EQ(chunks.only_text(special), std::nullopt) << special;
  }
}

// Not a benchmark, only a guard against an accidental factor of ten (the aim is 1.5 µs a KiB).
TEST(Scan, IsQuick) {
  std::string body = R"({"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":")" +
                     std::string(900, 'x') + R"("}],"max_tokens":100})";
  using Clock = std::chrono::steady_clock;
  auto best = Clock::duration::max();
  for (int round = 0; round < 20; ++round) {
    auto start = Clock::now();
    for (int i = 0; i < 1000; ++i) ASSERT_TRUE(scan_openai_request(body));
    best = std::min(best, Clock::now() - start);
  }
  double us = std::chrono::duration<double, std::micro>(best).count() / 1000;
  RecordProperty("us_per_scan", std::to_string(us));
  printf("scan of %zu bytes: %.3f us\n", body.size(), us);
  EXPECT_LT(us, 50);
}

TEST(OpenAiGlance, ReadsUsageAsTheWholeDecoderDoes) {
  for (
      const char* usage : {
          R"({})",
          R"({"prompt_tokens":12,"completion_tokens":3,"total_tokens":15})",
          R"({"prompt_tokens":12,"prompt_tokens_details":{"cached_tokens":4,"audio_tokens":1,
               "image_tokens":2,"cache_write_tokens":5},"completion_tokens_details":
               {"reasoning_tokens":7,"audio_tokens":8,"accepted_prediction_tokens":9,
               "rejected_prediction_tokens":10}})",
          R"({"prompt_cache_hit_tokens":6,"cached_tokens":7})",
          R"({"cached_tokens":7,"prompt_tokens_details":null})",
          R"({"cached_tokens":7,"prompt_tokens_details":{"cached_tokens":0}})",
          R"({"prompt_tokens":null,"completion_tokens":"3"})",
          R"({"prompt_tokens":-1,"completion_tokens":3.5})",
          R"({"prompt_tokens":3.0,"completion_tokens":2e1})",
          R"({"prompt_tokens":99999999999999999999,"prompt_tokens_details":[1]})",
          R"({"other":{"prompt_tokens":1},"completion_tokens_details":{"x":{"reasoning_tokens":1}}})",
      }) {
    auto glance = glance_openai(std::string(R"({"choices":[],"usage":)") + usage + "}");
    ASSERT_TRUE(glance) << usage;
    ASSERT_TRUE(glance->usage) << usage;
    EXPECT_EQ(*glance->usage, openai_wire::usage_from_json(*Json::parse(usage))) << usage;
  }
  EXPECT_FALSE(glance_openai(R"({"usage":null})")->usage);
  EXPECT_FALSE(glance_openai(R"({"usage":{"prompt_tokens":1)"));
}

}  // namespace
}  // namespace drover::dialect
