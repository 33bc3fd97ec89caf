#pragma once
// A set of small numbers (endpoints of one catalog by their index) as words of 64 bits, sized once.
// Values.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace drover::policy {

class Bits {
 public:
  Bits() = default;
  explicit Bits(size_t size) : words_((size + 63) / 64) {}
  void set(size_t i) { words_[i / 64] |= uint64_t{1} << (i % 64); }
  void clear(size_t i) { words_[i / 64] &= ~(uint64_t{1} << (i % 64)); }
  /// All of the others', of the same size.
  void add(const Bits& others) {
    for (size_t w = 0; w < words_.size(); ++w) words_[w] |= others.words_[w];
  }
  bool test(size_t i) const { return (words_[i / 64] >> (i % 64) & 1) != 0; }
  size_t words() const { return words_.size(); }
  uint64_t word(size_t w) const { return words_[w]; }
  size_t count() const {
    size_t out = 0;
    for (uint64_t w : words_) out += static_cast<size_t>(std::popcount(w));
    return out;
  }
  bool operator==(const Bits&) const = default;

 private:
  std::vector<uint64_t> words_;
};

}  // namespace drover::policy
