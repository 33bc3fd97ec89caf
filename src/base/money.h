#pragma once
// Money, exact. One unit: the pico-dollar (10^-12 USD), so that every published per-token price is
// a whole number and sums never round. Held in 128 bits: no overflow in practice.

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace drover {

class Money {
 public:
  constexpr Money() = default;
  static constexpr Money from_pico_usd(__int128 pico) { return Money(pico); }
  static constexpr Money from_usd(int64_t usd) {
    return Money(static_cast<__int128>(usd) * 1'000'000'000'000);
  }
  /// Reads a decimal or scientific number of dollars, exactly: "0.0000025", "2.5e-06".
  /// Digits beyond 10^-12 are an error.
  static Result<Money> parse_usd(std::string_view text);

  constexpr __int128 pico_usd() const { return pico_; }
  /// Shortest exact decimal, such as "0.0000025"; "0" for nothing.
  std::string usd() const;
  /// For people: "$12.34", "$0.0012".
  std::string pretty() const;
  double to_double() const { return static_cast<double>(pico_) * 1e-12; }
  bool is_zero() const { return pico_ == 0; }

  constexpr Money operator+(Money o) const { return Money(pico_ + o.pico_); }
  constexpr Money operator-(Money o) const { return Money(pico_ - o.pico_); }
  constexpr Money operator*(int64_t n) const { return Money(pico_ * n); }
  constexpr Money& operator+=(Money o) {
    pico_ += o.pico_;
    return *this;
  }
  constexpr Money& operator-=(Money o) {
    pico_ -= o.pico_;
    return *this;
  }
  constexpr auto operator<=>(const Money&) const = default;

 private:
  explicit constexpr Money(__int128 pico) : pico_(pico) {}
  __int128 pico_ = 0;
};

}  // namespace drover
