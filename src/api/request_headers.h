#pragma once
// The headers of a request that steer what is done with it: X-Drover-Data-Class, -Agent,
// -Service-Class and -Continue. Of one that stands twice no value is passed over in silence: the
// second could be the stricter.
//
// Pure functions, any thread. What they refuse is kInvalidArgument with a reason of its own.

#include <string_view>

#include "contract/data_class.h"
#include "http/message.h"

namespace drover::api {

inline constexpr std::string_view kDataClassHeader = "x-drover-data-class";
inline constexpr std::string_view kAgentHeader = "x-drover-agent";
inline constexpr std::string_view kServiceClassHeader = "x-drover-service-class";
inline constexpr std::string_view kContinueHeader = "x-drover-continue";

/// Refuses a header that says two different things where only one can hold ("repeated_header"):
/// those above but the data class, whose values are joined, the credentials, and If-Match.
Result<void> check_headers(const http::Headers& headers);

/// What the request states of its data: all values of X-Drover-Data-Class, joined. Absent: nothing.
Result<contract::DataClass> header_class(const http::Headers& headers);

}  // namespace drover::api
