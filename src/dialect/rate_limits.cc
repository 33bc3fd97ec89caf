#include "dialect/rate_limits.h"

#include <charconv>

#include "base/bytes.h"
#include "base/retry_after.h"

namespace drover::dialect {
namespace {

// Seconds that one unit stands for; the unit is taken off `text`.
std::optional<double> take_unit(std::string_view& text) {
  struct Unit {
    std::string_view name;
    double seconds;
  };
  constexpr Unit kUnits[] = {{"ms", 1e-3}, {"us", 1e-6}, {"\xc2\xb5s", 1e-6},
                             {"ns", 1e-9}, {"h", 3600},  {"m", 60},
                             {"s", 1},     {"d", 86'400}};
  for (const Unit& unit : kUnits) {
    if (!text.starts_with(unit.name)) continue;
    text.remove_prefix(unit.name.size());
    return unit.seconds;
  }
  return std::nullopt;
}

std::optional<int64_t> count(const HeaderLookup& headers, std::string_view name) {
  std::optional<std::string> value = headers(name);
  if (!value) return std::nullopt;
  std::string_view text = trim(*value);
  int64_t out = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (ec != std::errc() || end != text.data() + text.size() || out < 0) return std::nullopt;
  return out;
}

std::optional<Duration> reset(const HeaderLookup& headers, std::string_view name) {
  std::optional<std::string> value = headers(name);
  return value ? parse_reset(trim(*value)) : std::nullopt;
}

}  // namespace

bool RateLimits::any() const {
  return limit_requests || remaining_requests || reset_requests || limit_tokens ||
         remaining_tokens || reset_tokens;
}

std::optional<Duration> parse_reset(std::string_view text) {
  if (text.empty() || text.size() > 40) return std::nullopt;
  double seconds = 0;
  while (!text.empty()) {
    std::optional<double> number = take_decimal(text);
    if (!number) return std::nullopt;
    if (text.empty()) {
      seconds += *number;
      break;
    }
    std::optional<double> unit = take_unit(text);
    if (!unit) return std::nullopt;
    seconds += *number * *unit;
  }
  return of_seconds(seconds);
}

RateLimits read_rate_limits(const HeaderLookup& headers) {
  RateLimits out;
  if (!headers) return out;
  out.limit_requests = count(headers, "x-ratelimit-limit-requests");
  out.remaining_requests = count(headers, "x-ratelimit-remaining-requests");
  out.reset_requests = reset(headers, "x-ratelimit-reset-requests");
  out.limit_tokens = count(headers, "x-ratelimit-limit-tokens");
  out.remaining_tokens = count(headers, "x-ratelimit-remaining-tokens");
  out.reset_tokens = reset(headers, "x-ratelimit-reset-tokens");
  return out;
}

std::optional<Duration> read_retry_after(const HeaderLookup& headers) {
  if (!headers) return std::nullopt;
  for (std::string_view name : {"retry-after-ms", "x-ms-retry-after-ms"}) {
    std::optional<std::string> value = headers(name);
    if (!value) continue;
    std::string_view text = trim(*value);
    std::optional<double> ms = take_decimal(text);
    if (ms && text.empty()) return of_seconds(*ms * 1e-3);
  }
  std::optional<std::string> value = headers("retry-after");
  if (!value) return std::nullopt;
  std::optional<std::string> date = headers("date");
  return parse_retry_after(*value, date ? std::optional<std::string_view>(*date) : std::nullopt);
}

}  // namespace drover::dialect
