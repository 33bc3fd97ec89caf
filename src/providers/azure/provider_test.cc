// Azure against an imposter: paths, keys and Entra tokens, streams. (OpenAI's form is tested with
// the road.)

#include "providers/azure/provider.h"

#include <gtest/gtest.h>

#include "providers/providers_test_fixture.h"

namespace drover::providers {
namespace {

class RawSink final : public Sink {
 public:
  bool wants_raw() const override { return true; }
  Task<Result<void>> delta(Context ctx, const contract::StreamDelta& delta) override {
    ADD_FAILURE() << "raw was asked for";
    co_return Result<void>();
  }
  Result<void> raw(std::string_view data, bool visible) override {
    events.emplace_back(data);
    shown.push_back(visible);
    return {};
  }
  Task<Result<void>> flush(Context ctx) override {
    flushed.push_back(events.size());
    co_return Result<void>();
  }
  std::vector<std::string> events;
  std::vector<bool> shown;
  std::vector<size_t> flushed;  // how many events were here each time that no more were
};

class AzureTest : public ProvidersTest {
 protected:
  void sign_in_by_entra() {
    azure_.options = {{"auth", "entra"},
                      {"tenant_id", "t-1"},
                      {"client_id", "c-1"},
                      {"authority", "http://login.test"}};
    azure_.credentials.source = "env:CLIENT_SECRET";
  }
};

TEST_F(AzureTest, AzureDatedAndV1Forms) {
  imposter_->script(answer(200, kChat, "apim-request-id: ap-1\r\nx-ms-region: Sweden Central\r\n"));
  auto dated = call(azure_, openai(false));
  ASSERT_TRUE(dated) << dated.error().error.to_string();
  EXPECT_TRUE(
      sent("POST /openai/deployments/my%20deployment/chat/completions?api-version="
           "2024-10-21 HTTP/1.1"))
      << request();
  EXPECT_TRUE(sent("api-key: azure-canary-key"));
  EXPECT_TRUE(sent("idempotency-key: ses_1/4"));
  EXPECT_TRUE(sent("x-drover-attempt: 1"));
  EXPECT_FALSE(sent("authorization"));
  EXPECT_EQ(dated->openai_body, kChat);
  EXPECT_EQ(dated->response.request_id, "ap-1");
  EXPECT_EQ(dated->facts->get("x-ms-region"), "Sweden Central");

  azure_.api_version.clear();
  azure_.base_url = "http://cloud.test/openai/v1/";
  ASSERT_TRUE(call(azure_, openai(false)));
  EXPECT_TRUE(sent("POST /openai/v1/chat/completions HTTP/1.1")) << request();
  EXPECT_TRUE(sent(R"("model":"my deployment")"));
}

TEST_F(AzureTest, AzuresEmptyFirstChunkPassesAndIsNotVisible) {
  std::string filter =
      R"({"choices":[],"created":0,"id":"","model":"","prompt_filter_results":[{"prompt_index":0}]})";
  std::string text =
      R"({"id":"c1","model":"gpt-4o","choices":[{"index":0,"delta":{"content":"Hi"}}]})";
  ImposterScript script = stream_head();
  script.then(sse(filter) + sse(text) + end_of_stream());
  imposter_->script(script);
  RawSink sink;
  auto out = call(azure_, openai(true), &sink);
  ASSERT_TRUE(out) << out.error().error.to_string();
  EXPECT_EQ(sink.events, (std::vector<std::string>{filter, text}));
  EXPECT_EQ(sink.shown, (std::vector<bool>{false, true}));
  EXPECT_EQ(out->response.id, "c1");
  EXPECT_EQ(out->response.model, "gpt-4o");
}

TEST_F(AzureTest, EventsThatCameTogetherAreHandedOnTogether) {
  auto text = [](const std::string& word) {
    return R"({"id":"c1","model":"gpt-4o","choices":[{"index":0,"delta":{"content":")" + word +
           R"("}}]})";
  };
  ImposterScript script = stream_head();
  script.then(sse(text("a")) + sse(text("b")), 10ms).then(sse(text("c")), 10ms);
  script.then(sse(text("d")) + end_of_stream(), 10ms);
  imposter_->script(script);
  // A body that does not end with its stream must not keep the last event from the caller.
  ImposterScript late = stream_head();
  late.then(sse(text("a")) + sse("[DONE]")).then("0\r\n\r\n", 20ms);
  imposter_->script(late);
  RawSink sink;
  ASSERT_TRUE(call(azure_, openai(true), &sink));
  EXPECT_EQ(sink.events.size(), 4u);
  EXPECT_EQ(sink.flushed, (std::vector<size_t>{2, 3})) << "the last one goes out with the end";
  RawSink second;
  ASSERT_TRUE(call(azure_, openai(true), &second));
  EXPECT_EQ(second.flushed, std::vector<size_t>{1});
}

TEST_F(AzureTest, AzureContentFilterEndsTheCall) {
  imposter_->script(answer(
      400,
      R"({"error":{"code":"content_filter","param":"prompt","status":400,"message":"blocked"}})"));
  auto out = call(azure_, neutral());
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().error.reason, "content_filter");
  EXPECT_EQ(out.error().error.retry, Retry::kNever);
}

TEST_F(AzureTest, EntraTokensAreFetchedOnceAndRenewed) {
  login_ = std::make_unique<Imposter>(loop_, network_, "login.test");
  login_->script(
      answer(200, R"({"token_type":"Bearer","expires_in":3600,"access_token":"tok-one"})"));
  login_->script(
      answer(200, R"({"token_type":"Bearer","expires_in":3600,"access_token":"tok-two"})"));
  imposter_->script(answer(200, kChat));
  sign_in_by_entra();
  ASSERT_TRUE(call(azure_, neutral()));
  ASSERT_TRUE(call(azure_, neutral()));
  EXPECT_TRUE(sent("authorization: Bearer tok-one"));
  ASSERT_EQ(login_->requests().size(), 1u);
  EXPECT_NE(login_->requests()[0].find("POST /t-1/oauth2/v2.0/token HTTP/1.1"), std::string::npos);
  EXPECT_EQ(login_->last_body(),
            "grant_type=client_credentials&client_id=c-1&client_secret=entra%20canary%2Bsecret&"
            "scope=https%3A%2F%2Fcognitiveservices.azure.com%2F.default");
  loop_.run_for(56min);
  ASSERT_TRUE(call(azure_, neutral()));
  EXPECT_TRUE(sent("authorization: Bearer tok-two"));
  EXPECT_EQ(login_->requests().size(), 2u);
}

TEST_F(AzureTest, EntraRefusalsNameNoSecret) {
  login_ = std::make_unique<Imposter>(loop_, network_, "login.test");
  login_->script(answer(
      401,
      R"({"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret entra canary+secret.\r\nTrace"})"));
  sign_in_by_entra();
  auto out = call(azure_, neutral());
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().error.code, Code::kUnauthenticated);
  EXPECT_NE(out.error().error.message.find("AADSTS7000215"), std::string::npos);
  EXPECT_EQ(out.error().error.to_string().find("canary"), std::string::npos)
      << out.error().error.to_string();
  EXPECT_TRUE(imposter_->requests().empty());
}

}  // namespace
}  // namespace drover::providers
