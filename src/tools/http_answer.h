#pragma once
// What tool servers over HTTP have in common, whatever they speak over it: reading the head of an
// answer, which error a status is, and how much of a result is kept. Pure functions.
// Sources: RFC 9110 sections 10.2.3 (Retry-After) and 15 (status codes).

#include <optional>
#include <string>
#include <string_view>

#include "base/limits/road.h"
#include "base/limits/session.h"
#include "base/result.h"
#include "base/time.h"
#include "http/message.h"
#include "tools/tool_set.h"

namespace drover::tools {

/// Whether the content is of this type, its parameters aside.
bool is_type(const http::ResponseHead& head, std::string_view type);

/// Retry-After, at most limits::kRetryAfterMax.
std::optional<Duration> retry_after(const http::ResponseHead& head);

/// The error of a status that says nothing of the call itself, with reason "http_<status>" and the
/// class of retry that the status allows. `who`: "tool server 'orders'"; `said`: the server's own
/// words, may be empty.
Error status_error(std::string_view who, const http::ResponseHead& head, std::string_view said);

/// A request that could not be sent: names the server, and the way out where its address is
/// refused.
Error send_error(std::string_view who, Error error);

/// Cuts to at most `bytes_max`, never inside a character.
void cut_utf8(std::string& text, size_t bytes_max);

/// Cuts the content at limits::kToolResultBytesMax and says so in it.
void limit_content(ToolOutcome& outcome);

}  // namespace drover::tools
