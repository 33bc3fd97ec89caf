#include "providers/openai_compatible/provider.h"

#include "providers/endpoint_url.h"

namespace drover::providers {
namespace {

constexpr std::string_view kPath = "/chat/completions";

const std::string* option(const catalog::Endpoint& endpoint, const char* name) {
  if (endpoint.options.empty()) return nullptr;  // as mostly
  auto it = endpoint.options.find(name);
  return it == endpoint.options.end() ? nullptr : &it->second;
}

}  // namespace

Result<void> OpenAiCompatible::check(const catalog::Endpoint& endpoint) const {
  auto bad = [&](const std::string& what) {
    return fail(Code::kInvalidArgument, "endpoint '" + endpoint.id + "': " + what);
  };
  if (endpoint.base_url.empty() && profile_.base_url.empty()) {
    return bad("base_url is missing: provider '" + std::string(name()) +
               "' runs wherever you run it, such as \"http://127.0.0.1:8000/v1\"");
  }
  TRY_VOID(check_base_url(endpoint));
  TRY_VOID(check_options(endpoint, {"organization", "project", "path", "header:"}));
  if (Result<void> form = check_credential_source(endpoint.credentials.source, false); !form) {
    return bad(form.error().message);
  }
  if (profile_.needs_credentials && endpoint.credentials.source.empty() &&
      endpoint.base_url.empty()) {
    return bad("credentials are missing, such as \"env:OPENAI_API_KEY\"");
  }
  if (!endpoint.dialect.empty() && endpoint.dialect != "openai") {
    return bad("provider '" + std::string(name()) + "' speaks only the dialect \"openai\"");
  }
  return {};
}

/// Whose call it is.
Result<void> OpenAiCompatible::put_access(const Context& ctx, const catalog::Endpoint& endpoint,
                                          WireCall& call) {
  TRY(Secret key, credentials_.get(ctx, endpoint.credentials.source));
  put_bearer(call, key);
  if (const std::string* organization = option(endpoint, "organization")) {
    call.request.headers.add("OpenAI-Organization", *organization);
  }
  if (const std::string* project = option(endpoint, "project")) {
    call.request.headers.add("OpenAI-Project", *project);
  }
  return {};
}

Task<Result<WireCallPtr>> OpenAiCompatible::open(Context ctx, const catalog::Endpoint& endpoint,
                                                 std::string path) {
  auto call = std::make_unique<WireCall>();
  call->dialect = &dialect::openai();
  std::string_view base =
      endpoint.base_url.empty() ? profile_.base_url : std::string_view(endpoint.base_url);
  CO_TRY(call->request.url, join_url(base, path));
  put_common(*call, endpoint, false);
  CO_TRY_VOID(put_access(ctx, endpoint, *call));
  put_option_headers(*call, endpoint);
  call->refused = [this, &endpoint] { credentials_.refused(endpoint.credentials.source); };
  co_return call;
}

Result<WireCallPtr> OpenAiCompatible::prepare(const Context& ctx, const catalog::Endpoint& endpoint,
                                              Prompt& prompt, bool stream,
                                              const AttemptOptions& options) {
  auto made = std::make_unique_for_overwrite<WireCall>();  // no zeros below its own defaults
  WireCall& call = *made;
  call.dialect = &dialect::openai();
  std::string_view base =
      endpoint.base_url.empty() ? profile_.base_url : std::string_view(endpoint.base_url);
  const std::string* path = option(endpoint, "path");
  TRY(const http::Url* url,
      urls_.get(endpoint, base, path != nullptr ? std::string_view(*path) : kPath));
  call.request.url = *url;
  put_common(call, endpoint, stream);
  TRY_VOID(put_access(ctx, endpoint, call));
  put_attempt(call, options);
  put_option_headers(call, endpoint);
  TRY_VOID(put_body(call, prompt, upstream_model(endpoint), stream, options.service_tier));
  return made;
}

Task<Attempted> OpenAiCompatible::call(Context ctx, const catalog::Endpoint& endpoint,
                                       Prompt& prompt, Sink* sink, AttemptOptions options) {
  Result<WireCallPtr> call = prepare(ctx, endpoint, prompt, sink != nullptr, options);
  if (!call) return failed_attempt(std::move(call).error());
  (*call)->refused = [this, &endpoint] { credentials_.refused(endpoint.credentials.source); };
  return run_attempt(std::move(ctx), environment_.client, std::move(*call), prompt, sink,
                     std::move(options));
}

}  // namespace drover::providers
