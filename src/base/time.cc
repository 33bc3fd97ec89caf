#include "base/time.h"

#include <time.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>

namespace drover {
namespace {

constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct Unit {
  std::string_view name;
  int64_t ns;
};
constexpr std::array<Unit, 10> kUnits = {{{"", 1'000'000'000},
                                          {"s", 1'000'000'000},
                                          {"ns", 1},
                                          {"us", 1'000},
                                          {"µs", 1'000},
                                          {"ms", 1'000'000},
                                          {"m", 60'000'000'000},
                                          {"min", 60'000'000'000},
                                          {"h", 3'600'000'000'000},
                                          {"d", 86'400'000'000'000}}};

struct tm to_tm(WallTime t, int64_t* nanos) {
  int64_t total = unix_nanos(t);
  int64_t seconds = total / 1'000'000'000;
  *nanos = total % 1'000'000'000;
  if (*nanos < 0) {
    *nanos += 1'000'000'000;
    --seconds;
  }
  time_t secs = static_cast<time_t>(seconds);
  struct tm out{};
  gmtime_r(&secs, &out);
  return out;
}

/// Two digits of each number below 100.
struct DigitPairs {
  std::array<char, 200> digits{};
  constexpr DigitPairs() {
    for (size_t i = 0; i < 100; ++i) {
      digits[2 * i] = static_cast<char>('0' + i / 10);
      digits[2 * i + 1] = static_cast<char>('0' + i % 10);
    }
  }
};
constexpr DigitPairs kDigitPairs;

/// Two digits and what stands behind them.
char* put_pair(char* at, uint32_t below_100, char behind) {
  std::memcpy(at, &kDigitPairs.digits[2 * static_cast<size_t>(below_100)], 2);
  at[2] = behind;
  return at + 3;
}

bool digits(std::string_view text, size_t at, size_t count, int* out) {
  if (at + count > text.size()) return false;
  int value = 0;
  for (size_t i = at; i < at + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    value = value * 10 + (text[i] - '0');
  }
  *out = value;
  return true;
}

Result<WallTime> from_parts(struct tm parts, int64_t nanos, int64_t offset_seconds) {
  if (parts.tm_mon < 0 || parts.tm_mon > 11 || parts.tm_mday < 1 || parts.tm_mday > 31 ||
      parts.tm_hour > 23 || parts.tm_min > 59 || parts.tm_sec > 60) {
    return fail(Code::kInvalidArgument, "a field of the time is out of range");
  }
  // Nanoseconds in 64 bits reach from 1677 to 2262.
  if (parts.tm_year < 1678 - 1900 || parts.tm_year > 2261 - 1900) {
    return fail(Code::kInvalidArgument, "the time is not between the years 1678 and 2261");
  }
  const int day = parts.tm_mday;
  const bool leap_second = parts.tm_sec == 60;
  time_t secs = timegm(&parts);
  if (parts.tm_mday != day && !leap_second) {
    return fail(Code::kInvalidArgument, "the month has no such day");
  }
  return wall_from_unix_nanos((static_cast<int64_t>(secs) - offset_seconds) * 1'000'000'000 +
                              nanos);
}

}  // namespace

void put_rfc3339(WallTime t, char* at) {
  // Every event has one: no printf and no gmtime here. Any WallTime lies between 1677 and 2262.
  const auto day = std::chrono::floor<std::chrono::days>(t);
  const std::chrono::year_month_day date(std::chrono::sys_days(day.time_since_epoch()));
  const auto in_day =
      static_cast<uint64_t>(std::chrono::floor<std::chrono::microseconds>(t - day).count());
  const auto year = static_cast<uint32_t>(static_cast<int>(date.year()));
  const auto seconds = static_cast<uint32_t>(in_day / 1'000'000);
  const auto micros = static_cast<uint32_t>(in_day % 1'000'000);
  // Where nothing stands between two pairs, the second goes over what is behind the first.
  at = put_pair(at, year / 100, '-') - 1;
  at = put_pair(at, year % 100, '-');
  at = put_pair(at, static_cast<unsigned>(date.month()), '-');
  at = put_pair(at, static_cast<unsigned>(date.day()), 'T');
  at = put_pair(at, seconds / 3600, ':');
  at = put_pair(at, seconds / 60 % 60, ':');
  at = put_pair(at, seconds % 60, '.');
  at = put_pair(at, micros / 10'000, 'Z') - 1;
  at = put_pair(at, micros / 100 % 100, 'Z') - 1;
  put_pair(at, micros % 100, 'Z');
}

std::string format_rfc3339(WallTime t) {
  std::string out(kRfc3339Chars, '\0');
  put_rfc3339(t, out.data());
  return out;
}

Result<WallTime> parse_rfc3339(std::string_view text) {
  auto bad = [&] {
    return fail(Code::kInvalidArgument, "not an RFC 3339 time: '" + std::string(text) + "'");
  };
  struct tm p{};
  int year = 0;
  int month = 0;
  if (!digits(text, 0, 4, &year) || !digits(text, 5, 2, &month) ||
      !digits(text, 8, 2, &p.tm_mday) || !digits(text, 11, 2, &p.tm_hour) ||
      !digits(text, 14, 2, &p.tm_min) || !digits(text, 17, 2, &p.tm_sec) || text[4] != '-' ||
      text[7] != '-' || (text[10] != 'T' && text[10] != 't' && text[10] != ' ') ||
      text[13] != ':' || text[16] != ':') {
    return bad();
  }
  p.tm_year = year - 1900;
  p.tm_mon = month - 1;
  size_t at = 19;
  int64_t nanos = 0;
  if (at < text.size() && text[at] == '.') {
    ++at;
    int64_t unit = 100'000'000;
    size_t first = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
      nanos += (text[at] - '0') * unit;
      unit /= 10;
      ++at;
    }
    if (at == first || at - first > 9) return bad();
  }
  int64_t offset = 0;
  if (at < text.size() && (text[at] == 'Z' || text[at] == 'z')) {
    ++at;
  } else if (at < text.size() && (text[at] == '+' || text[at] == '-')) {
    int hours = 0;
    int minutes = 0;
    if (!digits(text, at + 1, 2, &hours) || at + 3 >= text.size() || text[at + 3] != ':' ||
        !digits(text, at + 4, 2, &minutes)) {
      return bad();
    }
    offset = (hours * 60 + minutes) * 60 * (text[at] == '-' ? -1 : 1);
    at += 6;
  } else {
    return bad();
  }
  if (at != text.size()) return bad();
  return from_parts(p, nanos, offset);
}

std::string format_amz_date(WallTime t) {
  int64_t nanos = 0;
  struct tm p = to_tm(t, &nanos);
  char buf[32];
  std::snprintf(buf, sizeof buf, "%04d%02d%02dT%02d%02d%02dZ", p.tm_year + 1900, p.tm_mon + 1,
                p.tm_mday, p.tm_hour, p.tm_min, p.tm_sec);
  return buf;
}

std::string format_http_date(WallTime t) {
  int64_t nanos = 0;
  struct tm p = to_tm(t, &nanos);
  char buf[48];
  std::snprintf(buf, sizeof buf, "%s, %02d %s %04d %02d:%02d:%02d GMT",
                kDays[static_cast<size_t>(p.tm_wday)], p.tm_mday,
                kMonths[static_cast<size_t>(p.tm_mon)], p.tm_year + 1900, p.tm_hour, p.tm_min,
                p.tm_sec);
  return buf;
}

Result<WallTime> parse_http_date(std::string_view text) {
  // IMF-fixdate only: "Mon, 23 Nov 2026 09:20:00 GMT" (RFC 9110 section 5.6.7).
  struct tm p{};
  int year = 0;
  bool ok = text.size() == 29 && digits(text, 5, 2, &p.tm_mday) && digits(text, 12, 4, &year) &&
            digits(text, 17, 2, &p.tm_hour) && digits(text, 20, 2, &p.tm_min) &&
            digits(text, 23, 2, &p.tm_sec) && text.substr(25) == " GMT";
  p.tm_mon = -1;
  if (ok) {
    for (size_t i = 0; i < kMonths.size(); ++i) {
      if (text.substr(8, 3) == kMonths[i]) p.tm_mon = static_cast<int>(i);
    }
  }
  if (!ok || p.tm_mon < 0) {
    return fail(Code::kInvalidArgument, "not an HTTP date: '" + std::string(text) + "'");
  }
  p.tm_year = year - 1900;
  return from_parts(p, 0, 0);
}

std::string format_duration(Duration d) {
  char buf[48];
  double ns = static_cast<double>(d.count());
  if (ns < 0) return "-" + format_duration(-d);
  if (ns < 1e3) {
    std::snprintf(buf, sizeof buf, "%.0f ns", ns);
  } else if (ns < 1e6) {
    std::snprintf(buf, sizeof buf, "%.*f µs", ns < 1e4 ? 1 : 0, ns / 1e3);
  } else if (ns < 1e9) {
    std::snprintf(buf, sizeof buf, "%.*f ms", ns < 1e7 ? 1 : 0, ns / 1e6);
  } else if (ns < 120e9) {
    std::snprintf(buf, sizeof buf, "%.*f s", ns < 10e9 ? 2 : 1, ns / 1e9);
  } else if (ns < 7200e9) {
    std::snprintf(buf, sizeof buf, "%.0f min", ns / 60e9);
  } else {
    int64_t minutes = d.count() / 60'000'000'000;
    std::snprintf(buf, sizeof buf, "%lld h %lld min", static_cast<long long>(minutes / 60),
                  static_cast<long long>(minutes % 60));
  }
  return buf;
}

Result<Duration> parse_duration(std::string_view text) {
  // In whole numbers: a double has no room for every second of a long retention, so that what was
  // written would be read again as a second less.
  constexpr uint64_t kScaleMax = 1'000'000'000'000'000'000;  // digits beyond it say nothing
  constexpr int64_t kMaxDays = 104'166;
  constexpr __int128 kMax = 9'000'000'000'000'000'000;
  __int128 whole = 0;
  uint64_t fraction = 0;
  uint64_t scale = 1;
  bool point = false;
  bool any = false;
  size_t at = 0;
  for (; at < text.size(); ++at) {
    char c = text[at];
    if (c >= '0' && c <= '9') {
      any = true;
      if (!point) {
        whole = std::min<__int128>(whole * 10 + (c - '0'), kMax + 1);
      } else if (scale < kScaleMax) {
        scale *= 10;
        fraction = fraction * 10 + static_cast<uint64_t>(c - '0');
      }
    } else if (c == '.' && !point) {
      point = true;
    } else {
      break;
    }
  }
  std::string_view name = text.substr(at);
  auto unit =
      std::find_if(kUnits.begin(), kUnits.end(), [&](const Unit& u) { return u.name == name; });
  const __int128 ns = unit == kUnits.end() ? 0 : unit->ns;
  const __int128 total = whole * ns + static_cast<__int128>(fraction) * ns / scale;
  if (any && total > kMax) {
    return fail(Error(Code::kInvalidArgument, "too long: '" + std::string(text) + "' (at most " +
                                                  std::to_string(kMaxDays) + "d)")
                    .with_reason("too_long"));
  }
  if (!any || ns == 0) {
    return fail(Code::kInvalidArgument,
                "not a duration: '" + std::string(text) + "' (write 250ms, 30s, 5m, 2h or 1d)");
  }
  return Duration(static_cast<int64_t>(total));
}

MonoTime SystemClock::mono() {
  return MonoTime(
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}
WallTime SystemClock::wall() {
  return WallTime(
      std::chrono::duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch()));
}

}  // namespace drover
