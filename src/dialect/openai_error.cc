// OpenAI's errors, both ways. Forms read: {"error":{message,type,param,code}} (OpenAI, newer vLLM,
// llama.cpp), {"object":"error",message,type,code} (older vLLM), {"error":"text"} (Ollama),
// {"detail":…} (FastAPI servers), {"message":…} (gateways in front).
#include <cmath>

#include "base/bytes.h"
#include "dialect/openai_wire.h"
#include "dialect/rate_limits.h"

namespace drover::dialect {
namespace {

/// The reason of a provider's 413 whatever words came with it, so that the caller gets a 413 too.
constexpr const char* kTooLarge = "request_too_large";

std::string scalar_text(const Json* value) {
  if (value == nullptr) return "";
  if (const std::string* text = value->string()) return *text;
  if (const Json::Number* number = value->raw_number()) return number->text;
  return "";
}

// Several servers say only in words that the prompt is too long.
bool says_context_full(std::string_view message) {
  std::string text = to_lower(message.substr(0, 2'000));
  for (std::string_view words : {"maximum context length", "context window", "context size",
                                 "context length", "prompt is too long", "input is too long"}) {
    if (text.find(words) != std::string::npos) return true;
  }
  return false;
}

int status_of_words(const openai_wire::ErrorBody& body) {
  if (body.status >= 400 && body.status < 600) return body.status;
  for (const std::string& word : {body.code, body.type}) {
    std::string w = snake_case(word);
    if (w.size() == 3 && w[0] >= '4' && w[0] <= '5') return std::atoi(w.c_str());
    if (w.find("rate_limit") != std::string::npos || w == "too_many_requests") return 429;
    if (w == "insufficient_quota") return 429;
    if (w.starts_with("invalid_request") || w.starts_with("bad_request")) return 400;
    if (w == "content_filter" || w == "context_length_exceeded") return 400;
    if (w == "request_too_large" || w == "payload_too_large") return 413;
    if (w.find("overloaded") != std::string::npos || w.find("unavailable") != std::string::npos) {
      return 503;
    }
    if (w.find("timeout") != std::string::npos) return 504;
  }
  return 500;
}

struct Class {
  Code code;
  Retry retry;
  const char* reason;
};

Class class_of_status(int status) {
  switch (status) {
    case 400:
      return {Code::kInvalidArgument, Retry::kNever, "invalid_request"};
    case 401:
      return {Code::kUnauthenticated, Retry::kOtherTarget, "invalid_api_key"};
    case 402:
      return {Code::kResourceExhausted, Retry::kOtherTarget, "insufficient_quota"};
    case 403:
      return {Code::kPermissionDenied, Retry::kOtherTarget, "permission_denied"};
    case 404:
      return {Code::kNotFound, Retry::kOtherTarget, "model_not_found"};
    case 408:
      return {Code::kDeadlineExceeded, Retry::kSameTarget, "timeout"};
    case 409:
      return {Code::kAborted, Retry::kSameTarget, "conflict"};
    case 413:
      return {Code::kInvalidArgument, Retry::kOtherTarget, kTooLarge};
    case 422:
      return {Code::kInvalidArgument, Retry::kNever, "invalid_request"};
    case 424:
      return {Code::kUnavailable, Retry::kOtherTarget, "model_error"};
    case 429:
      return {Code::kResourceExhausted, Retry::kAfter, "rate_limited"};
    case 500:
    case 502:
      return {Code::kUnavailable, Retry::kSameTarget, "server_error"};
    case 503:
    case 529:
      return {Code::kUnavailable, Retry::kOtherTarget, "overloaded"};
    case 504:
      return {Code::kDeadlineExceeded, Retry::kOtherTarget, "timeout"};
    default:
      break;
  }
  if (status >= 500) return {Code::kUnavailable, Retry::kSameTarget, "server_error"};
  if (status >= 400) return {Code::kInvalidArgument, Retry::kNever, "invalid_request"};
  return {Code::kDataLoss, Retry::kOtherTarget, "malformed_response"};
}

// The vendor's own code refines what the status says.
void refine(const openai_wire::ErrorBody& body, Class& cls, std::string& reason) {
  std::string code = snake_case(body.code);
  std::string type = snake_case(body.type);
  if (code == "insufficient_quota" || type == "insufficient_quota") {
    cls.retry = Retry::kOtherTarget;  // waiting does not fill an account
    reason = "insufficient_quota";
  } else if (code == "context_length_exceeded" ||
             (cls.code == Code::kInvalidArgument && says_context_full(body.message))) {
    cls.retry = Retry::kOtherTarget;  // another endpoint may have a longer window
    reason = "context_length_exceeded";
  } else if (code == "content_filter" || code == "content_policy_violation") {
    cls.code = Code::kFailedPrecondition;
    cls.retry = Retry::kNever;
    reason = "content_filter";
  } else if (code.find("rate_limit") != std::string::npos || code == "too_many_requests") {
    reason = "rate_limited";
  } else if (reason != kTooLarge && !code.empty() && (code[0] < '0' || code[0] > '9')) {
    reason = code;
  }
}

}  // namespace

bool openai_wire::is_error_body(const Json& body) {
  const Json* error = body.find("error");
  if (error != nullptr && !error->is_null()) return true;
  return body.get_string("object") == "error" || body.get_string("type") == "error";
}

openai_wire::ErrorBody openai_wire::read_error_body(const Json& body) {
  ErrorBody out;
  const Json* error = body.find("error");
  const Json* source = error != nullptr && error->is_object() ? error : &body;
  out.message = scalar_text(source->find("message"));
  out.type = scalar_text(source->find("type"));
  out.code = scalar_text(source->find("code"));
  if (error != nullptr && error->is_string()) out.message = *error->string();
  if (out.message.empty()) {
    const Json* detail = body.find("detail");
    if (detail != nullptr) out.message = detail->is_string() ? *detail->string() : detail->dump();
  }
  for (const char* key : {"status", "code"}) {
    std::optional<int64_t> status = source->get_int(key);
    if (status && *status >= 400 && *status < 600) out.status = static_cast<int>(*status);
  }
  out.recognised = !out.message.empty() || !out.code.empty() || !out.type.empty();
  return out;
}

Error openai_wire::error_of(int status, const HeaderLookup& headers, const ErrorBody& body) {
  if (status == 0) status = status_of_words(body);
  Class cls = class_of_status(status);
  std::string reason = cls.reason;
  refine(body, cls, reason);
  std::string message = "the provider answered " + std::to_string(status);
  // What a provider says about a refused credential may quote it.
  if (status != 401 && !body.message.empty()) message += ": " + tidy_message(body.message);
  Error error(cls.code, std::move(message), cls.retry);
  error.reason = std::move(reason);
  error.retry_after = read_retry_after(headers);
  if (error.retry_after && cls.code == Code::kUnavailable && status == 503) {
    error.retry = Retry::kAfter;
  }
  std::optional<std::string> advice = headers ? headers("x-should-retry") : std::nullopt;
  if (advice && trim(*advice) == "false" &&
      (error.retry == Retry::kSameTarget || error.retry == Retry::kAfter)) {
    error.retry = Retry::kOtherTarget;  // the advice is about this target
  } else if (advice && trim(*advice) == "true" && error.retry == Retry::kNever) {
    error.retry = Retry::kSameTarget;
  }
  return error;
}

Error OpenAiDialect::classify_error(int status, const HeaderLookup& headers,
                                    std::string_view body) const {
  Result<Json> json = Json::parse(body);
  openai_wire::ErrorBody read;
  if (json && json->is_object()) read = openai_wire::read_error_body(*json);
  if (!read.recognised && !body.empty() && body.size() < 300 && body.find('<') == body.npos) {
    read.message = std::string(body);  // a plain-text body of a proxy
  }
  return openai_wire::error_of(status, headers, read);
}

namespace {

struct Named {
  std::string_view reason;
  int status;
  const char* type;
};

/// Reasons that say more than their code does.
constexpr Named kByReason[] = {
    {"method_not_allowed", 405, "invalid_request_error"},
    {"body_too_large", 413, "invalid_request_error"},  // for us
    {kTooLarge, 413, "invalid_request_error"},         // for the provider
    // The prompt is at fault, and a client must not take it for a conflict that it may repeat.
    {"content_filter", 400, "invalid_request_error"},
    {"malformed_response", 502, "server_error"},
    {"answer_too_large", 502, "server_error"},     // no limit of the caller's
    {"disk_full", 507, "server_error"},            // ours to mend; 429 would blame the caller
    {"lease_lost", 410, "invalid_request_error"},  // it was there, and never is again
    {"insufficient_quota", 429, "insufficient_quota"},
    // Ours: SDKs repeat a 429 by themselves, and a budget by the day does not pass in seconds.
    {"budget_exceeded", 402, "insufficient_quota"},
};

/// Status, type, and the code of an error that has no reason.
openai_wire::ErrorNames names_of_code(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
    case Code::kOutOfRange:
      return {400, "invalid_request_error", "invalid_value"};
    case Code::kUnauthenticated:
      return {401, "authentication_error", "invalid_api_key"};
    case Code::kPermissionDenied:
      return {403, "permission_error", "permission_denied"};
    case Code::kNotFound:
      return {404, "invalid_request_error", "not_found"};
    case Code::kAlreadyExists:
      return {409, "invalid_request_error", "already_exists"};
    case Code::kAborted:
      return {409, "invalid_request_error", "aborted"};
    case Code::kFailedPrecondition:
      return {409, "invalid_request_error", "failed_precondition"};
    case Code::kResourceExhausted:
      return {429, "rate_limit_error", "rate_limit_exceeded"};
    case Code::kCancelled:
      return {499, "server_error", "cancelled"};
    case Code::kUnimplemented:
      return {501, "server_error", "unimplemented"};
    case Code::kUnavailable:
      return {503, "server_error", "unavailable"};
    case Code::kDeadlineExceeded:
      return {504, "server_error", "timeout"};
    case Code::kDataLoss:
      return {500, "server_error", "data_loss"};
    case Code::kInternal:
      break;
  }
  return {500, "server_error", "internal_error"};
}

}  // namespace

openai_wire::ErrorNames openai_wire::names_of(const Error& error) {
  ErrorNames out = names_of_code(error.code);
  // OpenAI's own word for this reason is the default.
  if (!error.reason.empty() && error.reason != "rate_limited") out.code = error.reason;
  for (const Named& named : kByReason) {
    if (named.reason != error.reason) continue;
    out.status = named.status;
    out.type = named.type;
  }
  return out;
}

Json openai_wire::error_to_json(const Error& error) {
  ErrorNames names = names_of(error);
  Json inner = Json::object();
  inner.set("message", error.message).set("type", names.type).set("param", nullptr);
  inner.set("code", names.code.empty() ? Json() : Json(names.code));
  return Json::object().set("error", std::move(inner));
}

void openai_wire::add_retry_headers(const Error& error, int status, EncodedError& out) {
  if (error.retry_after) {
    // Rounded up: who comes back a little early is refused again.
    int64_t ms = std::max<int64_t>(
        0, std::chrono::ceil<std::chrono::milliseconds>(*error.retry_after).count());
    out.headers.emplace_back("retry-after", std::to_string((ms + 999) / 1000));
    out.headers.emplace_back("retry-after-ms", std::to_string(ms));
  }
  // SDKs repeat these by themselves; say so where it cannot help.
  bool sdk_retries = status == 408 || status == 409 || status == 429 || status >= 500;
  if (sdk_retries && error.retry == Retry::kNever && !error.retry_after) {
    out.headers.emplace_back("x-should-retry", "false");
  }
}

EncodedError OpenAiDialect::encode_error(const Error& error) const {
  EncodedError out;
  out.status = openai_wire::names_of(error).status;
  out.body = openai_wire::error_to_json(error).dump();
  openai_wire::add_retry_headers(error, out.status, out);
  return out;
}

}  // namespace drover::dialect
