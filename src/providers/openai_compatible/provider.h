#pragma once
// Every server that speaks OpenAI's chat completions: OpenAI, CoreWeave, vLLM, llama-server,
// Ollama. Options of an endpoint: "organization", "project" (headers of OpenAI and W&B),
// "header:NAME" (CoreWeave's header-based routing), "path" instead of "/chat/completions".

#include "providers/attempt.h"
#include "providers/credentials.h"
#include "providers/endpoint_url.h"
#include "providers/openai_compatible/batches.h"
#include "providers/openai_compatible/profiles.h"

namespace drover::providers {

class OpenAiCompatible final : public Provider, private BatchAccess {
 public:
  OpenAiCompatible(const OpenAiProfile& profile, const ProviderEnvironment& environment,
                   Credentials& credentials)
      : profile_(profile),
        environment_(environment),
        credentials_(credentials),
        batches_(*this, environment.client, environment.random) {}

  std::string_view name() const override { return profile_.name; }
  std::string_view otel_name() const override { return profile_.otel_name; }
  Result<void> check(const catalog::Endpoint& endpoint) const override;
  Task<Attempted> call(Context ctx, const catalog::Endpoint& endpoint, Prompt& prompt, Sink* sink,
                       AttemptOptions options) override;
  BatchClient* batches() override { return &batches_; }

 private:
  Task<Result<BatchCall>> open(Context ctx, const catalog::Endpoint& endpoint,
                               std::string path) override;
  std::string_view url() const override { return "/v1/chat/completions"; }
  const std::string& model(const catalog::Endpoint& endpoint) const override {
    return upstream_model(endpoint);
  }
  const dialect::Dialect& dialect() const override { return dialect::openai(); }
  /// All but what an endpoint's own headers add to it or replace.
  Result<http::RequestTarget> make_target(const catalog::Endpoint& endpoint, const Secret& key,
                                          std::string_view path, bool stream) const;
  Result<void> put_target(const Context& ctx, WireCall& call, const catalog::Endpoint& endpoint,
                          const SecretPtr& key, bool stream, const AttemptOptions& options);
  Result<WireCallPtr> prepare(const Context& ctx, const catalog::Endpoint& endpoint, Prompt& prompt,
                              bool stream, const AttemptOptions& options);
  const OpenAiProfile& profile_;
  const ProviderEnvironment& environment_;
  Credentials& credentials_;
  EndpointTargets targets_;
  OpenAiBatches batches_;
};

}  // namespace drover::providers
