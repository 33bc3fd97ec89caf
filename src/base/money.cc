#include "base/money.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace drover {

Result<Money> Money::parse_usd(std::string_view text) {
  auto bad = [&] {
    return fail(Code::kInvalidArgument, "not an amount of dollars: '" + std::string(text) + "'");
  };
  size_t i = 0;
  bool negative = false;
  if (i < text.size() && (text[i] == '-' || text[i] == '+')) negative = text[i++] == '-';
  __int128 mantissa = 0;
  int scale = 0;  // digits after the point
  bool any = false;
  bool point = false;
  for (; i < text.size(); ++i) {
    char c = text[i];
    if (c >= '0' && c <= '9') {
      any = true;
      if (mantissa > static_cast<__int128>(1) << 110) return bad();
      mantissa = mantissa * 10 + (c - '0');
      if (point) ++scale;
    } else if (c == '.' && !point) {
      point = true;
    } else {
      break;
    }
  }
  if (!any) return bad();
  int exponent = 0;
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    bool exp_negative = false;
    if (i < text.size() && (text[i] == '-' || text[i] == '+')) exp_negative = text[i++] == '-';
    if (i >= text.size()) return bad();
    for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) {
      exponent = exponent * 10 + (text[i] - '0');
      if (exponent > 100) return bad();
    }
    if (exp_negative) exponent = -exponent;
  }
  if (i != text.size()) return bad();
  int shift = 12 - scale + exponent;
  for (; shift > 0; --shift) {
    if (mantissa > static_cast<__int128>(1) << 120) return bad();
    mantissa *= 10;
  }
  for (; shift < 0; ++shift) {
    if (mantissa % 10 != 0) return bad();
    mantissa /= 10;
  }
  return Money(negative ? -mantissa : mantissa);
}

std::string Money::usd() const {
  constexpr int64_t kPicosPerDollar = 1'000'000'000'000;
  constexpr int kPlaces = 12;
  const __int128 size = pico_ < 0 ? -pico_ : pico_;
  std::array<char, 64> text;
  char* p = text.data();
  const auto put = [&](int64_t n) { p = std::to_chars(p, text.data() + text.size(), n).ptr; };
  const auto put_places = [&](int64_t n, int places) {
    for (int place = places - 1; place >= 0; --place, n /= 10) {
      p[place] = static_cast<char>('0' + n % 10);
    }
    p += places;
  };
  if (pico_ < 0) *p++ = '-';
  int64_t picos = 0;
  if (size < kPicosPerDollar) {  // most calls
    *p++ = '0';
    picos = static_cast<int64_t>(size);
  } else if (size <= INT64_MAX) {  // nine million dollars: all that one mostly sees, in 64 bits
    const auto small = static_cast<int64_t>(size);
    put(small / kPicosPerDollar);
    picos = small % kPicosPerDollar;
  } else {
    const __int128 dollars = size / kPicosPerDollar;
    picos = static_cast<int64_t>(size % kPicosPerDollar);
    if (dollars > INT64_MAX) {
      // More than there is: in two parts, since no integer prints it.
      put(static_cast<int64_t>(dollars / kPicosPerDollar));
      put_places(static_cast<int64_t>(dollars % kPicosPerDollar), kPlaces);
    } else {
      put(static_cast<int64_t>(dollars));
    }
  }
  if (picos != 0) {
    // Prices are round: what ends in zeros is shortened before it is written.
    int places = kPlaces;
    for (; picos % 1000 == 0; picos /= 1000) places -= 3;
    for (; picos % 10 == 0; picos /= 10) --places;
    *p++ = '.';
    put_places(picos, places);
  }
  return std::string(text.data(), p);
}

std::string Money::pretty() const {
  double v = to_double();
  double size = std::fabs(v);
  int places = size == 0 || size >= 1 ? 2 : size >= 0.01 ? 4 : 6;
  char buf[64];
  std::snprintf(buf, sizeof buf, "%s$%.*f", v < 0 ? "-" : "", places, size);
  return buf;
}

}  // namespace drover
