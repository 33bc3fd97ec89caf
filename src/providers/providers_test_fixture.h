#pragma once
// The table of providers over an imposter on virtual time, with an endpoint of Azure and one of
// Bedrock that lead to it.

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "providers/imposter_test_server.h"
#include "providers/provider.h"
#include "providers/test_environment.h"

namespace drover::providers {

inline constexpr const char* kChat =
    R"({"id":"c","object":"chat.completion","created":1,"model":"gpt-4o-2026","choices":[{"index":0,)"
    R"("message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}],)"
    R"("usage":{"prompt_tokens":3,"completion_tokens":1}})";

class ProvidersTest : public ::testing::Test {
 protected:
  ProvidersTest() {
    client_ = http::make_client(loop_, network_.dialer());
    environment_["AZURE_KEY"] = "azure-canary-key";
    environment_["CLIENT_SECRET"] = "entra canary+secret";
    environment_["AWS_ACCESS_KEY_ID"] = "AKIDEXAMPLE";
    environment_["AWS_SECRET_ACCESS_KEY"] = "aws-canary-secret";
    environment_["AWS_SESSION_TOKEN"] = "aws-canary-session";
    ProviderEnvironment env = test_environment(*client_, random_, environment_);
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
    return Prompt::from_openai(std::string(body), *dialect::scan_openai_request(body));
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

}  // namespace drover::providers
