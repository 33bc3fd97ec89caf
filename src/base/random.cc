#include "base/random.h"

#include <sys/random.h>

#include <bit>

#include "base/assert.h"

namespace drover {

uint64_t Random::below(uint64_t bound) {
  DROVER_ASSERT(bound > 0);
  // Rejection keeps it uniform; the loop ends after two rounds on average at worst.
  uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
  uint64_t value = next();
  while (value >= limit) value = next();
  return value % bound;
}

double Random::unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

std::string Random::bytes(size_t n) {
  std::string out;
  out.reserve(n + 8);
  while (out.size() < n) {
    uint64_t v = next();
    out.append(reinterpret_cast<const char*>(&v), sizeof v);
  }
  out.resize(n);
  return out;
}

uint64_t SystemRandom::next() {
  if (left_ == 0) {
    ssize_t got = getrandom(pool_, sizeof pool_, 0);
    DROVER_ASSERT(got == static_cast<ssize_t>(sizeof pool_));
    left_ = sizeof pool_ / sizeof pool_[0];
  }
  uint64_t value = pool_[--left_];
  pool_[left_] = 0;
  return value;
}

FastRandom::FastRandom() {
  SystemRandom kernel;
  for (uint64_t& word : state_) word = kernel.next();
}

uint64_t FastRandom::next() {
  State& s = state_;
  const uint64_t out = std::rotl(s[0] + s[3], 23) + s[0];
  const uint64_t shifted = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= shifted;
  s[3] = std::rotl(s[3], 45);
  return out;
}

uint64_t SeededRandom::next() {
  uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

}  // namespace drover
