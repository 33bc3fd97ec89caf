#include "base/money.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/decimal.h"

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
  std::string out = pico_ < 0 ? "-" : "";
  auto dollars = size / kPicosPerDollar;
  auto picos = static_cast<int64_t>(size % kPicosPerDollar);
  if (dollars > INT64_MAX) {
    // More than there is: in two parts, since no integer prints it.
    append_decimal(out, static_cast<int64_t>(dollars / kPicosPerDollar));
    std::string rest;
    append_decimal(rest, static_cast<int64_t>(dollars % kPicosPerDollar));
    out.append(kPlaces - rest.size(), '0').append(rest);
  } else {
    append_decimal(out, static_cast<int64_t>(dollars));
  }
  if (picos == 0) return out;
  char digits[kPlaces + 1] = ".";
  int places = 0;
  for (int64_t unit = kPicosPerDollar / 10; picos != 0; unit /= 10) {
    digits[++places] = static_cast<char>('0' + picos / unit);
    picos %= unit;
  }
  out.append(digits, static_cast<size_t>(places) + 1);
  return out;
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
