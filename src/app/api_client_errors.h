#pragma once
// What a command says where no server answers, or answers with an error. For the sources of
// api_client.h alone.

#include <string>
#include <string_view>

#include "base/result.h"

namespace drover::app {

/// The reason of an error that ends with kExitUsage.
inline constexpr std::string_view kUsageReason = "usage";

/// No server answers there: how to start or name one.
Error unreachable(const std::string& url, const Error& why);
/// A server answers and there is no key for it: where keys come from.
Error no_key(const std::string& url);
Error not_drover();
/// The server's error as ours. A refused key says where keys come from.
Error answer_error_of(int status, std::string_view body);

}  // namespace drover::app
