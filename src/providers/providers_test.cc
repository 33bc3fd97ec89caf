// Azure and Bedrock against imposters on virtual time: paths, authentication, framing, faults.
// (OpenAI's form is tested with the road.)

#include <gtest/gtest.h>

#include "cloud/sigv4_verify.h"
#include "http/event_stream.h"
#include "providers/imposter_test_server.h"
#include "providers/provider.h"

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

constexpr const char* kChat =
    R"({"id":"c","object":"chat.completion","created":1,"model":"gpt-4o-2026","choices":[{"index":0,)"
    R"("message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}],)"
    R"("usage":{"prompt_tokens":3,"completion_tokens":1}})";

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

class ProvidersTest : public ::testing::Test {
 protected:
  ProvidersTest() {
    client_ = http::make_client(loop_, network_.dialer());
    environment_["AZURE_KEY"] = "azure-canary-key";
    environment_["CLIENT_SECRET"] = "entra canary+secret";
    environment_["AWS_ACCESS_KEY_ID"] = "AKIDEXAMPLE";
    environment_["AWS_SECRET_ACCESS_KEY"] = "aws-canary-secret";
    environment_["AWS_SESSION_TOKEN"] = "aws-canary-session";
    ProviderEnvironment env;
    env.client = client_.get();
    env.random = &random_;
    env.getenv = [this](const std::string& name) -> std::optional<std::string> {
      auto it = environment_.find(name);
      if (it == environment_.end()) return std::nullopt;
      return it->second;
    };
    env.read_file = [this](const std::string& path) -> Result<std::string> {
      auto it = files_.find(path);
      if (it == files_.end()) return fail(Code::kNotFound, "no such file");
      return it->second;
    };
    table_ = std::make_unique<ProviderTable>(std::move(env));
    imposter_ = std::make_unique<Imposter>(loop_, network_, "cloud.test");
    azure_.id = "azure";
    azure_.provider = "azure-openai";
    azure_.model = "gpt-4o";
    azure_.deployment = "my deployment";
    azure_.api_version = "2024-10-21";
    azure_.base_url = "http://cloud.test";
    azure_.credentials.source = "env:AZURE_KEY";
    aws_.id = "aws";
    aws_.provider = "aws-bedrock";
    aws_.model = "claude";
    aws_.upstream_model = "us.anthropic.claude-v1:0";
    aws_.region = "us-east-1";
    aws_.base_url = "http://cloud.test";
    aws_.credentials.source = "aws:default";
  }
  ~ProvidersTest() override {
    client_->clear_idle();
    loop_.run_task(imposter_->close());
    if (login_) loop_.run_task(login_->close());
    loop_.run_for(1ms);  // the watchers of idle connections end
  }

  static Prompt neutral() {
    contract::ChatRequest request;
    request.model = "m";
    request.messages.push_back(contract::Message::of_text(contract::Role::kUser, "hi"));
    return Prompt::from_chat(std::move(request));
  }
  static Prompt openai(bool stream) {
    std::string body = R"({"model":"gpt-4o","messages":[{"role":"user","content":"hi"}])";
    body += stream ? R"(,"stream":true})" : "}";
    return Prompt::from_openai(body, *dialect::scan_openai_request(body));
  }
  Attempted call(const catalog::Endpoint& endpoint, Prompt prompt, Sink* sink = nullptr) {
    Provider* provider = table_->find(endpoint.provider);
    EXPECT_TRUE(provider->check(endpoint)) << provider->check(endpoint).error().message;
    AttemptOptions options;
    options.idempotency_key = "ses_1/4";
    return loop_.run_task(
        provider->call(Context(loop_), endpoint, prompt, sink, std::move(options)));
  }
  std::string request(size_t i = SIZE_MAX) {
    const auto& all = imposter_->requests();
    if (all.empty()) return {};
    return all[i == SIZE_MAX ? all.size() - 1 : i];
  }
  bool sent(const std::string& text) { return request().find(text) != std::string::npos; }

  async::SimLoop loop_;
  net::SimNetwork network_{loop_, 1};
  SeededRandom random_{7};
  std::unique_ptr<http::Client> client_;
  std::map<std::string, std::string> environment_;
  std::map<std::string, std::string> files_;
  std::unique_ptr<ProviderTable> table_;
  std::unique_ptr<Imposter> imposter_;
  std::unique_ptr<Imposter> login_;
  catalog::Endpoint azure_;
  catalog::Endpoint aws_;
};

TEST_F(ProvidersTest, AzureDatedAndV1Forms) {
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
  EXPECT_EQ(dated->facts.get("x-ms-region"), "Sweden Central");

  azure_.api_version.clear();
  azure_.base_url = "http://cloud.test/openai/v1/";
  ASSERT_TRUE(call(azure_, openai(false)));
  EXPECT_TRUE(sent("POST /openai/v1/chat/completions HTTP/1.1")) << request();
  EXPECT_TRUE(sent(R"("model":"my deployment")"));
}

