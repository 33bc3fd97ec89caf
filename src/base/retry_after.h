#pragma once
// Retry-After as a time to wait, the same for models and tools. Pure.
// Source: RFC 9110 section 10.2.3.

#include <optional>
#include <string_view>

#include "base/time.h"

namespace drover {

/// Seconds (fractions too, which some servers write) or an HTTP date. A date counts from the
/// answer's own Date header, so no clock is needed and a skewed one does no harm; without one it is
/// ignored. Never negative, at most a day; nullopt where it says nothing readable.
std::optional<Duration> parse_retry_after(std::string_view value,
                                          std::optional<std::string_view> date);

/// Seconds as a duration of at most a day.
Duration of_seconds(double seconds);
/// A plain decimal number at the front of `text`, which is advanced past it.
std::optional<double> take_decimal(std::string_view& text);

}  // namespace drover
