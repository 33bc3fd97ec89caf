#include "providers/aws/provider.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/limits/road.h"
#include "cloud/partition.h"
#include "providers/endpoint_url.h"

namespace drover::providers {
namespace {

constexpr std::string_view kProfile = "aws:profile=";
constexpr const char* kBearerVariable = "AWS_BEARER_TOKEN_BEDROCK";

bool flag(const catalog::Endpoint& endpoint, const char* name) {
  auto it = endpoint.options.find(name);
  return it != endpoint.options.end() && it->second == "true";
}

const dialect::Dialect& dialect_of(const catalog::Endpoint& endpoint) {
  return endpoint.dialect == "openai" ? dialect::openai() : dialect::converse();
}

Result<std::string> bedrock_base(const catalog::Endpoint& endpoint) {
  if (!endpoint.base_url.empty()) return endpoint.base_url;
  cloud::HostOptions options;
  options.fips = flag(endpoint, "fips");
  options.dual_stack = flag(endpoint, "dual_stack");
  TRY(std::string host,
      cloud::aws_host(cloud::AwsService::kBedrockRuntime, endpoint.region, options));
  return "https://" + host;
}

}  // namespace

AwsBedrock::AwsBedrock(const ProviderEnvironment& environment, Credentials& credentials)
    : environment_(environment), credentials_(credentials) {
  surroundings_.getenv = environment.getenv;
  surroundings_.read_file = environment.read_file;
}

Result<void> AwsBedrock::check(const catalog::Endpoint& endpoint) const {
  auto bad = [&](const std::string& what) {
    return fail(Code::kInvalidArgument, "endpoint '" + endpoint.id + "': " + what);
  };
  if (endpoint.region.empty()) return bad("region is missing, such as \"eu-central-1\"");
  TRY_VOID(check_base_url(endpoint));
  TRY_VOID(check_options(endpoint, {"fips", "dual_stack", "header:"}));
  Result<const cloud::Partition*> partition = cloud::partition_of(endpoint.region);
  if (!partition) return bad("region: " + partition.error().message);
  if (!endpoint.partition.empty() && endpoint.partition != (*partition)->id) {
    return bad("region '" + endpoint.region + "' belongs to the partition '" +
               std::string((*partition)->id) + "', not to '" + endpoint.partition + "'");
  }
  if (Result<std::string> base = bedrock_base(endpoint); !base) return bad(base.error().message);
  if (Result<void> form = check_credential_source(endpoint.credentials.source, true); !form) {
    return bad(form.error().message);
  }
  if (!endpoint.dialect.empty() && endpoint.dialect != "converse" && endpoint.dialect != "openai") {
    return bad("dialect must be \"converse\" or \"openai\"");
  }
  return {};
}

std::string AwsBedrock::bearer_source(const catalog::Endpoint& endpoint) const {
  const std::string& source = endpoint.credentials.source;
  if (!source.empty() && !source.starts_with("aws:")) return source;
  if (source.starts_with(kProfile) || !environment_.getenv) return {};
  // As the official SDKs: the API key comes before other credentials.
  std::optional<std::string> token = environment_.getenv(kBearerVariable);
  return token && !trim(*token).empty() ? std::string("env:") + kBearerVariable : std::string();
}

AwsBedrock::Identity& AwsBedrock::identity(const std::string& source) {
  std::unique_ptr<Identity>& slot = identities_[source];
  if (!slot) {
    std::string profile = source.starts_with(kProfile) ? source.substr(kProfile.size()) : "";
    slot = std::make_unique<Identity>(cloud::default_aws_credentials(surroundings_, profile));
  }
  return *slot;
}

Result<WireCallPtr> AwsBedrock::prepare(const catalog::Endpoint& endpoint, Prompt& prompt,
                                        bool stream, const AttemptOptions& options,
                                        http::RequestTarget& target) {
  auto made = std::make_unique<WireCall>();
  WireCall& call = *made;
  call.dialect = &dialect_of(endpoint);
  TRY(std::string base, bedrock_base(endpoint));
  std::string path = "openai/v1/chat/completions";
  if (!speaks_openai(*call.dialect)) {
    // ':' and '/' of model ids and ARNs are encoded, as the official SDKs send them.
    path = "model/" + percent_encode(upstream_model(endpoint)) +
           (stream ? "/converse-stream" : "/converse");
  }
  TRY(target.url, join_url(base, path));
  put_common(target, *call.dialect, endpoint, stream);
  put_option_headers(target.headers, endpoint);
  if (!options.idempotency_key.empty()) {
    target.headers.add("amz-sdk-invocation-id", options.idempotency_key);
    target.headers.add("amz-sdk-request",
                       "attempt=" + std::to_string(options.attempt) + "; max=" +
                           std::to_string(std::max(options.attempt, limits::kAttemptsMax)));
  }
  TRY_VOID(put_body(call, prompt, upstream_model(endpoint), stream, options.service_tier));
  return made;
}

Result<void> AwsBedrock::sign(WireCall& call, http::RequestTarget& target,
                              const catalog::Endpoint& endpoint,
                              const cloud::AwsCredentials& credentials, WallTime now) {
  std::unique_ptr<cloud::sigv4::Signer>& signer = signers_[endpoint.region];
  if (!signer) {
    signer = std::make_unique<cloud::sigv4::Signer>(
        endpoint.region, std::string(cloud::signing_name(cloud::AwsService::kBedrockRuntime)));
  }
  std::string authority = target.url.authority();
  std::string hash = crypto::sha256_hex(call.request.content());
  cloud::sigv4::Request request;
  request.method = target.method;
  request.target = target.url.target;
  const std::vector<http::Headers::Field> headers = target.headers.copy();
  request.headers = headers;
  request.authority = authority;
  request.payload_hash = hash;
  TRY(std::vector<http::Headers::Field> added, signer->sign(request, credentials, now));
  for (const auto& [name, value] : added) target.headers.set(name, value);
  call.secrets.add(SecretPtr::make(credentials.secret_access_key));
  call.secrets.add(SecretPtr::make(credentials.session_token));
  return {};
}

Task<Attempted> AwsBedrock::call(Context ctx, const catalog::Endpoint& endpoint, Prompt& prompt,
                                 Sink* sink, AttemptOptions options) {
  auto target = std::make_unique<http::RequestTarget>();
  Result<WireCallPtr> call = prepare(endpoint, prompt, sink != nullptr, options, *target);
  if (!call) co_return attempt_failed(std::move(call).error());
  std::string bearer = bearer_source(endpoint);
  Identity::Value credentials;
  if (!bearer.empty()) {
    Result<SecretPtr> key = credentials_.get(ctx, bearer);
    if (!key) co_return attempt_failed(std::move(key).error());
    put_bearer(target->headers, **key);
    (*call)->secrets.add(std::move(*key));
  } else {
    Result<Identity::Value> got = co_await identity(endpoint.credentials.source).get(ctx);
    if (!got) {
      Error error = std::move(got).error();
      // Nothing found, or nothing usable, is for the operator to mend; other endpoints may have
      // their own.
      bool ours = error.code == Code::kNotFound || error.code == Code::kFailedPrecondition ||
                  error.code == Code::kInvalidArgument;
      if (ours) error.code = Code::kUnauthenticated;
      if (error.reason.empty()) error.reason = "missing_credentials";
      if (error.retry == Retry::kNever) error.retry = Retry::kOtherTarget;
      co_return attempt_failed(std::move(error));
    }
    credentials = std::move(*got);
    Result<void> signed_ = sign(**call, *target, endpoint, *credentials, ctx.loop().wall());
    if (!signed_) co_return attempt_failed(std::move(signed_).error());
  }
  (*call)->target = TargetPtr::make(std::move(*target));
  target = nullptr;
  Attempted answer =
      co_await run_attempt(ctx, environment_.client, std::move(*call), prompt, sink, options);
  if (!answer && answer.error().error.code == Code::kUnauthenticated) {
    // Expired or revoked early: the next call gets fresh ones.
    if (credentials) identity(endpoint.credentials.source).invalidate(credentials);
    if (!bearer.empty()) credentials_.refused(bearer);
  }
  co_return answer;
}

}  // namespace drover::providers
