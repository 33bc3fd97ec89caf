// Bedrock against an imposter: paths, signatures, framing of streams, faults.

#include "providers/aws/provider.h"

#include <gtest/gtest.h>

#include "cloud/sigv4_verify.h"
#include "http/event_stream.h"
#include "providers/providers_test_fixture.h"

namespace drover::providers {
namespace {

class Sinkhole final : public Sink {
 public:
  Task<Result<void>> delta(Context ctx, const contract::StreamDelta& delta) override {
    if (const auto* t = std::get_if<contract::TextDelta>(&delta)) text += t->text;
    co_return Result<void>();
  }
  std::string text;
};

std::string frame(std::string_view type, std::string_view payload,
                  std::string_view kind = "event") {
  std::string out;
  std::vector<http::EventHeader> headers;
  headers.push_back(http::EventHeader::text(":message-type", kind));
  headers.push_back(
      http::EventHeader::text(kind == "event" ? ":event-type" : ":exception-type", type));
  headers.push_back(http::EventHeader::text(":content-type", "application/json"));
  EXPECT_TRUE(http::append_event_message(out, headers, payload));
  return out;
}

class BedrockTest : public ProvidersTest {};

constexpr const char* kConverse =
    R"({"output":{"message":{"role":"assistant","content":[{"text":"Hi"}]}},"stopReason":"end_turn",)"
    R"("usage":{"inputTokens":3,"outputTokens":1,"totalTokens":4},"metrics":{"latencyMs":5}})";

TEST_F(BedrockTest, BedrockSignsTheRawPath) {
  imposter_->script(answer(200, kConverse, "x-amzn-requestid: amz-1\r\n"));
  auto out = call(aws_, neutral());
  ASSERT_TRUE(out) << out.error().error.to_string();
  EXPECT_EQ(out->response.message.text(), "Hi");
  EXPECT_EQ(out->response.request_id, "amz-1");
  EXPECT_TRUE(sent("POST /model/us.anthropic.claude-v1%3A0/converse HTTP/1.1")) << request();
  EXPECT_TRUE(sent("amz-sdk-invocation-id: ses_1/4"));
  EXPECT_TRUE(sent("amz-sdk-request: attempt=1; max="));

  // The verifier that the simulated clouds use agrees, on what came over the wire.
  std::string text = request();
  size_t end_of_head = text.find("\r\n\r\n");
  http::Headers headers;
  for (size_t at = text.find("\r\n") + 2; at < end_of_head;) {
    size_t end = text.find("\r\n", at);
    size_t colon = text.find(": ", at);
    headers.add(text.substr(at, colon - at), text.substr(colon + 2, end - colon - 2));
    at = end + 2;
  }
  cloud::AwsCredentials known;
  known.access_key_id = "AKIDEXAMPLE";
  known.secret_access_key = Secret("aws-canary-secret");
  known.session_token = Secret("aws-canary-session");
  cloud::sigv4::VerifyPolicy policy;
  policy.region = "us-east-1";
  policy.services = {"bedrock"};
  cloud::sigv4::Verifier verifier(
      policy, [&](std::string_view id) { return id == known.access_key_id ? &known : nullptr; });
  std::string hash = crypto::sha256_hex(text.substr(end_of_head + 4));
  cloud::sigv4::Request raw;
  raw.method = "POST";
  raw.target = "/model/us.anthropic.claude-v1%3A0/converse";
  const std::vector<http::Headers::Field> fields = headers.copy();
  raw.headers = fields;
  raw.authority = "cloud.test";
  raw.payload_hash = hash;
  auto verified = verifier.verify(raw, loop_.wall());
  EXPECT_TRUE(verified) << verified.error().to_string();
  raw.target = "/model/us.anthropic.claude-v1:0/converse";
  EXPECT_FALSE(verifier.verify(raw, loop_.wall()));
}

TEST_F(BedrockTest, BedrockApiKeysAndMissingCredentials) {
  imposter_->script(answer(200, kConverse));
  environment_["AWS_BEARER_TOKEN_BEDROCK"] = "bedrock-api-key";
  ASSERT_TRUE(call(aws_, neutral()));
  EXPECT_TRUE(sent("authorization: Bearer bedrock-api-key")) << request();
  environment_.clear();
  aws_.credentials.source = "aws:profile=nobody";
  auto out = call(aws_, neutral());
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().error.code, Code::kUnauthenticated) << out.error().error.to_string();
  EXPECT_NE(out.error().error.to_string().find("nobody"), std::string::npos);
}

std::string converse_stream() {
  return frame("messageStart", R"({"role":"assistant"})") +
         frame("contentBlockDelta", R"({"contentBlockIndex":0,"delta":{"text":"Hel"},"p":"ab"})") +
         frame("contentBlockDelta", R"({"contentBlockIndex":0,"delta":{"text":"lo"}})") +
         frame("contentBlockStop", R"({"contentBlockIndex":0})") +
         frame("messageStop", R"({"stopReason":"end_turn"})") +
         frame(
             "metadata",
             R"({"usage":{"inputTokens":3,"outputTokens":2,"totalTokens":5},"metrics":{"latencyMs":9}})");
}

TEST_F(BedrockTest, ConverseStreamInAnyPieces) {
  std::string bytes = converse_stream();
  for (size_t piece : {size_t{1}, size_t{7}, bytes.size()}) {
    ImposterScript script = stream_head("application/vnd.amazon.eventstream");
    for (size_t at = 0; at < bytes.size(); at += piece) script.then(chunk(bytes.substr(at, piece)));
    script.then("0\r\n\r\n");
    imposter_->script(script);
    Sinkhole sink;
    auto out = call(aws_, neutral(), &sink);
    ASSERT_TRUE(out) << out.error().error.to_string();
    EXPECT_EQ(sink.text, "Hello");
    EXPECT_EQ(out->response.usage.input_tokens, 3);
    EXPECT_TRUE(sent("/converse-stream HTTP/1.1"));
    imposter_->script(script);  // the first of two is used up by the next round
  }
}

TEST_F(BedrockTest, ConverseStreamFaults) {
  struct Case {
    std::string reason;
    std::string bytes;
    bool visible;
    bool billable;
  };
  std::string whole = converse_stream();
  std::string start = frame("messageStart", R"({"role":"assistant"})");
  std::string text =
      frame("contentBlockDelta", R"({"contentBlockIndex":0,"delta":{"text":"Hel"}})");
  std::string broken = text;
  broken[broken.size() - 6] ^= 1;  // in the payload: the message's CRC is wrong
  std::string no_metadata = whole.substr(0, whole.size() - 100);
  std::vector<Case> cases;
  cases.push_back(Case{"cut", start + text, true, true});
  cases.push_back(Case{"cut", no_metadata, true, true});
  cases.push_back(Case{"", start + broken, false, true});
  cases.push_back(Case{"rate_limited",
                       start + frame("throttlingException", R"({"message":"slow"})", "exception"),
                       false, false});
  cases.push_back(
      Case{"model_stream_error",
           start + frame("modelStreamErrorException", R"({"message":"broke"})", "exception"), false,
           true});
  for (const Case& c : cases) {
    ImposterScript script = stream_head("application/vnd.amazon.eventstream");
    script.then(chunk(c.bytes) + "0\r\n\r\n");
    loop_.run_task(imposter_->close());
    imposter_.reset();
    imposter_ = std::make_unique<Imposter>(loop_, network_, "cloud.test");
    imposter_->script(script);
    Sinkhole sink;
    auto out = call(aws_, neutral(), &sink);
    ASSERT_FALSE(out) << c.reason;
    EXPECT_EQ(out.error().visible, c.visible) << out.error().error.to_string();
    EXPECT_EQ(out.error().billable, c.billable) << out.error().error.to_string();
    EXPECT_NE(out.error().error.retry, Retry::kNever) << out.error().error.to_string();
    if (!c.reason.empty()) EXPECT_EQ(out.error().error.reason, c.reason);
  }
}

TEST_F(BedrockTest, BedrocksOpenAiPathIsPassedThrough) {
  aws_.dialect = "openai";
  imposter_->script(answer(200, kChat));
  auto out = call(aws_, openai(false));
  ASSERT_TRUE(out) << out.error().error.to_string();
  EXPECT_TRUE(sent("POST /openai/v1/chat/completions HTTP/1.1"));
  EXPECT_TRUE(sent("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"));
  EXPECT_EQ(out->openai_body, kChat);
}

TEST_F(BedrockTest, EuropeanSovereignHosts) {
  aws_.base_url.clear();
  aws_.region = "eusc-de-east-1";
  aws_.partition = "aws-eusc";
  EXPECT_TRUE(table_->find("aws-bedrock")->check(aws_));
  auto out = call(aws_, neutral());
  ASSERT_FALSE(out) << "no such host on this network";
  EXPECT_NE(out.error().error.to_string().find("amazonaws.eu"), std::string::npos)
      << out.error().error.to_string();
}

}  // namespace
}  // namespace drover::providers
