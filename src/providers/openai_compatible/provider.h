#pragma once
// Every server that speaks OpenAI's chat completions: OpenAI, CoreWeave, vLLM, llama-server,
// Ollama. Options of an endpoint: "organization", "project" (headers of OpenAI and W&B),
// "header:NAME" (CoreWeave's header-based routing), "path" instead of "/chat/completions".

#include "providers/attempt.h"
#include "providers/credentials.h"
#include "providers/endpoint_url.h"
#include "providers/openai_compatible/profiles.h"

namespace drover::providers {

class OpenAiCompatible final : public Provider {
 public:
  OpenAiCompatible(const OpenAiProfile& profile, const ProviderEnvironment& environment,
                   Credentials& credentials)
      : profile_(profile), environment_(environment), credentials_(credentials) {}

  std::string_view name() const override { return profile_.name; }
  std::string_view otel_name() const override { return profile_.otel_name; }
  Result<void> check(const catalog::Endpoint& endpoint) const override;
  Task<Attempted> call(Context ctx, const catalog::Endpoint& endpoint, Prompt& prompt, Sink* sink,
                       AttemptOptions options) override;

 private:
  Result<WireCallPtr> prepare(const Context& ctx, const catalog::Endpoint& endpoint, Prompt& prompt,
                              bool stream, const AttemptOptions& options);
  const OpenAiProfile& profile_;
  const ProviderEnvironment& environment_;
  Credentials& credentials_;
  EndpointUrls urls_;
};

}  // namespace drover::providers
