#pragma once
// Time as values. Two clocks that never mix: MonoTime measures, WallTime dates.
// Both are handed in through Clock; nothing below src/app reads the machine's clock by itself.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace drover {

using Duration = std::chrono::nanoseconds;
using namespace std::chrono_literals;  // the literals only: 250ms, 30s

struct MonoEpoch {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonoEpoch, Duration>;
  static constexpr bool is_steady = true;
};
struct WallEpoch {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<WallEpoch, Duration>;
  static constexpr bool is_steady = false;
};

/// A point on the monotonic clock; only differences mean anything.
using MonoTime = MonoEpoch::time_point;
/// Nanoseconds since 1970-01-01T00:00:00Z.
using WallTime = WallEpoch::time_point;

inline int64_t unix_nanos(WallTime t) { return t.time_since_epoch().count(); }
inline int64_t unix_millis(WallTime t) { return unix_nanos(t) / 1'000'000; }
inline int64_t unix_seconds(WallTime t) { return unix_nanos(t) / 1'000'000'000; }
inline WallTime wall_from_unix_nanos(int64_t n) { return WallTime(Duration(n)); }
inline WallTime wall_from_unix_millis(int64_t n) { return WallTime(Duration(n * 1'000'000)); }

/// For metrics and rates, whose unit is the second.
inline double to_seconds(Duration d) { return static_cast<double>(d.count()) * 1e-9; }

inline constexpr size_t kRfc3339Chars = 27;
/// "2026-11-23T09:20:00.123456Z" (RFC 3339, microseconds, UTC), of kRfc3339Chars characters.
std::string format_rfc3339(WallTime t);
/// The same into memory that the caller has.
void put_rfc3339(WallTime t, char* at);
/// Reads RFC 3339 with any offset and 0 to 9 fractional digits.
Result<WallTime> parse_rfc3339(std::string_view text);
/// "20261123T092000Z", as AWS's x-amz-date.
std::string format_amz_date(WallTime t);
/// Reads an RFC 9110 HTTP date ("Mon, 23 Nov 2026 09:20:00 GMT").
Result<WallTime> parse_http_date(std::string_view text);
/// Writes an RFC 9110 HTTP date.
std::string format_http_date(WallTime t);
/// Short form for people: "1.2 s", "340 ms", "17 µs", "2 h 5 min".
std::string format_duration(Duration d);
/// Reads "250ms", "30s", "5m", "2h", "1d", or a plain number of seconds (as in drover.yaml). The
/// error of one that is more than a Duration holds has the reason "too_long".
Result<Duration> parse_duration(std::string_view text);

/// Where time comes from. The real one is in net (the event loop's), the simulated one in async.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual MonoTime mono() = 0;
  virtual WallTime wall() = 0;
};

/// The machine's clocks. Only src/app and tests construct one.
class SystemClock final : public Clock {
 public:
  MonoTime mono() override;
  WallTime wall() override;
};

/// A clock that moves only when told to.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(WallTime start = wall_from_unix_millis(1'790'000'000'000)) : wall_(start) {}
  MonoTime mono() override { return mono_; }
  WallTime wall() override { return wall_; }
  void advance(Duration d) {
    mono_ += d;
    wall_ += d;
  }

 private:
  MonoTime mono_{};
  WallTime wall_;
};

}  // namespace drover
