#pragma once
// AWS Bedrock on bedrock-runtime. Two dialects:
//   "converse" (default)  POST /model/{modelId}/converse and …/converse-stream (event stream)
//   "openai"              POST /openai/v1/chat/completions (server-sent events)
// The host follows the region's partition (commercial, GovCloud, European Sovereign Cloud …) unless
// base_url is given. Credentials: "aws:default" (environment, then profile files; where
// AWS_BEARER_TOKEN_BEDROCK is set, that), "aws:profile=NAME", both signed with SigV4; or "env:NAME"
// / "file:PATH" for a Bedrock API key as bearer token. Options: "fips", "dual_stack" ("true").
// Sources: Bedrock API reference (Converse, ConverseStream); SigV4 in src/cloud.

#include <map>
#include <memory>

#include "cloud/credentials.h"
#include "cloud/sigv4.h"
#include "providers/attempt.h"
#include "providers/credentials.h"

namespace drover::providers {

class AwsBedrock final : public Provider {
 public:
  AwsBedrock(const ProviderEnvironment& environment, Credentials& credentials);

  std::string_view name() const override { return "aws-bedrock"; }
  std::string_view otel_name() const override { return "aws.bedrock"; }
  Result<void> check(const catalog::Endpoint& endpoint) const override;
  Task<Attempted> call(Context ctx, const catalog::Endpoint& endpoint, Prompt& prompt, Sink* sink,
                       AttemptOptions options) override;

 private:
  using Identity = cloud::Refreshing<cloud::AwsCredentials>;
  /// All but access: the target is to be completed and given to the call.
  Result<WireCallPtr> prepare(const catalog::Endpoint& endpoint, Prompt& prompt, bool stream,
                              const AttemptOptions& options, http::RequestTarget& target);
  /// The reference to a bearer token, or empty: then requests are signed.
  std::string bearer_source(const catalog::Endpoint& endpoint) const;
  Identity& identity(const std::string& source);
  Result<void> sign(WireCall& call, http::RequestTarget& target, const catalog::Endpoint& endpoint,
                    const cloud::AwsCredentials& credentials, WallTime now);

  const ProviderEnvironment& environment_;
  Credentials& credentials_;
  cloud::Surroundings surroundings_;
  std::map<std::string, std::unique_ptr<Identity>> identities_;
  std::map<std::string, std::unique_ptr<cloud::sigv4::Signer>> signers_;  // by region
};

}  // namespace drover::providers
