#include "base/retry_after.h"

#include <algorithm>
#include <charconv>

#include "base/bytes.h"

namespace drover {

Duration of_seconds(double seconds) {
  constexpr double kSecondsMax = 86'400.0;
  return Duration(static_cast<int64_t>(std::clamp(seconds, 0.0, kSecondsMax) * 1e9));
}

std::optional<double> take_decimal(std::string_view& text) {
  size_t n = 0;
  while (n < text.size() && ((text[n] >= '0' && text[n] <= '9') || text[n] == '.')) ++n;
  double value = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + n, value);
  if (n == 0 || ec != std::errc() || end != text.data() + n) return std::nullopt;
  text.remove_prefix(n);
  return value;
}

std::optional<Duration> parse_retry_after(std::string_view value,
                                          std::optional<std::string_view> date) {
  std::string_view text = trim(value);
  std::string_view rest = text;
  std::optional<double> seconds = take_decimal(rest);
  if (seconds && rest.empty()) return of_seconds(*seconds);
  if (!date) return std::nullopt;
  Result<WallTime> until = parse_http_date(text);
  Result<WallTime> now = parse_http_date(trim(*date));
  if (!until || !now) return std::nullopt;
  return std::clamp<Duration>(*until - *now, Duration::zero(), of_seconds(1e9));
}

}  // namespace drover
