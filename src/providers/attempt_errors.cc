#include "providers/attempt_errors.h"

#include "base/bytes.h"
#include "base/limits/road.h"

namespace drover::providers {
namespace {

/// Retry-After as a date counts from our clock when the answer carries no Date of its own (with
/// one, the dialect has done it).
std::optional<Duration> wait_until_date(const http::ResponseHead& head, WallTime now) {
  std::optional<std::string_view> value = head.headers.get("retry-after");
  if (!value) return std::nullopt;
  Result<WallTime> date = parse_http_date(trim(*value));
  if (!date) return std::nullopt;
  return std::max<Duration>(*date - now, Duration::zero());
}

void replace_all(std::string& text, std::string_view secret) {
  for (size_t at = text.find(secret); at != std::string::npos; at = text.find(secret, at)) {
    text.replace(at, secret.size(), kRedacted);
    at += kRedacted.size();
  }
}

}  // namespace

Error transport_error(Error error, const Context& ctx, std::string_view phase) {
  if (Result<void> own = ctx.check(); !own) {
    Error out = std::move(own).error();
    out.retry = Retry::kNever;
    out.reason = out.code == Code::kDeadlineExceeded ? "total" : "cancelled";
    return out;
  }
  if (error.code == Code::kDeadlineExceeded) {
    if (error.reason.empty() || error.reason == "body") error.reason = phase;
    if (error.retry == Retry::kNever) error.retry = Retry::kOtherTarget;
  }
  return error;
}

Error refusal(const dialect::Dialect& dialect, const http::ResponseHead& head,
              std::string_view body, WallTime now) {
  if (head.status >= 300 && head.status < 400) {
    Error out(Code::kUnavailable,
              "the provider redirects (" + std::to_string(head.status) +
                  "); redirects are not followed with credentials: correct base_url",
              Retry::kOtherTarget);
    out.reason = "redirect";
    return out;
  }
  if (head.is_success()) {
    std::string type(head.headers.get("content-type").value_or(""));
    Error out(Code::kUnavailable,
              "the provider answered " + std::to_string(head.status) + " as '" +
                  type.substr(0, 100) + "', which is not this API's media type",
              Retry::kOtherTarget);
    out.reason = "wrong_content_type";
    // Some servers put an error under status 200 and call it JSON.
    Result<Json> json = Json::parse(body);
    if (json && json->is_object() && json->find("error") != nullptr) {
      return error_in_answer(dialect, body);
    }
    return out;
  }
  dialect::HeaderLookup lookup = [&](std::string_view name) -> std::optional<std::string> {
    std::optional<std::string_view> value = head.headers.get(name);
    if (!value) return std::nullopt;
    return std::string(*value);
  };
  Error out = dialect.classify_error(head.status, lookup, body);
  if (!out.retry_after) out.retry_after = wait_until_date(head, now);
  if (out.retry_after && *out.retry_after > limits::kRetryAfterMax) {
    out.retry_after = limits::kRetryAfterMax;
  }
  return out;
}

Error error_in_answer(const dialect::Dialect& dialect, std::string_view body) {
  // Status 0: the body alone says what kind it is.
  return dialect.classify_error(0, dialect::HeaderLookup(), body);
}

bool says_no(const Error& error) {
  switch (error.code) {
    case Code::kUnavailable:
      return error.reason.find("overloaded") != std::string::npos ||
             error.reason == "model_not_ready";
    case Code::kDataLoss:
    case Code::kDeadlineExceeded:
    case Code::kInternal:
    case Code::kCancelled:
      return false;
    default:
      return true;
  }
}

Error malformed(Error error) {
  if (error.code == Code::kInvalidArgument && error.reason.empty()) {
    error.code = Code::kDataLoss;
    error.retry = Retry::kOtherTarget;
    error.reason = "malformed_response";
  }
  return error;
}

std::string without_secrets(std::string text, std::span<const SecretPtr> secrets) {
  for (const SecretPtr& secret : secrets) {
    // Shorter than this it is no secret, and replacing it would garble the text.
    if (secret->size() >= 4) replace_all(text, secret->reveal());
  }
  return text;
}

Error without_secrets(Error error, std::span<const SecretPtr> secrets) {
  error.message = without_secrets(std::move(error.message), secrets);
  error.reason = without_secrets(std::move(error.reason), secrets);
  for (std::string& note : error.notes) note = without_secrets(std::move(note), secrets);
  return error;
}

}  // namespace drover::providers
