#pragma once
// Randomness is handed in, like time. SystemRandom reads the kernel (keys, nonces, ids); FastRandom
// is for what may be guessed (ids of spans and traces, jitter); SeededRandom is for simulation and
// repeats for a seed. Not thread-safe: one per thread.

#include <array>
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

/// xoshiro256++ (prng.di.unimi.it), begun anew by the kernel: two processes never share a stream.
/// Whoever sees some of its numbers can tell those that follow: never for keys, nonces, or ids that
/// let anybody in.
class FastRandom final : public Random {
 public:
  using State = std::array<uint64_t, 4>;  // not all zero
  FastRandom();
  explicit FastRandom(const State& state) : state_(state) {}
  uint64_t next() override;

 private:
  State state_;
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
