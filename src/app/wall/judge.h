#pragma once
// Holds what was seen against what a scenario expects. Pure.

#include <string>
#include <vector>

#include "sim/wall/scenario.h"

namespace drover::app::wall {

struct Verdict {
  const sim::wall::Scenario* scenario = nullptr;
  std::vector<sim::wall::Seen> seen;  // of each call
  /// Of each of its upstreams, in order.
  std::vector<sim::wall::Traffic> traffic;
  /// What was not as it should be, one line each; empty: passed.
  std::vector<std::string> faults;
  bool passed() const { return faults.empty(); }
};

/// Fills `faults`.
void judge(Verdict& verdict);

}  // namespace drover::app::wall
