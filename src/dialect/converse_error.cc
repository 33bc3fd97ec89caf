// The service's exceptions, both ways.
#include "base/bytes.h"
#include "dialect/converse_wire.h"
#include "dialect/openai_wire.h"

namespace drover::dialect::converse_wire {
namespace {

struct Known {
  std::string_view name;
  int status;
  Code code;
  Retry retry;
  std::string_view reason;
};

constexpr Known kKnown[] = {
    {"ValidationException", 400, Code::kInvalidArgument, Retry::kNever, "invalid_request"},
    {"ServiceQuotaExceededException", 400, Code::kResourceExhausted, Retry::kOtherTarget,
     "insufficient_quota"},
    {"ConflictException", 400, Code::kAborted, Retry::kSameTarget, "conflict"},
    {"AccessDeniedException", 403, Code::kPermissionDenied, Retry::kOtherTarget,
     "permission_denied"},
    {"UnrecognizedClientException", 403, Code::kUnauthenticated, Retry::kOtherTarget,
     "invalid_api_key"},
    {"InvalidSignatureException", 403, Code::kUnauthenticated, Retry::kOtherTarget,
     "invalid_signature"},
    {"IncompleteSignatureException", 400, Code::kUnauthenticated, Retry::kOtherTarget,
     "invalid_signature"},
    {"SignatureDoesNotMatchException", 403, Code::kUnauthenticated, Retry::kOtherTarget,
     "invalid_signature"},
    {"MissingAuthenticationTokenException", 403, Code::kUnauthenticated, Retry::kOtherTarget,
     "missing_credentials"},
    {"ExpiredTokenException", 403, Code::kUnauthenticated, Retry::kOtherTarget,
     "expired_credentials"},
    {"ResourceNotFoundException", 404, Code::kNotFound, Retry::kOtherTarget, "model_not_found"},
    {"ModelTimeoutException", 408, Code::kDeadlineExceeded, Retry::kSameTarget, "timeout"},
    {"RequestEntityTooLargeException", 413, Code::kInvalidArgument, Retry::kOtherTarget,
     "request_too_large"},
    {"ModelErrorException", 424, Code::kUnavailable, Retry::kOtherTarget, "model_error"},
    {"ModelStreamErrorException", 424, Code::kUnavailable, Retry::kOtherTarget,
     "model_stream_error"},
    {"ThrottlingException", 429, Code::kResourceExhausted, Retry::kAfter, "rate_limited"},
    {"ModelNotReadyException", 429, Code::kUnavailable, Retry::kAfter, "model_not_ready"},
    {"InternalServerException", 500, Code::kUnavailable, Retry::kSameTarget, "server_error"},
    {"ServiceUnavailableException", 503, Code::kUnavailable, Retry::kOtherTarget, "overloaded"},
};

// "com.amazon#ThrottlingException:http://…" and "throttlingException" are "ThrottlingException".
std::string bare_name(std::string_view type) {
  type = type.substr(0, type.find(':'));
  if (size_t hash = type.rfind('#'); hash != std::string_view::npos) type.remove_prefix(hash + 1);
  std::string name(trim(type));
  if (!name.empty() && name[0] >= 'a' && name[0] <= 'z') name[0] = static_cast<char>(name[0] - 32);
  return name;
}

bool says_too_long(std::string_view message) {
  std::string text = to_lower(message.substr(0, 2'000));
  return text.find("too long") != std::string::npos ||
         text.find("too many input tokens") != std::string::npos ||
         text.find("context") != std::string::npos;
}

}  // namespace

Error error_of(int status, std::string_view type, std::string_view message) {
  std::string name = bare_name(type);
  const Known* known = nullptr;
  for (const Known& k : kKnown) {
    if (k.name == name) known = &k;
  }
  if (known == nullptr) {
    openai_wire::ErrorBody body;
    body.message = std::string(message);
    Error error = openai_wire::error_of(status == 0 ? 500 : status, HeaderLookup(), body);
    if (!name.empty() && error.reason != "request_too_large") error.reason = snake_case(name);
    return error;
  }
  std::string text = "the provider answered " + name;
  // What is said about a refused credential may quote it.
  if (known->code != Code::kUnauthenticated && !message.empty()) {
    text += ": " + tidy_message(message);
  }
  Error error(known->code, std::move(text), known->retry);
  error.reason = std::string(known->reason);
  if (known->code == Code::kInvalidArgument && says_too_long(message)) {
    error.reason = "context_length_exceeded";
    error.retry = Retry::kOtherTarget;
  }
  return error;
}

ExceptionName exception_of(const Error& error) {
  for (const Known& k : kKnown) {
    if (k.code == error.code && k.reason == error.reason) return {k.name, k.status};
  }
  switch (error.code) {
    case Code::kInvalidArgument:
    case Code::kOutOfRange:
    case Code::kUnimplemented:
    case Code::kFailedPrecondition:
      return {"ValidationException", 400};
    case Code::kUnauthenticated:
      return {"UnrecognizedClientException", 403};
    case Code::kPermissionDenied:
      return {"AccessDeniedException", 403};
    case Code::kNotFound:
      return {"ResourceNotFoundException", 404};
    case Code::kAlreadyExists:
    case Code::kAborted:
      return {"ConflictException", 400};
    case Code::kResourceExhausted:
      return {"ThrottlingException", 429};
    case Code::kDeadlineExceeded:
      return {"ModelTimeoutException", 408};
    case Code::kUnavailable:
      return {"ServiceUnavailableException", 503};
    default:
      return {"InternalServerException", 500};
  }
}

}  // namespace drover::dialect::converse_wire
