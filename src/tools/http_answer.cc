#include "tools/http_answer.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/limits/road.h"
#include "base/limits/session.h"
#include "base/retry_after.h"

namespace drover::tools {

bool is_type(const http::ResponseHead& head, std::string_view type) {
  auto value = head.headers.get("content-type");
  if (!value) return false;
  return iequals(trim(value->substr(0, value->find(';'))), type);
}

std::optional<Duration> retry_after(const http::ResponseHead& head) {
  auto value = head.headers.get("retry-after");
  if (!value) return std::nullopt;
  auto wait = parse_retry_after(*value, head.headers.get("date"));
  if (!wait) return std::nullopt;
  return std::min<Duration>(*wait, limits::kRetryAfterMax);
}

Error status_error(std::string_view who, const http::ResponseHead& head, std::string_view said) {
  int status = head.status;
  std::string message = std::string(who) + " answered HTTP " + std::to_string(status);
  if (!said.empty()) message += ": " + std::string(said);
  Error error(Code::kInternal, message, Retry::kNever);
  if (status == 401) {
    error = Error(Code::kUnauthenticated, message + " (check its credentials)");
  } else if (status == 403 || status == 407) {
    error = Error(Code::kPermissionDenied, message);
  } else if (status == 429) {
    error = Error(Code::kResourceExhausted, message, Retry::kAfter);
  } else if (status == 503) {
    error = Error(Code::kUnavailable, message, Retry::kAfter);
  } else if (status == 408 || status == 425 || status == 502 || status == 504) {
    error = Error(Code::kUnavailable, message, Retry::kSameTarget);
  } else if (status >= 300 && status < 400) {
    error.message += " (redirects are not followed: configure where it leads)";
  }
  error.retry_after = retry_after(head);
  if (error.retry == Retry::kAfter && error.retry_after) {
    error.message += " (it may be asked again in " + format_duration(*error.retry_after) + ")";
  }
  error.reason = "http_" + std::to_string(status);
  return error;
}

Error send_error(std::string_view who, Error error) {
  if (error.code == Code::kPermissionDenied) {
    error.message += "; name it under allow_private of " + std::string(who) + " if this is meant";
  }
  error.note("asking " + std::string(who));
  return error;
}

void cut_utf8(std::string& text, size_t bytes_max) {
  if (text.size() <= bytes_max) return;
  auto continues = [&](size_t at) { return (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80; };
  while (bytes_max > 0 && continues(bytes_max)) --bytes_max;
  text.resize(bytes_max);
}

void limit_content(ToolOutcome& outcome) {
  if (outcome.content.size() <= limits::kToolResultBytesMax) return;
  cut_utf8(outcome.content, limits::kToolResultBytesMax);
  outcome.content += "\n[cut: the tool's result was larger than " +
                     std::to_string(limits::kToolResultBytesMax) + " bytes]";
}

}  // namespace drover::tools
