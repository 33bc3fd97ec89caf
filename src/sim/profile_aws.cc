// AWS Bedrock's runtime: Converse, ConverseStream and the OpenAI path, under SigV4 or an API key.
// The signature is checked on the raw request target and the body that arrived; the region that was
// signed for must be the listener's.

#include <fmt/format.h>

#include <map>

#include "base/bytes.h"
#include "cloud/sigv4_verify.h"
#include "crypto/sha256.h"
#include "sim/profile.h"

namespace drover::sim {

namespace {

Answer aws_error(int status, std::string_view type, std::string_view message) {
  Answer out = json_answer(status, Json::object().set("message", message));
  out.headers.add("x-amzn-errortype", std::string(type));
  return out;
}

class AwsProfile final : public Profile {
 public:
  explicit AwsProfile(const SimCloudOptions& options)
      : bearer_tokens_(options.credentials.bearer_tokens) {
    for (const SimAccessKey& key : options.credentials.access_keys) {
      cloud::AwsCredentials credentials;
      credentials.access_key_id = key.id;
      credentials.secret_access_key = Secret(key.secret);
      credentials.session_token = Secret(key.session_token);
      credentials.source = "simulation";
      keys_.push_back(std::move(credentials));
    }
    for (const std::string& region : options.regions) {
      cloud::sigv4::VerifyPolicy policy;
      policy.region = region;
      policy.services = {"bedrock"};
      verifiers_.emplace(
          region, std::make_unique<cloud::sigv4::Verifier>(
                      std::move(policy), [this](std::string_view id) { return find_key(id); }));
    }
  }

  const dialect::Dialect& dialect() const override { return dialect::converse(); }

  Route route(const Arrived& arrived) override {
    std::string caller;
    if (std::optional<Answer> refused = check_caller(arrived, caller)) return std::move(*refused);
    const http::RequestHead& head = arrived.head;
    std::string_view path = head.path();
    ModelCall call;
    call.caller = std::move(caller);
    if (head.method == "POST" && path == "/openai/v1/chat/completions") {
      call.dialect = &dialect::openai();
      return call;
    }
    constexpr std::string_view kModel = "/model/";
    size_t slash = path.rfind('/');
    if (head.method != "POST" || !path.starts_with(kModel) || slash < kModel.size()) {
      return aws_error(404, "UnknownOperationException", "The operation is not known.");
    }
    std::string_view operation = path.substr(slash + 1);
    if (operation != "converse" && operation != "converse-stream") {
      return aws_error(404, "UnknownOperationException", "The operation is not known.");
    }
    call.dialect = &dialect::converse();
    call.model = percent_decode(path.substr(kModel.size(), slash - kModel.size())).value_or("");
    call.stream = operation == "converse-stream";
    return call;
  }

  void add_headers(const CallFacts& facts, http::Headers& headers) const override {
    headers.add("x-amzn-requestid", facts.request_id);
  }

  Answer error(const Error& error, const dialect::Dialect& dialect) const override {
    Answer out = Profile::error(error, dialect);
    // Real Bedrock lets its clients decide.
    out.headers.remove("x-should-retry");
    return out;
  }

  Answer no_model(std::string_view model, const dialect::Dialect& dialect) const override {
    std::string message = fmt::format("The provided model identifier is invalid: {}", model);
    if (dialect.framing() == dialect::Framing::kEventStream) {
      return aws_error(400, "ValidationException", message);
    }
    return error(Error(Code::kNotFound, message).with_reason("model_not_found"), dialect);
  }

  Answer throttled(const QuotaState& quota, std::string_view form, WallTime now,
                   const dialect::Dialect& dialect) const override {
    std::string message = fmt::format("Too many {}, please wait before trying again.",
                                      quota.by_tokens ? "tokens" : "requests");
    Answer out = dialect.framing() == dialect::Framing::kEventStream
                     ? aws_error(429, "ThrottlingException", message)
                     : error(Error(Code::kResourceExhausted, message), dialect);
    // Bedrock itself sends no Retry-After; a fault may ask for one.
    if (!form.empty()) add_retry_after(form, quota.wait, now, out.headers);
    return out;
  }

  /// Told only where it is asked for.
  std::optional<std::string> tier_of(std::string_view asked) const override {
    for (std::string_view known : {"", "default", "flex", "priority", "reserved"}) {
      if (asked == known) return std::string(asked);
    }
    return std::nullopt;
  }

  std::string make_request_id(Random& random) const override { return make_uuid(random); }
  std::string make_response_id(Random& random) const override {
    return "chatcmpl-" + make_uuid(random);
  }

 private:
  const cloud::AwsCredentials* find_key(std::string_view id) const {
    for (const cloud::AwsCredentials& key : keys_) {
      if (key.access_key_id == id) return &key;
    }
    return nullptr;
  }

  std::optional<Answer> check_caller(const Arrived& arrived, std::string& caller) {
    std::string_view bearer = bearer_of(arrived.head);
    if (!bearer.empty()) {
      for (size_t i = 0; i < bearer_tokens_.size(); ++i) {
        if (equal_constant_time(bearer_tokens_[i], bearer)) caller = fmt::format("api key {}", i);
      }
      if (!caller.empty()) return std::nullopt;
      return aws_error(403, "AccessDeniedException",
                       "Authentication failed: Please make sure your API Key is valid.");
    }
    std::string payload_hash = crypto::sha256_hex(arrived.body);
    cloud::sigv4::Request request;
    request.method = arrived.head.method;
    request.target = arrived.head.target;
    const std::vector<http::Headers::Field> headers = arrived.head.headers.copy();
    request.headers = headers;
    request.authority = arrived.head.authority;
    request.payload_hash = payload_hash;
    auto verifier = verifiers_.find(arrived.region);
    Result<cloud::sigv4::Verified> verified = verifier->second->verify(request, arrived.now);
    if (!verified) {
      const Error& error = verified.error();
      return aws_error(403, error.reason.empty() ? "AccessDeniedException" : error.reason,
                       error.message);
    }
    caller = verified->access_key_id;
    return std::nullopt;
  }

  std::vector<cloud::AwsCredentials> keys_;
  const std::vector<std::string> bearer_tokens_;
  std::map<std::string, std::unique_ptr<cloud::sigv4::Verifier>, std::less<>> verifiers_;
};

}  // namespace

std::unique_ptr<Profile> make_aws_profile(const SimCloudOptions& options) {
  return std::make_unique<AwsProfile>(options);
}

}  // namespace drover::sim
