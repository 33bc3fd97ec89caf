#include "base/result.h"

namespace drover {

std::string_view code_name(Code code) {
  switch (code) {
    case Code::kCancelled:
      return "cancelled";
    case Code::kInvalidArgument:
      return "invalid_argument";
    case Code::kDeadlineExceeded:
      return "deadline_exceeded";
    case Code::kNotFound:
      return "not_found";
    case Code::kAlreadyExists:
      return "already_exists";
    case Code::kPermissionDenied:
      return "permission_denied";
    case Code::kUnauthenticated:
      return "unauthenticated";
    case Code::kResourceExhausted:
      return "resource_exhausted";
    case Code::kFailedPrecondition:
      return "failed_precondition";
    case Code::kAborted:
      return "aborted";
    case Code::kOutOfRange:
      return "out_of_range";
    case Code::kUnimplemented:
      return "unimplemented";
    case Code::kInternal:
      return "internal";
    case Code::kUnavailable:
      return "unavailable";
    case Code::kDataLoss:
      return "data_loss";
  }
  return "internal";
}

std::string_view retry_name(Retry retry) {
  switch (retry) {
    case Retry::kNever:
      return "never";
    case Retry::kSameTarget:
      return "same_target";
    case Retry::kOtherTarget:
      return "other_target";
    case Retry::kAfter:
      return "after";
  }
  return "never";
}

std::string Error::to_string() const {
  std::string out(code_name(code));
  out += ": ";
  out += message;
  for (const std::string& text : notes) {
    out += " (";
    out += text;
    out += ')';
  }
  return out;
}

namespace detail {

Error* box_error(Error&& error) { return new Error(std::move(error)); }
Error* box_error(const Error& error) { return new Error(error); }
void end_error(Error* error) { delete error; }

}  // namespace detail

}  // namespace drover
