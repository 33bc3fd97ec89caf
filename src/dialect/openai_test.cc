#include <gtest/gtest.h>

#include "base/bytes.h"
#include "dialect/dialect.h"
#include "dialect/openai_scan.h"
#include "dialect/rate_limits.h"

namespace drover::dialect {
namespace {

using namespace contract;

std::vector<std::string> stream_of(const Dialect& dialect, const ChatRequest& request,
                                   std::vector<StreamDelta> deltas) {
  auto encoder = dialect.make_stream_encoder(request);
  std::vector<WireEvent> events;
  for (const StreamDelta& d : deltas) encoder->encode(d, events);
  encoder->finish(events);
  std::vector<std::string> out;
  for (WireEvent& e : events) out.push_back(std::move(e.data));
  return out;
}

StreamStart start() {
  StreamStart s;
  s.id = "c1";
  s.model = "m";
  s.created = 5;
  return s;
}

TEST(OpenAi, StreamsAsTheSdkExpects) {
  ChatRequest request;
  request.include_usage = true;
  Usage usage;
  usage.input_tokens = 3;
  usage.output_tokens = 0;
  auto lines = stream_of(openai(), request,
                         {start(), TextDelta{"a"}, TextDelta{"b"}, UsageDelta{usage},
                          FinishDelta{FinishReason::kStop, "end_turn"}});
  ASSERT_EQ(lines.size(), 6u);
  EXPECT_EQ(
      lines[0],
      R"({"id":"c1","object":"chat.completion.chunk","created":5,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null})");
  EXPECT_NE(lines[1].find(R"("delta":{"content":"a"})"), std::string::npos);
  EXPECT_NE(lines[3].find(R"("delta":{},"logprobs":null,"finish_reason":"stop")"),
            std::string::npos);
  EXPECT_NE(lines[4].find(R"("choices":[],"usage":{"prompt_tokens":3,"completion_tokens":0)"),
            std::string::npos);
  EXPECT_EQ(lines[5], "[DONE]");
}

TEST(OpenAi, NoUsageChunkUnlessAskedFor) {
  Usage usage;
  usage.input_tokens = 3;
  auto lines =
      stream_of(openai(), ChatRequest(),
                {start(), TextDelta{"a"}, FinishDelta{FinishReason::kStop, ""}, UsageDelta{usage}});
  for (const std::string& line : lines) EXPECT_EQ(line.find("usage"), std::string::npos) << line;
}

TEST(OpenAi, ToolCallsOpenWithNullContent) {
  ToolCallDelta call;
  call.id = "a";
  call.name = "f";
  auto lines = stream_of(openai(), ChatRequest(),
                         {start(), call, FinishDelta{FinishReason::kToolCalls, ""}});
  EXPECT_NE(lines[0].find(R"("content":null)"), std::string::npos);
  EXPECT_NE(
      lines[1].find(
          R"("tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}])"),
      std::string::npos);
}

TEST(Azure, StreamsBeginWithTheFilterChunk) {
  auto lines = stream_of(azure(), ChatRequest(),
                         {start(), TextDelta{"a"}, FinishDelta{FinishReason::kStop, ""}});
  EXPECT_NE(lines[0].find(R"("choices":[])"), std::string::npos);
  EXPECT_NE(lines[0].find(R"("id":"","model":"")"), std::string::npos);
  EXPECT_NE(lines[0].find("prompt_filter_results"), std::string::npos);
}

TEST(OpenAi, NamesTheFieldAtFault) {
  struct Case {
    const char* body;
    const char* says;
  };
  const Case cases[] = {
      {"{", "JSON"},
      {"3", "object"},
      {R"({"messages":[]})", "model"},
      {R"({"model":"m"})", "messages"},
      {R"({"model":"m","messages":[]})", "empty"},
      {R"({"model":"m","messages":[{"role":"user"}]})", "messages[0].content"},
      {R"({"model":"m","messages":[{"role":"x","content":""}]})", "messages[0].role"},
      {R"({"model":"m","messages":[{"role":"user","content":[{"type":"text"}]}]})",
       "messages[0].content[0] text"},
      {R"({"model":"m","messages":[{"role":"tool","content":"x"}]})", "tool_call_id"},
      {R"({"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function"}]})",
       "tools[0].function"},
      {R"({"model":"m","messages":[{"role":"user","content":"x"}],"temperature":"hot"})",
       "temperature"},
      {R"({"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":1,"max_completion_tokens":2})",
       "exclude"},
      {R"({"model":"m","messages":[{"role":"user","content":"x"}],"stop":[1]})", "stop"},
      {R"({"model":"m","messages":[{"role":"user","content":"x"}],"stream_options":1})",
       "stream_options"},
  };
  for (const Case& c : cases) {
    auto decoded = openai().decode_request(c.body);
    ASSERT_FALSE(decoded) << c.body;
    EXPECT_NE(decoded.error().message.find(c.says), std::string::npos) << decoded.error().message;
    EncodedError encoded = openai().encode_error(decoded.error());
    EXPECT_EQ(encoded.status, 400);
    EXPECT_NE(encoded.body.find("invalid_request_error"), std::string::npos);
  }
}

