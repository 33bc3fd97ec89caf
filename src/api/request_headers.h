#pragma once
// The headers of a request that steer what is done with it: X-Drover-Data-Class, -Agent,
// -Service-Class and -Continue. None is passed over in silence: a misspelt class of data would be
// none at all, and of a header that stands twice the second could be the stricter.
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

/// What one look at all headers of a request finds.
struct KnownHeaders {
  /// The API key that it presents; "" if there is none. Good until the headers change.
  std::string_view key;
  /// One of the headers above is there; most requests have none.
  bool steered = false;
};

/// Refuses a header that begins with x-drover- and is not known ("unknown_header"; it names the one
/// that was meant, if there is a near one), and one that says two different things where only one
/// can hold ("repeated_header"): those above but the data class, whose values are joined, the
/// credentials, and If-Match. x-drover-attempt, which Drover sends to providers, and
/// x-drover-session, of the simulated ones, are known and steer nothing.
Result<KnownHeaders> read_headers(const http::Headers& headers);

/// What the request states of its data: all values of X-Drover-Data-Class, joined. Absent: nothing;
/// an empty value is refused ("unknown_data_class").
Result<contract::DataClass> header_class(const http::Headers& headers);

/// The same, and what its body states as "data_class", if it states anything: joined.
Result<contract::DataClass> stated_class(const http::Headers& headers, const Json& body);

}  // namespace drover::api
