#pragma once
// What streamed answers share: their head, and how they say that something went wrong after it.
// Loop thread.

#include <string>
#include <string_view>

#include "api/router.h"

namespace drover::api {

/// A stream on which nothing happens says so this often: proxies close what is silent.
inline constexpr Duration kKeepAlive = 15s;

/// The head of an answer of that type which nobody may keep.
http::ResponseHead stream_head(const Exchange& exchange, std::string_view type);
/// An `error` event with the body that the error would have had as an answer: the stream ends
/// behind it, and its client knows that this is not the end that it waited for.
void append_error_event(std::string& out, const Error& error);

}  // namespace drover::api
