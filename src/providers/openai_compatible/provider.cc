#include "providers/openai_compatible/provider.h"

#include "providers/endpoint_url.h"

namespace drover::providers {
namespace {

const std::string* option(const catalog::Endpoint& endpoint, const char* name) {
  if (endpoint.options.empty()) return nullptr;  // as mostly
  auto it = endpoint.options.find(name);
  return it == endpoint.options.end() ? nullptr : &it->second;
}

std::string_view chat_path(const catalog::Endpoint& endpoint) {
  const std::string* path = option(endpoint, "path");
  return path != nullptr ? std::string_view(*path) : "/chat/completions";
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

Result<http::RequestTarget> OpenAiCompatible::make_target(const catalog::Endpoint& endpoint,
                                                          const Secret& key, std::string_view path,
                                                          bool stream) const {
  http::RequestTarget out;
  TRY(out.url,
      join_url(endpoint.base_url.empty() ? profile_.base_url : std::string_view(endpoint.base_url),
               path));
  put_common(out, dialect::openai(), endpoint, stream);
  put_bearer(out.headers, key);
  if (const std::string* organization = option(endpoint, "organization")) {
    out.headers.add("OpenAI-Organization", *organization);
  }
  if (const std::string* project = option(endpoint, "project")) {
    out.headers.add("OpenAI-Project", *project);
  }
  return out;
}

Task<Result<BatchCall>> OpenAiCompatible::open(Context ctx, const catalog::Endpoint& endpoint,
                                               std::string path) {
  BatchCall call;
  CO_TRY(SecretPtr key, credentials_.get(ctx, endpoint.credentials.source));
  CO_TRY(call.target, make_target(endpoint, *key, path, false));
  call.secrets.add(std::move(key));
  put_option_headers(call.target.headers, endpoint);
  call.refused = [this, &endpoint] { credentials_.refused(endpoint.credentials.source); };
  co_return call;
}

Result<void> OpenAiCompatible::put_target(const Context& ctx, WireCall& call,
                                          const catalog::Endpoint& endpoint, const SecretPtr& key,
                                          bool stream, const AttemptOptions& options) {
  if (endpoint.number == 0 || has_option_headers(endpoint)) {
    // They may replace any other, and so come after those of the attempt. What is in no catalog may
    // change from call to call.
    TRY(http::RequestTarget own, make_target(endpoint, *key, chat_path(endpoint), stream));
    put_attempt(own.headers, options);
    put_option_headers(own.headers, endpoint);
    call.target = TargetPtr::make(std::move(own));
    return {};
  }
  TargetPtr& shared = targets_.at(endpoint, key, stream, ctx.loop().mono());
  if (shared == nullptr) {
    TRY(http::RequestTarget made, make_target(endpoint, *key, chat_path(endpoint), stream));
    made.prepare();
    shared = TargetPtr::make(std::move(made));
  }
  call.target = shared;
  put_attempt(call, options);
  return {};
}

Result<WireCallPtr> OpenAiCompatible::prepare(const Context& ctx, const catalog::Endpoint& endpoint,
                                              Prompt& prompt, bool stream,
                                              const AttemptOptions& options) {
  auto made = std::make_unique_for_overwrite<WireCall>();  // no zeros below its own defaults
  WireCall& call = *made;
  call.dialect = &dialect::openai();
  call.credentials = &credentials_;
  call.source = &endpoint.credentials.source;
  TRY(SecretPtr key, credentials_.get(ctx, endpoint.credentials.source));
  TRY_VOID(put_target(ctx, call, endpoint, key, stream, options));
  call.secrets.add(std::move(key));
  TRY_VOID(put_body(call, prompt, upstream_model(endpoint), stream, options.service_tier));
  return made;
}

Task<Attempted> OpenAiCompatible::call(Context ctx, const catalog::Endpoint& endpoint,
                                       Prompt& prompt, Sink* sink, AttemptOptions options) {
  Result<WireCallPtr> call = prepare(ctx, endpoint, prompt, sink != nullptr, options);
  if (!call) return failed_attempt(std::move(call).error());
  return run_attempt(std::move(ctx), environment_.client, std::move(*call), prompt, sink, options);
}

}  // namespace drover::providers
