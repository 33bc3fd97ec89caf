// The road and its providers over all simulated clouds, on the simulated network and virtual time:
// each way to authenticate, each dialect, streamed and not, and a cloud that goes down.

#include <gtest/gtest.h>

#include "base/limits/catalog.h"
#include "dialect/openai_scan.h"
#include "sim/clouds_test_fixture.h"

namespace drover::sim {
namespace {

using async::Context;
using async::Task;

class TextSink final : public providers::Sink {
 public:
  explicit TextSink(bool raw) : raw_(raw) {}
  void begin_attempt(const catalog::Endpoint& endpoint) override { raws.clear(); }
  bool wants_raw() const override { return raw_; }
  Task<Result<void>> delta(Context ctx, const contract::StreamDelta& delta) override {
    if (const auto* t = std::get_if<contract::TextDelta>(&delta)) text += t->text;
    co_return Result<void>();
  }
  Result<void> raw(std::string_view data, bool visible) override {
    raws.emplace_back(data);
    return {};
  }
  std::string text;
  std::vector<std::string> raws;

 private:
  bool raw_;
};

class CloudsRoad : public CloudsTest {
 protected:
  CloudsRoad() : road_(road::make_road(road_parts())) {}
  ~CloudsRoad() override { loop_.run_task(road_->close()); }

  catalog::Endpoint aws(const std::string& model, const std::string& dialect = "") {
    const SimCloud& cloud = *clouds_->find(CloudKind::kAws);
    const SimAccessKey& key = cloud.options().credentials.access_keys[1];
    environment_["AWS_ACCESS_KEY_ID"] = key.id;
    environment_["AWS_SECRET_ACCESS_KEY"] = key.secret;
    environment_["AWS_SESSION_TOKEN"] = key.session_token;
    environment_["BEDROCK_KEY"] = cloud.options().credentials.bearer_tokens[0];
    catalog::Endpoint e = endpoint("aws-bedrock", model, cloud.places()[0].url);
    e.region = cloud.places()[0].region;
    e.dialect = dialect;
    e.credentials.source = "aws:default";
    return e;
  }
  catalog::Endpoint azure(const std::string& api_version) {
    const SimCloud& cloud = *clouds_->find(CloudKind::kAzure);
    environment_["AZURE_KEY"] = cloud.options().credentials.api_keys[0];
    environment_["AZURE_SECRET"] = cloud.options().credentials.entra[0].client_secret;
    catalog::Endpoint e = endpoint("azure-openai", "gpt-4o", cloud.places()[0].url);
    e.deployment = "gpt-4o";
    e.api_version = api_version;
    e.credentials.source = "env:AZURE_KEY";
    return e;
  }
  catalog::Endpoint azure_entra() {
    catalog::Endpoint e = azure("");
    const SimCloud& cloud = *clouds_->find(CloudKind::kAzure);
    const SimEntra& entra = cloud.options().credentials.entra[0];
    e.options = {{"auth", "entra"},
                 {"tenant_id", entra.tenant},
                 {"client_id", entra.client_id},
                 {"authority", cloud.places()[0].url}};
    e.credentials.source = "env:AZURE_SECRET";
    return e;
  }
  catalog::Endpoint coreweave() {
    const SimCloud& cloud = *clouds_->find(CloudKind::kCoreWeave);
    environment_["CW_KEY"] = cloud.options().credentials.bearer_tokens[0];
    catalog::Endpoint e =
        endpoint("coreweave", "openai/gpt-oss-120b", cloud.places()[0].url + "/v1");
    e.credentials.source = "env:CW_KEY";
    return e;
  }
  static catalog::Endpoint endpoint(const std::string& provider, const std::string& upstream,
                                    const std::string& url) {
    catalog::Endpoint e;
    e.id = provider;
    e.provider = provider;
    e.model = "m";
    e.upstream_model = upstream;
    e.base_url = url;
    return e;
  }
  void serve(std::vector<catalog::Endpoint> endpoints) {
    for (const catalog::Endpoint& e : endpoints) {
      Result<void> checked = table_->find(e.provider)->check(e);
      EXPECT_TRUE(checked) << checked.error().message;
    }
    ASSERT_TRUE(catalog_.replace(std::move(endpoints)));
  }

  road::ModelResult ask(std::string text, bool openai, providers::Sink* sink) {
    contract::ChatRequest request;
    request.model = asked_;
    request.messages.push_back(contract::Message::of_text(contract::Role::kUser, text));
    providers::Prompt prompt = providers::Prompt::from_chat(std::move(request));
    if (openai) {
      std::string body = R"({"model":")" + asked_ + R"(","messages":[{"role":"user","content":")" +
                         text + (sink != nullptr ? "\"}],\"stream\":true}" : "\"}]}");
      prompt =
          providers::Prompt::from_openai(std::string(body), *dialect::scan_openai_request(body));
    }
    road::ModelCall call{
        identity::Principal::system(TenantId("ten_1")), {asked_}, std::move(prompt), "key-1"};
    return loop_.run_task(road_->call_model(Context(loop_), std::move(call), sink));
  }

