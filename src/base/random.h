#pragma once
// Randomness is handed in, like time. SystemRandom reads the kernel (keys, nonces, ids);
// SeededRandom is for simulation and repeats for a seed. Not thread-safe: one per thread.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace drover {

class Random {
 public:
  virtual ~Random() = default;
  virtual uint64_t next() = 0;
  /// Uniform in [0, bound); bound must be > 0.
  uint64_t below(uint64_t bound);
  /// Uniform in [0, 1).
  double unit();
  /// True with probability p.
  bool chance(double p) { return unit() < p; }
  /// n random bytes.
  std::string bytes(size_t n);
};

/// The kernel's generator (getrandom), buffered.
class SystemRandom final : public Random {
 public:
  uint64_t next() override;

 private:
  uint64_t pool_[64] = {};
  size_t left_ = 0;
};

/// SplitMix64: small, fast, the same on every machine.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed) : state_(seed) {}
  uint64_t next() override;

 private:
  uint64_t state_;
};

}  // namespace drover
