// Azure OpenAI: deployment paths with api-version and the /openai/v1 form; api-key or Entra bearer;
// the token endpoint of Entra itself, so that a client can go the whole way; the content filter.

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "crypto/hmac.h"
#include "sim/profile.h"

namespace drover::sim {

namespace {

constexpr std::string_view kDeployments = "/openai/deployments/";
constexpr std::string_view kTokenPath = "/oauth2/v2.0/token";
constexpr std::string_view kScope = "https://cognitiveservices.azure.com";
constexpr std::string_view kFoundryScope = "https://ai.azure.com";

/// A field of an application/x-www-form-urlencoded body.
std::string form_field(std::string_view body, std::string_view name) {
  while (!body.empty()) {
    size_t end = body.find('&');
    std::string_view pair = body.substr(0, end);
    body.remove_prefix(end == std::string_view::npos ? body.size() : end + 1);
    size_t equals = pair.find('=');
    if (pair.substr(0, equals) != name || equals == std::string_view::npos) continue;
    return percent_decode(pair.substr(equals + 1), true).value_or("");
  }
  return {};
}

class AzureProfile final : public Profile {
 public:
  explicit AzureProfile(const SimCloudOptions& options)
      : credentials_(options.credentials),
        filter_word_(options.filter_word),
        token_key_(fmt::format("entra {}", options.seed)) {
    for (const SimModel& model : options.models) {
      Json entry = Json::object();
      entry.set("id", model.id).set("object", "model").set("status", "succeeded");
      entry.set("created", int64_t{1'790'000'000}).set("owned_by", "azure");
      models_.push_back(std::move(entry));
    }
  }

  const dialect::Dialect& dialect() const override { return dialect::azure(); }

  Route route(const Arrived& arrived) override {
    const http::RequestHead& head = arrived.head;
    std::string_view path = head.path();
    if (path.ends_with(kTokenPath)) return token(arrived, path);
    std::string caller = check_key(arrived);
    if (caller.empty()) return unauthorized();
    ModelCall call;
    call.dialect = &dialect::azure();
    call.caller = std::move(caller);
    if (path == "/openai/v1/chat/completions" && head.method == "POST") return call;
    if (path == "/openai/v1/models" && head.method == "GET") return models();
    std::string_view batch = batch_path(path, "/openai/v1/");
    if (batch.empty() && head.query_param("api-version")) batch = batch_path(path, "/openai/");
    if (!batch.empty()) {
      return BatchCall{std::string(batch), "/chat/completions", std::move(call.caller)};
    }
    if (!head.query_param("api-version")) return not_found();
    if (path == "/openai/models" && head.method == "GET") return models();
    if (!path.starts_with(kDeployments) || head.method != "POST") return not_found();
    std::string_view rest = path.substr(kDeployments.size());
    size_t slash = rest.find('/');
    if (slash == std::string_view::npos || rest.substr(slash) != "/chat/completions") {
      return not_found();
    }
    call.model = percent_decode(rest.substr(0, slash)).value_or("");
    return call;
  }

  void add_headers(const CallFacts& facts, http::Headers& headers) const override {
    headers.add("apim-request-id", facts.request_id);
    headers.add("x-request-id", facts.request_id);
    headers.add("x-ms-region", std::string(facts.region));
    headers.add("strict-transport-security", "max-age=31536000; includeSubDomains; preload");
    if (!facts.model.empty()) headers.add("x-ms-deployment-name", std::string(facts.model));
    if (facts.quota != nullptr) add_limits(*facts.quota, headers);
  }

  Answer no_model(std::string_view, const dialect::Dialect& dialect) const override {
    Error error(Code::kNotFound,
                "The API deployment for this resource does not exist. If you created the "
                "deployment within the last 5 minutes, please wait a moment and try again.");
    return this->error(std::move(error).with_reason("deployment_not_found"), dialect);
  }

  Answer throttled(const QuotaState& quota, std::string_view form, WallTime now,
                   const dialect::Dialect& dialect) const override {
    int64_t seconds = std::max<int64_t>(1, (quota.wait.count() + 999'999'999) / 1'000'000'000);
    Error error(
        Code::kResourceExhausted,
        fmt::format("Requests to the ChatCompletions_Create Operation have exceeded {} rate "
                    "limit of your current pricing tier. Please retry after {} seconds.",
                    quota.by_tokens ? "token" : "call", seconds));
    Answer out = this->error(error, dialect);
    out.headers.remove("x-should-retry");
    if (form.empty()) {
      add_retry_after("ms", quota.wait, now, out.headers);
      form = "seconds";
    }
    add_retry_after(form, quota.wait, now, out.headers);
    add_limits(quota, out.headers);
    return out;
  }

  std::optional<Answer> filter_prompt(const contract::ChatRequest& request) const override {
    if (filter_word_.empty()) return std::nullopt;
    bool found = std::any_of(request.messages.begin(), request.messages.end(), [&](const auto& m) {
      return m.text().find(filter_word_) != std::string::npos;
    });
    if (!found) return std::nullopt;
    Error error(Code::kInvalidArgument,
                "The response was filtered due to the prompt triggering Azure OpenAI's content "
                "management policy. Please modify your prompt and retry.");
    return this->error(std::move(error).with_reason("content_filter"), dialect());
  }

  std::string make_request_id(Random& random) const override { return make_uuid(random); }
  std::string make_response_id(Random& random) const override {
    return "chatcmpl-" + make_token(random, 29);
  }

 private:
  static void add_limits(const QuotaState& quota, http::Headers& headers) {
    if (quota.requests_limit > 0) {
      headers.add("x-ratelimit-limit-requests", std::to_string(quota.requests_limit));
      headers.add("x-ratelimit-remaining-requests", std::to_string(quota.requests_left));
    }
    if (quota.tokens_limit > 0) {
      headers.add("x-ratelimit-limit-tokens", std::to_string(quota.tokens_limit));
      headers.add("x-ratelimit-remaining-tokens", std::to_string(quota.tokens_left));
    }
  }

  /// Which credential it is; empty if none.
  std::string check_key(const Arrived& arrived) const {
    std::string_view key = arrived.head.headers.get("api-key").value_or("");
    for (size_t i = 0; i < credentials_.api_keys.size(); ++i) {
      if (equal_constant_time(credentials_.api_keys[i], key)) return fmt::format("api-key {}", i);
    }
    std::string_view bearer = bearer_of(arrived.head);
    if (bearer.empty()) return {};
    for (size_t i = 0; i < credentials_.bearer_tokens.size(); ++i) {
      if (equal_constant_time(credentials_.bearer_tokens[i], bearer)) {
        return fmt::format("bearer {}", i);
      }
    }
    // As the real service, /openai/v1 takes api keys as bearers too.
    if (arrived.head.path().starts_with("/openai/v1/")) {
      for (size_t i = 0; i < credentials_.api_keys.size(); ++i) {
        if (equal_constant_time(credentials_.api_keys[i], bearer)) {
          return fmt::format("api-key {}", i);
        }
      }
    }
    return check_issued(bearer, arrived.now);
  }

  Answer unauthorized() const {
    Error error(Code::kUnauthenticated,
                "Access denied due to invalid subscription key or wrong API endpoint. Make sure to "
                "provide a valid key for an active subscription and use a correct regional API "
                "endpoint for your resource.");
    return this->error(error, dialect());
  }
  Answer not_found() const {
    return this->error(Error(Code::kNotFound, "Resource not found"), dialect());
  }
  Answer models() const {
    Json list = Json::object();
    list.set("data", Json(models_)).set("object", "list");
    return json_answer(200, list);
  }

  // --- Entra ---

  static Answer oauth_error(int status, std::string code, std::string description) {
    Json body = Json::object();
    body.set("error", std::move(code)).set("error_description", std::move(description));
    return json_answer(status, body);
  }

  std::string sign(std::string_view text) const {
    return to_base64url(crypto::hmac_sha256(token_key_, text).view());
  }

  Answer token(const Arrived& arrived, std::string_view path) const {
    if (arrived.head.method != "POST") return oauth_error(405, "invalid_request", "use POST");
    std::string_view tenant = path.substr(1, path.size() - 1 - kTokenPath.size());
    std::string id = form_field(arrived.body, "client_id");
    std::string secret = form_field(arrived.body, "client_secret");
    std::string assertion = form_field(arrived.body, "client_assertion");
    std::string scope = form_field(arrived.body, "scope");
    if (form_field(arrived.body, "grant_type") != "client_credentials") {
      return oauth_error(400, "unsupported_grant_type", "AADSTS70003: use client_credentials");
    }
    auto found =
        std::find_if(credentials_.entra.begin(), credentials_.entra.end(),
                     [&](const SimEntra& e) { return e.tenant == tenant && e.client_id == id; });
    if (found == credentials_.entra.end()) {
      return oauth_error(400, "unauthorized_client",
                         "AADSTS700016: the application was not found in the directory");
    }
    bool by_secret = !found->client_secret.empty() && secret == found->client_secret;
    bool by_assertion = !found->client_assertion.empty() && assertion == found->client_assertion;
    if (!by_secret && !by_assertion) {
      return oauth_error(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.");
    }
    std::string_view audience = scope;
    if (audience.ends_with("/.default")) audience.remove_suffix(9);
    if (audience != kScope && audience != kFoundryScope) {
      return oauth_error(400, "invalid_scope", "AADSTS70011: the scope is not valid");
    }
    int64_t lifetime = found->lifetime.count() / 1'000'000'000;
    Json claims = Json::object();
    claims.set("aud", audience).set("appid", id).set("tid", tenant);
    claims.set("exp", unix_seconds(arrived.now) + lifetime);
    Json header = Json::object();
    header.set("typ", "JWT").set("alg", "HS256");
    std::string text = to_base64url(header.dump()) + "." + to_base64url(claims.dump());
    Json body = Json::object();
    body.set("token_type", "Bearer").set("expires_in", lifetime).set("ext_expires_in", lifetime);
    body.set("access_token", text + "." + sign(text));
    return json_answer(200, body);
  }

  std::string check_issued(std::string_view token, WallTime now) const {
    size_t dot = token.rfind('.');
    if (dot == std::string_view::npos) return {};
    std::string_view text = token.substr(0, dot);
    if (!equal_constant_time(sign(text), token.substr(dot + 1))) return {};
    size_t middle = text.find('.');
    if (middle == std::string_view::npos) return {};
    Result<std::string> claims = from_base64url(text.substr(middle + 1));
    Result<Json> json = claims ? Json::parse(*claims) : Result<Json>(Json());
    if (!json || json->get_int("exp").value_or(0) <= unix_seconds(now)) return {};
    return "entra " + json->get_text("appid");
  }

  const SimCredentials credentials_;
  const std::string filter_word_;
  const std::string token_key_;
  Json::Array models_;
};

}  // namespace

std::unique_ptr<Profile> make_azure_profile(const SimCloudOptions& options) {
  return std::make_unique<AzureProfile>(options);
}

}  // namespace drover::sim
