#pragma once
// Many seeds, in several processes: a seed that brings its process down is reported like any other.

#include <cstdint>

#include "world/world.h"

namespace drover::world {

struct RunnerOptions {
  Options world;
  uint64_t first = 1;
  uint64_t count = 1;
  int jobs = 1;
  /// Every n-th seed is run twice, and its hashes compared; 0: none.
  uint64_t twice_every = 0;
  /// Ends at the first seed that fails.
  bool stop_at_first = false;
};

struct Totals {
  uint64_t passed = 0;
  uint64_t failed = 0;
  uint64_t sessions = 0;
  uint64_t events = 0;
  uint64_t crashes = 0;
  uint64_t refused = 0;
  uint64_t tool_calls = 0;
  ReachedCounts reached{};
  /// The lowest seed that failed; 0 for none.
  uint64_t first_failed = 0;
};

/// Runs them all, prints what failed.
Totals run_seeds(const RunnerOptions& options);

}  // namespace drover::world