TEST(OpenAi, ErrorsTellSdksWhetherToRetry) {
  Error limited(Code::kResourceExhausted, "slow down", Retry::kAfter);
  limited.retry_after = 1500ms;
  EncodedError encoded = openai().encode_error(limited);
  EXPECT_EQ(encoded.status, 429);
  const std::vector<std::pair<std::string, std::string>> want = {{"retry-after", "2"},
                                                                 {"retry-after-ms", "1500"}};
  EXPECT_EQ(encoded.headers, want);
  EncodedError never = openai().encode_error(Error(Code::kInternal, "broken"));
  EXPECT_EQ(never.status, 500);
  ASSERT_EQ(never.headers.size(), 1u);
  EXPECT_EQ(never.headers[0].first, "x-should-retry");
}

// A provider that lies: sums of such counts would overflow.
TEST(Usage, ACountThatCannotBeIsNotTold) {
  constexpr std::string_view kCounts =
      R"("usage":{"prompt_tokens":9223372036854775807,"completion_tokens":7,)"
      R"("completion_tokens_details":{"reasoning_tokens":-3}})";
  std::string body = R"({"choices":[{"message":{"content":"x"}}],)" + std::string(kCounts) + "}";
  auto whole = openai().decode_response(body);
  ASSERT_TRUE(whole) << whole.error().message;
  auto glance = glance_openai(body);
  ASSERT_TRUE(glance && glance->usage);
  auto other = converse().decode_response(
      R"({"output":{"message":{"role":"assistant","content":[{"text":"x"}]}},"stopReason":"end_turn",)"
      R"("usage":{"inputTokens":9223372036854775807,"outputTokens":7}})");
  ASSERT_TRUE(other) << other.error().message;
  for (const Usage& usage : {whole->usage, *glance->usage, other->usage}) {
    EXPECT_FALSE(usage.input_tokens);
    EXPECT_EQ(usage.output_tokens, 7);
    EXPECT_FALSE(usage.reasoning_tokens);
  }
}

TEST(RateLimits, ReadsGoDurations) {
  EXPECT_EQ(parse_reset("1s"), 1s);
  EXPECT_EQ(parse_reset("6m0s"), 6min);
  EXPECT_EQ(parse_reset("50ms"), 50ms);
  EXPECT_EQ(parse_reset("1h2m3.5s"), 1h + 2min + 3500ms);
  EXPECT_EQ(parse_reset("7"), 7s);
  for (const char* bad : {"", "s", "1x", "-1s", ".", "1..2s"}) {
    EXPECT_FALSE(parse_reset(bad)) << bad;
  }
}

TEST(RateLimits, ReadsHeaders) {
  auto headers = [](std::string_view name) -> std::optional<std::string> {
    if (iequals(name, "x-ratelimit-remaining-tokens")) return "149984";
    if (iequals(name, "x-ratelimit-reset-tokens")) return "6ms";
    if (iequals(name, "x-ratelimit-limit-requests")) return "many";
    return std::nullopt;
  };
  RateLimits limits = read_rate_limits(headers);
  EXPECT_EQ(limits.remaining_tokens, 149984);
  EXPECT_EQ(limits.reset_tokens, 6ms);
  EXPECT_FALSE(limits.limit_requests);
  EXPECT_TRUE(limits.any());
  EXPECT_FALSE(read_rate_limits(HeaderLookup()).any());
}

}  // namespace
}  // namespace drover::dialect
