#include "providers/azure/provider.h"

#include "base/bytes.h"
#include "providers/endpoint_url.h"

namespace drover::providers {
namespace {

std::string azure_option(const catalog::Endpoint& endpoint, const char* name) {
  auto it = endpoint.options.find(name);
  return it == endpoint.options.end() ? std::string() : it->second;
}

std::string azure_base(const catalog::Endpoint& endpoint) {
  std::string base = endpoint.base_url;
  if (base.empty()) return "https://" + azure_option(endpoint, "resource") + ".openai.azure.com";
  while (base.ends_with('/')) base.pop_back();
  // People paste either.
  for (std::string_view tail : {"/openai/v1", "/openai"}) {
    if (base.ends_with(tail)) base.resize(base.size() - tail.size());
  }
  return base;
}

const std::string& deployment_of(const catalog::Endpoint& endpoint) {
  return endpoint.deployment.empty() ? upstream_model(endpoint) : endpoint.deployment;
}

EntraOptions entra_of(const catalog::Endpoint& endpoint) {
  EntraOptions out;
  out.tenant_id = azure_option(endpoint, "tenant_id");
  out.client_id = azure_option(endpoint, "client_id");
  out.secret_source = endpoint.credentials.source;
  out.ca_file = endpoint.ca_file;
  std::string authority = azure_option(endpoint, "authority");
  std::string scope = azure_option(endpoint, "scope");
  if (!authority.empty()) out.authority = std::move(authority);
  if (!scope.empty()) out.scope = std::move(scope);
  return out;
}

}  // namespace

Result<void> AzureOpenAi::check(const catalog::Endpoint& endpoint) const {
  auto bad = [&](const std::string& what) {
    return fail(Code::kInvalidArgument, "endpoint '" + endpoint.id + "': " + what);
  };
  if (endpoint.base_url.empty() && azure_option(endpoint, "resource").empty()) {
    return bad("base_url is missing, such as \"https://RESOURCE.openai.azure.com\"");
  }
  TRY_VOID(check_base_url(endpoint));
  TRY_VOID(check_options(
      endpoint, {"resource", "auth", "tenant_id", "client_id", "authority", "scope", "header:"}));
  if (Result<void> form = check_credential_source(endpoint.credentials.source, false); !form) {
    return bad(form.error().message);
  }
  if (endpoint.credentials.source.empty()) {
    return bad("credentials are missing, such as \"env:AZURE_OPENAI_API_KEY\"");
  }
  std::string auth = azure_option(endpoint, "auth");
  if (!auth.empty() && auth != "api-key" && auth != "bearer" && auth != "entra") {
    return bad("option auth must be \"api-key\", \"bearer\" or \"entra\"");
  }
  if (auth == "entra") {
    if (Result<void> entra = check_entra(entra_of(endpoint)); !entra) {
      return bad(entra.error().message);
    }
  }
  if (!endpoint.dialect.empty() && endpoint.dialect != "azure") {
    return bad("provider 'azure-openai' speaks only the dialect \"azure\"");
  }
  return {};
}

AzureOpenAi::Tokens& AzureOpenAi::tokens(const catalog::Endpoint& endpoint) {
  EntraOptions options = entra_of(endpoint);
  std::string key = options.authority + '|' + options.tenant_id + '|' + options.client_id + '|' +
                    options.scope + '|' + options.secret_source;
  std::unique_ptr<Tokens>& slot = tokens_[key];
  if (!slot) {
    slot = std::make_unique<Tokens>(
        std::make_unique<EntraClientCredentials>(std::move(options), environment_, credentials_));
  }
  return *slot;
}

Result<WireCallPtr> AzureOpenAi::prepare(const catalog::Endpoint& endpoint, Prompt& prompt,
                                         bool stream, const AttemptOptions& options,
                                         http::RequestTarget& target) {
  auto made = std::make_unique<WireCall>();
  WireCall& call = *made;
  call.dialect = &dialect::azure();
  const std::string& deployment = deployment_of(endpoint);
  std::string path = "openai/v1/chat/completions";
  if (!endpoint.api_version.empty()) {
    path = "openai/deployments/" + percent_encode(deployment) +
           "/chat/completions?api-version=" + percent_encode(endpoint.api_version);
  }
  TRY(target.url, join_url(azure_base(endpoint), path));
  put_common(target, *call.dialect, endpoint, stream);
  put_attempt(target.headers, options);
  put_option_headers(target.headers, endpoint);
  TRY_VOID(put_body(call, prompt, deployment, stream, options.service_tier));
  return made;
}

Task<Result<AzureOpenAi::Tokens::Value>> AzureOpenAi::put_access(Context ctx,
                                                                 const catalog::Endpoint& endpoint,
                                                                 http::Headers* headers,
                                                                 CallSecrets* secrets) {
  const std::string auth = azure_option(endpoint, "auth");
  if (auth == "entra") {
    Result<Tokens::Value> got = co_await tokens(endpoint).get(ctx);
    if (got) {
      put_bearer(*headers, (*got)->token);
      secrets->add(SecretPtr::make((*got)->token));
    }
    co_return got;
  }
  Result<SecretPtr> key = credentials_.get(ctx, endpoint.credentials.source);
  if (!key) co_return fail(std::move(key).error());
  if (auth == "bearer") {
    put_bearer(*headers, **key);
  } else if (!(*key)->empty()) {
    headers->add("api-key", (*key)->reveal());
  }
  secrets->add(std::move(*key));
  co_return Tokens::Value();
}

const std::string& AzureOpenAi::model(const catalog::Endpoint& endpoint) const {
  return deployment_of(endpoint);
}

Task<Result<BatchCall>> AzureOpenAi::open(Context ctx, const catalog::Endpoint& endpoint,
                                          std::string path) {
  BatchCall call;
  std::string full = endpoint.api_version.empty() ? "openai/v1/" : "openai/";
  full += path;
  if (!endpoint.api_version.empty()) {
    full += (path.find('?') == std::string::npos ? "?" : "&");
    full += "api-version=" + percent_encode(endpoint.api_version);
  }
  CO_TRY(call.target.url, join_url(azure_base(endpoint), full));
  put_common(call.target, dialect::azure(), endpoint, false);
  put_option_headers(call.target.headers, endpoint);
  Result<Tokens::Value> token =
      co_await put_access(ctx, endpoint, &call.target.headers, &call.secrets);
  if (!token) co_return fail(std::move(token).error());
  const Tokens::Value used = *token;
  call.refused = [this, &endpoint, used] {
    if (used) tokens(endpoint).invalidate(used);
    credentials_.refused(endpoint.credentials.source);
  };
  co_return call;
}

Task<Attempted> AzureOpenAi::call(Context ctx, const catalog::Endpoint& endpoint, Prompt& prompt,
                                  Sink* sink, AttemptOptions options) {
  auto target = std::make_unique<http::RequestTarget>();
  Result<WireCallPtr> call = prepare(endpoint, prompt, sink != nullptr, options, *target);
  if (!call) co_return attempt_failed(std::move(call).error());
  Result<Tokens::Value> token =
      co_await put_access(ctx, endpoint, &target->headers, &(*call)->secrets);
  if (!token) co_return attempt_failed(std::move(token).error());
  (*call)->target = TargetPtr::make(std::move(*target));
  target = nullptr;
  Attempted answer =
      co_await run_attempt(ctx, environment_.client, std::move(*call), prompt, sink, options);
  if (!answer && answer.error().error.code == Code::kUnauthenticated) {
    if (*token) tokens(endpoint).invalidate(*token);
    credentials_.refused(endpoint.credentials.source);
  }
  co_return answer;
}

}  // namespace drover::providers