TEST_F(ProvidersTest, AzuresEmptyFirstChunkPassesAndIsNotVisible) {
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

TEST_F(ProvidersTest, EventsThatCameTogetherAreHandedOnTogether) {
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

TEST_F(ProvidersTest, AzureContentFilterEndsTheCall) {
  imposter_->script(answer(
      400,
      R"({"error":{"code":"content_filter","param":"prompt","status":400,"message":"blocked"}})"));
  auto out = call(azure_, neutral());
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().error.reason, "content_filter");
  EXPECT_EQ(out.error().error.retry, Retry::kNever);
}

TEST_F(ProvidersTest, EntraTokensAreFetchedOnceAndRenewed) {
  login_ = std::make_unique<Imposter>(loop_, network_, "login.test");
  login_->script(
      answer(200, R"({"token_type":"Bearer","expires_in":3600,"access_token":"tok-one"})"));
  login_->script(
      answer(200, R"({"token_type":"Bearer","expires_in":3600,"access_token":"tok-two"})"));
  imposter_->script(answer(200, kChat));
  azure_.options = {{"auth", "entra"},
                    {"tenant_id", "t-1"},
                    {"client_id", "c-1"},
                    {"authority", "http://login.test"}};
  azure_.credentials.source = "env:CLIENT_SECRET";
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

TEST_F(ProvidersTest, EntraRefusalsNameNoSecret) {
  login_ = std::make_unique<Imposter>(loop_, network_, "login.test");
  login_->script(answer(
      401,
      R"({"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret entra canary+secret.\r\nTrace"})"));
  azure_.options = {{"auth", "entra"},
                    {"tenant_id", "t-1"},
                    {"client_id", "c-1"},
                    {"authority", "http://login.test"}};
  azure_.credentials.source = "env:CLIENT_SECRET";
  auto out = call(azure_, neutral());
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().error.code, Code::kUnauthenticated);
  EXPECT_NE(out.error().error.message.find("AADSTS7000215"), std::string::npos);
  EXPECT_EQ(out.error().error.to_string().find("canary"), std::string::npos)
      << out.error().error.to_string();
  EXPECT_TRUE(imposter_->requests().empty());
}

constexpr const char* kConverse =
    R"({"output":{"message":{"role":"assistant","content":[{"text":"Hi"}]}},"stopReason":"end_turn",)"
    R"("usage":{"inputTokens":3,"outputTokens":1,"totalTokens":4},"metrics":{"latencyMs":5}})";

TEST_F(ProvidersTest, BedrockSignsTheRawPath) {
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

TEST_F(ProvidersTest, BedrockApiKeysAndMissingCredentials) {
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

TEST_F(ProvidersTest, ConverseStreamInAnyPieces) {
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

TEST_F(ProvidersTest, ConverseStreamFaults) {
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

TEST_F(ProvidersTest, BedrocksOpenAiPathIsPassedThrough) {
  aws_.dialect = "openai";
  imposter_->script(answer(200, kChat));
  auto out = call(aws_, openai(false));
  ASSERT_TRUE(out) << out.error().error.to_string();
  EXPECT_TRUE(sent("POST /openai/v1/chat/completions HTTP/1.1"));
  EXPECT_TRUE(sent("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"));
  EXPECT_EQ(out->openai_body, kChat);
}

TEST_F(ProvidersTest, ChecksNameTheFieldAndTheRemedy) {
  auto fault = [&](catalog::Endpoint e) {
    auto checked = table_->find(e.provider)->check(e);
    return checked ? std::string("accepted") : checked.error().message;
  };
  catalog::Endpoint e = aws_;
  e.region = "frankfurt";
  e.base_url.clear();
  EXPECT_NE(fault(e).find("region"), std::string::npos) << fault(e);
  e = aws_;
  e.partition = "aws-eusc";
  EXPECT_NE(fault(e).find("partition"), std::string::npos) << fault(e);
  e = aws_;
  e.credentials.source = "AKIA-canary-pasted";
  EXPECT_NE(fault(e).find("env:NAME"), std::string::npos) << fault(e);
  EXPECT_EQ(fault(e).find("canary"), std::string::npos) << fault(e);
  e = azure_;
  e.base_url.clear();
  EXPECT_NE(fault(e).find("base_url"), std::string::npos) << fault(e);
  e = azure_;
  e.options["auht"] = "entra";
  EXPECT_NE(fault(e).find("auht"), std::string::npos) << fault(e);
  e = azure_;
  e.options["header:Authorization"] = "x";
  EXPECT_NE(fault(e).find("may not"), std::string::npos) << fault(e);
  e = azure_;
  e.options = {{"auth", "entra"},
               {"tenant_id", "t"},
               {"client_id", "c"},
               {"authority", "http://login.example.com"}};
  EXPECT_NE(fault(e).find("https"), std::string::npos) << fault(e);
  e = catalog::Endpoint();
  e.id = "v";
  e.provider = "vllm";
  e.model = "m";
  EXPECT_NE(fault(e).find("base_url"), std::string::npos) << fault(e);
  EXPECT_EQ(table_->find("nobody"), nullptr);
}

TEST_F(ProvidersTest, ABaseUrlOfAnotherRegionIsRefused) {
  auto fault = [&](catalog::Endpoint e) {
    auto checked = table_->find(e.provider)->check(e);
    return checked ? std::string("accepted") : checked.error().message;
  };
  aws_.region = "eu-central-1";
  aws_.base_url = "https://bedrock-runtime.us-east-1.amazonaws.com";
  EXPECT_NE(fault(aws_).find("leads to the region 'us-east-1', and its region is 'eu-central-1'"),
            std::string::npos)
      << fault(aws_);
  aws_.base_url = "https://bedrock-runtime.eu-central-1.amazonaws.com";
  EXPECT_EQ(fault(aws_), "accepted");
  azure_.base_url = "https://eastus.api.cognitive.microsoft.com";
  azure_.region = "germanywestcentral";
  EXPECT_NE(fault(azure_).find("'eastus'"), std::string::npos) << fault(azure_);
  // Also where only the place that it is said to be at has a region.
  azure_.region.clear();
  EXPECT_EQ(fault(azure_), "accepted") << "it claims to be nowhere";
  ASSERT_TRUE(azure_.facts.set({"region", "germanywestcentral", "operator", ""}));
  EXPECT_NE(fault(azure_).find("'eastus'"), std::string::npos) << fault(azure_);
}

TEST_F(ProvidersTest, EuropeanSovereignHosts) {
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
