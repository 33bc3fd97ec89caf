#pragma once
// What a seed draws before anything runs: how many sessions, over what time, and which kinds of
// trouble there are. Each kind is absent from about half of the worlds, so that some worlds know
// nothing but one kind, and some know all. Values.

#include "world/faults.h"
#include "world/options.h"

namespace drover::world {

struct Scenario {
  int sessions = 0;
  /// Sessions begin within this time.
  Duration spread{};
  /// Trouble ends at this time.
  Duration chaos{};

  // The process. Zero: does not happen.
  Duration between_crashes{};
  Duration between_standstills{};
  bool crash_points = false;
  Duration down_most{};
  Duration between_clock_jumps{};

  // The disk, and the store on it: the log, or the one in memory.
  bool log_store = true;
  Duration sync_most{};
  Duration between_full{};
  Duration between_lost_answers{};

  Rates rates;

  static Scenario draw(const Options& options);
};

}  // namespace drover::world