  void expect_all_ways(const catalog::Endpoint& e) {
    SCOPED_TRACE(e.id + " " + e.dialect + " " + e.api_version);
    serve({e});
    auto plain = ask("say:Grüß dich", false, nullptr);
    ASSERT_TRUE(plain) << plain.error().error.to_string();
    EXPECT_EQ(plain->answer->response.message.text(), "Grüß dich");
    EXPECT_TRUE(plain->answer->response.usage.known());
    EXPECT_FALSE(plain->answer->response.usage.estimated);
    EXPECT_FALSE(plain->answer->response.request_id.empty());

    TextSink decoded(false);
    auto streamed = ask("say:Grüß dich", false, &decoded);
    ASSERT_TRUE(streamed) << streamed.error().error.to_string();
    EXPECT_EQ(decoded.text, "Grüß dich");
    EXPECT_EQ(streamed->answer->response.message, plain->answer->response.message);
    EXPECT_EQ(streamed->answer->response.usage, plain->answer->response.usage);

    auto body = ask("say:Grüß dich", true, nullptr);
    ASSERT_TRUE(body) << body.error().error.to_string();
    bool openai_like = e.provider != "aws-bedrock" || e.dialect == "openai";
    EXPECT_EQ(body->answer->openai_body.has_value(), openai_like);

    TextSink raw(true);
    auto bytes = ask("say:Grüß dich", true, &raw);
    ASSERT_TRUE(bytes) << bytes.error().error.to_string();
    EXPECT_EQ(raw.raws.empty(), !openai_like);
    for (const std::string& event : raw.raws) {
      EXPECT_EQ(event.find("\"prompt_tokens\""), std::string::npos) << "usage was not asked for";
    }
    EXPECT_EQ(bytes->answer->response.usage.output_tokens,
              plain->answer->response.usage.output_tokens);
  }

  std::string asked_ = "m";
  std::unique_ptr<road::Road> road_;
};

TEST_F(CloudsRoad, EveryCloudAndEveryKey) {
  expect_all_ways(coreweave());
  expect_all_ways(azure("2024-10-21"));
  expect_all_ways(azure(""));
  expect_all_ways(azure_entra());
  expect_all_ways(aws("us.amazon.nova-pro-v1:0"));
  expect_all_ways(aws("openai.gpt-oss-120b-1:0", "openai"));
  // Under the name that the cloud has for it nothing is put into the body: it is signed as it came.
  catalog::Endpoint alike = aws("openai.gpt-oss-120b-1:0", "openai");
  alike.model = asked_ = alike.upstream_model;
  expect_all_ways(alike);
  asked_ = "m";
  catalog::Endpoint bearer = aws("anthropic.claude-sonnet-4-6");
  bearer.credentials.source = "env:BEDROCK_KEY";
  expect_all_ways(bearer);
}

TEST_F(CloudsRoad, WrongKeysAreRefusedAndNotShown) {
  catalog::Endpoint a = aws("us.amazon.nova-pro-v1:0");
  environment_["AWS_SECRET_ACCESS_KEY"] = "wrong-canary-secret-of-forty-characters-x";
  serve({a, coreweave()});
  auto out = ask("say:hi", false, nullptr);
  ASSERT_TRUE(out) << out.error().error.to_string();
  EXPECT_EQ(out->endpoint->provider, "coreweave");
  ASSERT_EQ(out->attempts.size(), 2u);
  std::string shown = out->attempts[0].error->to_string();
  for (const store::SpanRow& span : spans_.spans()) shown += span.attributes.inside();
  EXPECT_EQ(shown.find("canary"), std::string::npos) << shown;
}

TEST_F(CloudsRoad, WhatADialectCannotSayGoesToOneThatCan) {
  serve({aws("us.amazon.nova-pro-v1:0"), coreweave()});
  std::string body = R"({"model":"m","n":2,"messages":[{"role":"user","content":"say:hi"}]})";
  road::ModelCall call{
      identity::Principal::system(TenantId("ten_1")),
      {"m"},
      providers::Prompt::from_openai(std::string(body), *dialect::scan_openai_request(body)),
      "key-1"};
  auto out = loop_.run_task(road_->call_model(Context(loop_), std::move(call), nullptr));
  ASSERT_TRUE(out) << out.error().error.to_string();
  ASSERT_EQ(out->attempts.size(), 2u);
  EXPECT_EQ(out->attempts[0].error->reason, "unsupported");
  EXPECT_EQ(out->endpoint->provider, "coreweave");
  EXPECT_TRUE(health_.check(catalog_.get()->endpoints()[0]).usable());
}

TEST_F(CloudsRoad, ACloudGoesDownAndComesBack) {
  serve({aws("us.amazon.nova-pro-v1:0"), azure("2024-10-21"), coreweave()});
  SimCloud& cloud = *clouds_->find(CloudKind::kAws);
  ASSERT_EQ(ask("say:one", false, nullptr)->endpoint->provider, "aws-bedrock");
  cloud.set_outage(true);
  for (int i = 0; i < 5; ++i) {
    TextSink sink(false);
    auto out = ask("say:two", false, &sink);
    ASSERT_TRUE(out) << out.error().error.to_string();
    EXPECT_EQ(out->endpoint->provider, "azure-openai");
    EXPECT_EQ(sink.text, "two");
  }
  cloud.set_outage(false);
  loop_.run_for(limits::kCircuitPauseMax);
  EXPECT_EQ(ask("say:three", false, nullptr)->endpoint->provider, "aws-bedrock");
}

}  // namespace
}  // namespace drover::sim
