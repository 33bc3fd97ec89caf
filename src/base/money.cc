#include "base/money.h"

#include <algorithm>
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
  __int128 v = pico_ < 0 ? -pico_ : pico_;
  std::string digits;
  for (; v > 0; v /= 10) digits += static_cast<char>('0' + static_cast<int>(v % 10));
  while (digits.size() < 13) digits += '0';
  std::reverse(digits.begin(), digits.end());
  std::string out = pico_ < 0 ? "-" : "";
  out += digits.substr(0, digits.size() - 12);
  std::string fraction = digits.substr(digits.size() - 12);
  while (!fraction.empty() && fraction.back() == '0') fraction.pop_back();
  if (!fraction.empty()) out += "." + fraction;
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
