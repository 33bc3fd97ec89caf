#include "providers/azure/entra.h"

#include "base/bytes.h"
#include "base/limits/road.h"
#include "providers/attempt_errors.h"
#include "providers/endpoint_url.h"

namespace drover::providers {
namespace {

std::string form_field(std::string_view name, std::string_view value) {
  return std::string(name) + '=' + percent_encode(value);
}

Result<cloud::BearerToken> read_token(std::string_view body, WallTime now) {
  Result<Json> json = Json::parse(body);
  if (!json) return fail(Code::kUnavailable, "Entra's answer is not JSON", Retry::kOtherTarget);
  std::optional<std::string_view> token = json->get_string("access_token");
  if (!token || token->empty()) {
    return fail(Code::kUnavailable, "Entra's answer holds no access_token", Retry::kOtherTarget);
  }
  cloud::BearerToken out;
  out.token = Secret(*token);
  out.source = "Entra ID";
  // A token that does not say how long it lives is asked for anew soon.
  int64_t seconds = json->get_int("expires_in").value_or(300);
  out.expires = now + std::chrono::seconds(std::clamp<int64_t>(seconds, 0, 86'400));
  return out;
}

/// {"error":"invalid_client","error_description":"AADSTS…"}
Error refused(int status, std::string_view body) {
  std::string message = "Entra answered " + std::to_string(status);
  Result<Json> json = Json::parse(body);
  if (json) {
    std::string code(json->get_string("error").value_or(""));
    std::string text(json->get_string("error_description").value_or(""));
    if (!code.empty()) message += ": " + code;
    if (!text.empty()) message += ": " + text.substr(0, text.find('\n')).substr(0, 300);
  }
  bool ours = status == 400 || status == 401 || status == 403;
  Error out(ours ? Code::kUnauthenticated : Code::kUnavailable, std::move(message),
            Retry::kOtherTarget);
  out.reason = "entra_token";
  return out;
}

}  // namespace

Result<void> check_entra(const EntraOptions& options) {
  if (options.tenant_id.empty() || options.client_id.empty()) {
    return fail(Code::kInvalidArgument, "auth \"entra\" needs the options tenant_id and client_id");
  }
  if (options.secret_source.empty()) {
    return fail(Code::kInvalidArgument,
                "auth \"entra\" needs credentials: the client secret, such as "
                "\"env:AZURE_CLIENT_SECRET\"");
  }
  TRY(http::Url url, http::Url::parse(options.authority));
  if (!url.is_tls() && !net::is_loopback(url.host) && url.host != "localhost" &&
      !url.host.ends_with(".test")) {
    return fail(Code::kInvalidArgument, "option authority must be https: a secret is sent to it");
  }
  return {};
}

async::Task<Result<cloud::BearerToken>> EntraClientCredentials::fetch(async::Context ctx) {
  CO_TRY_VOID(check_entra(options_));
  CO_TRY(SecretPtr secret, credentials_.get(ctx, options_.secret_source));
  http::ClientRequest request;
  CO_TRY(request.url,
         join_url(options_.authority, percent_encode(options_.tenant_id) + "/oauth2/v2.0/token"));
  request.headers.add("content-type", "application/x-www-form-urlencoded");
  request.headers.add("accept", "application/json");
  request.tls.ca_file = options_.ca_file;
  request.policy.allow_private = true;
  request.body = form_field("grant_type", "client_credentials") + '&' +
                 form_field("client_id", options_.client_id) + '&' +
                 form_field("client_secret", secret->reveal()) + '&' +
                 form_field("scope", options_.scope);
  Result<std::unique_ptr<http::ClientResponse>> sent =
      co_await environment_.client->send(ctx, request);
  if (!sent) co_return fail(std::move(sent).error());
  std::unique_ptr<http::ClientResponse> response = std::move(*sent);
  Result<std::string> body = co_await response->read_all(ctx, limits::kErrorAnswerBytesMax);
  if (!body) co_return fail(std::move(body).error());
  int status = response->head().status;
  if (status != 200) {
    credentials_.refused(options_.secret_source);
    std::vector<SecretPtr> secrets;
    secrets.push_back(secret);
    co_return fail(without_secrets(refused(status, *body), secrets));
  }
  co_return read_token(*body, ctx.loop().wall());
}

}  // namespace drover::providers
