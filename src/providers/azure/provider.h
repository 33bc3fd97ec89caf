#pragma once
// Azure OpenAI and Foundry. Two forms of URL:
//   with api_version   {base}/openai/deployments/{deployment}/chat/completions?api-version=…
//   without            {base}/openai/v1/chat/completions, the deployment as `model`
// base_url is "https://{resource}.openai.azure.com" (or .services.ai.azure.com), or the option
// "resource" names it. Authentication: the credentials as `api-key`; with option auth "entra" an
// Entra token by client credentials (options tenant_id, client_id, authority, scope; credentials is
// the client secret); with auth "bearer" the credentials as a bearer token of their own.
// Source: PROTOCOLS of Azure OpenAI: REST reference, "data plane inference"; Foundry v1 API.

#include "providers/attempt.h"
#include "providers/azure/entra.h"
#include "providers/credentials.h"
#include "providers/openai_compatible/batches.h"

namespace drover::providers {

class AzureOpenAi final : public Provider, private BatchAccess {
 public:
  AzureOpenAi(const ProviderEnvironment& environment, Credentials& credentials)
      : environment_(environment),
        credentials_(credentials),
        batches_(*this, environment.client, environment.random) {}

  std::string_view name() const override { return "azure-openai"; }
  std::string_view otel_name() const override { return "azure.ai.openai"; }
  Result<void> check(const catalog::Endpoint& endpoint) const override;
  Task<Attempted> call(Context ctx, const catalog::Endpoint& endpoint, Prompt& prompt, Sink* sink,
                       AttemptOptions options) override;
  BatchClient* batches() override { return &batches_; }

 private:
  Task<Result<BatchCall>> open(Context ctx, const catalog::Endpoint& endpoint,
                               std::string path) override;
  std::string_view url() const override { return "/chat/completions"; }
  const std::string& model(const catalog::Endpoint& endpoint) const override;
  const dialect::Dialect& dialect() const override { return dialect::azure(); }
  /// Whose call it is; the Entra token that it was given, if it was one.
  Task<Result<cloud::Refreshing<cloud::BearerToken>::Value>> put_access(
      Context ctx, const catalog::Endpoint& endpoint, http::Headers* headers, CallSecrets* secrets);

  using Tokens = cloud::Refreshing<cloud::BearerToken>;
  /// All but access: the target is to be completed and given to the call.
  Result<WireCallPtr> prepare(const catalog::Endpoint& endpoint, Prompt& prompt, bool stream,
                              const AttemptOptions& options, http::RequestTarget& target);
  Tokens& tokens(const catalog::Endpoint& endpoint);

  const ProviderEnvironment& environment_;
  Credentials& credentials_;
  /// One per identity, shared by its endpoints.
  std::map<std::string, std::unique_ptr<Tokens>> tokens_;
  OpenAiBatches batches_;
};

}  // namespace drover::providers
