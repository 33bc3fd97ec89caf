// OpenAI's own API, and vLLM's as CoreWeave serves it: the same paths, other details. vLLM has
// error codes as numbers, 401 as {"error": "Unauthorized"}, max_model_len in its models, /health
// and /metrics; OpenAI has organisation, processing time and rate limits in its headers.

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "sim/profile.h"

namespace drover::sim {

namespace {

class OpenAiProfile final : public Profile {
 public:
  explicit OpenAiProfile(const SimCloudOptions& options)
      : vllm_(options.kind == CloudKind::kCoreWeave), tokens_(options.credentials.bearer_tokens) {
    for (const SimModel& model : options.models) {
      Json entry = Json::object();
      entry.set("id", model.id).set("object", "model").set("created", int64_t{1'790'000'000});
      entry.set("owned_by", vllm_ ? "vllm" : "system");
      if (vllm_) {
        entry.set("root", model.id).set("parent", nullptr);
        entry.set("max_model_len", model.context_tokens).set("permission", Json::array());
      }
      models_.push_back(std::move(entry));
    }
  }

  const dialect::Dialect& dialect() const override { return dialect::openai(); }

  Route route(const Arrived& arrived) override {
    const http::RequestHead& head = arrived.head;
    std::string_view path = head.path();
    if (vllm_ && path == "/health" && head.method == "GET") return Answer();
    if (vllm_ && path == "/version" && head.method == "GET") {
      return json_answer(200, Json::object().set("version", "0.21.0"));
    }
    std::string_view token = bearer_of(head);
    size_t who = tokens_.size();
    for (size_t i = 0; i < tokens_.size(); ++i) {
      if (equal_constant_time(tokens_[i], token)) who = i;
    }
    if (who == tokens_.size()) return unauthorized(token);
    if (path == "/v1/models" && head.method == "GET") {
      Json list = Json::object();
      list.set("object", "list").set("data", Json(models_));
      return json_answer(200, list);
    }
    if (path.starts_with("/v1/models/") && head.method == "GET") return one_model(path.substr(11));
    if (path == "/v1/chat/completions") {
      if (head.method != "POST") return wrong_method();
      ModelCall call;
      call.dialect = &dialect::openai();
      call.caller = fmt::format("key {}", who);
      return call;
    }
    std::string_view batch = batch_path(path, "/v1/");
    if (!vllm_ && !batch.empty()) {
      return BatchCall{std::string(batch), "/v1/chat/completions", fmt::format("key {}", who)};
    }
    return not_found(head);
  }

  void add_headers(const CallFacts& facts, http::Headers& headers) const override {
    headers.add("x-request-id", facts.request_id);
    if (vllm_) return;
    headers.add("openai-version", "2020-10-01");
    headers.add("openai-organization", "sim");
    headers.add("openai-processing-ms", std::to_string(facts.took_ms));
    if (facts.quota != nullptr) add_limits(*facts.quota, headers);
  }

  Answer error(const Error& error, const dialect::Dialect& dialect) const override {
    if (!vllm_) return Profile::error(error, dialect);
    Answer out = Profile::error(error, dialect);
    const char* type = "InternalServerError";
    if (out.status == 400) type = "BadRequestError";
    if (out.status == 404) type = "NotFoundError";
    if (out.status == 503) type = "ServiceUnavailableError";
    std::string message = error.message;
    // vLLM has only numbers for codes; the word is kept for people.
    if (!error.reason.empty()) message += " (" + error.reason + ")";
    out.body = vllm_error(out.status, type, message).dump();
    return out;
  }

  Answer no_model(std::string_view model, const dialect::Dialect&) const override {
    if (vllm_) {
      return json_answer(404, vllm_error(404, "NotFoundError",
                                         fmt::format("The model `{}` does not exist.", model)));
    }
    return json_answer(
        404,
        openai_error(
            fmt::format("The model `{}` does not exist or you do not have access to it.", model),
            "invalid_request_error", "model_not_found"));
  }

  Answer throttled(const QuotaState& quota, std::string_view form, WallTime now,
                   const dialect::Dialect&) const override {
    Answer out;
    if (vllm_) {
      out = json_answer(429, vllm_error(429, "RateLimitError", "Too many requests in flight"));
    } else {
      out = json_answer(
          429, openai_error(
                   fmt::format("Rate limit reached on {} per min. Please try again in {}.",
                               quota.by_tokens ? "tokens" : "requests", go_duration(quota.wait)),
                   quota.by_tokens ? "tokens" : "requests", "rate_limit_exceeded"));
      add_limits(quota, out.headers);
    }
    if (form.empty() && !vllm_) {
      add_retry_after("ms", quota.wait, now, out.headers);
      form = "seconds";
    }
    add_retry_after(form.empty() ? "seconds" : form, quota.wait, now, out.headers);
    return out;
  }

  std::optional<std::string> tier_of(std::string_view asked) const override {
    // vLLM takes the field and has no tiers.
    return vllm_ ? std::string() : Profile::tier_of(asked);
  }

  std::string make_request_id(Random& random) const override {
    return (vllm_ ? "" : "req_") + to_hex(random.bytes(16));
  }
  std::string make_response_id(Random& random) const override {
    return "chatcmpl-" + (vllm_ ? to_hex(random.bytes(16)) : make_token(random, 29));
  }

 private:
  static Json openai_error(std::string message, std::string type, Json code) {
    Json inner = Json::object();
    inner.set("message", std::move(message)).set("type", std::move(type));
    inner.set("param", nullptr).set("code", std::move(code));
    return Json::object().set("error", std::move(inner));
  }
  static Json vllm_error(int status, std::string type, std::string message) {
    return openai_error(std::move(message), std::move(type), Json(status));
  }

  static void add_limits(const QuotaState& quota, http::Headers& headers) {
    if (quota.requests_limit > 0) {
      headers.add("x-ratelimit-limit-requests", std::to_string(quota.requests_limit));
      headers.add("x-ratelimit-remaining-requests", std::to_string(quota.requests_left));
      headers.add("x-ratelimit-reset-requests", go_duration(quota.requests_reset));
    }
    if (quota.tokens_limit > 0) {
      headers.add("x-ratelimit-limit-tokens", std::to_string(quota.tokens_limit));
      headers.add("x-ratelimit-remaining-tokens", std::to_string(quota.tokens_left));
      headers.add("x-ratelimit-reset-tokens", go_duration(quota.tokens_reset));
    }
  }

  Answer unauthorized(std::string_view token) const {
    Answer out;
    if (vllm_) {
      out = json_answer(401, Json::object().set("error", "Unauthorized"));
    } else if (token.empty()) {
      out = json_answer(
          401, openai_error("You didn't provide an API key.", "invalid_request_error", Json()));
    } else {
      out = json_answer(401, openai_error("Incorrect API key provided.", "invalid_request_error",
                                          "invalid_api_key"));
    }
    out.headers.add("www-authenticate", "Bearer");
    return out;
  }

  Answer one_model(std::string_view id) const {
    std::string name = percent_decode(id).value_or(std::string(id));
    auto found = std::find_if(models_.begin(), models_.end(),
                              [&](const Json& m) { return m.get_string("id") == name; });
    if (found == models_.end()) return no_model(name, dialect());
    return json_answer(200, *found);
  }

  Answer wrong_method() const {
    if (vllm_) return json_answer(405, Json::object().set("detail", "Method Not Allowed"));
    return json_answer(405, openai_error("Not allowed to use this method on this path.",
                                         "invalid_request_error", "method_not_supported"));
  }
  Answer not_found(const http::RequestHead& head) const {
    if (vllm_) return json_answer(404, Json::object().set("detail", "Not Found"));
    return json_answer(404,
                       openai_error(fmt::format("Invalid URL ({} {})", head.method, head.path()),
                                    "invalid_request_error", Json()));
  }

  const bool vllm_;
  const std::vector<std::string> tokens_;
  Json::Array models_;
};

}  // namespace

std::unique_ptr<Profile> make_openai_profile(const SimCloudOptions& options) {
  return std::make_unique<OpenAiProfile>(options);
}

}  // namespace drover::sim
