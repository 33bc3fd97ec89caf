#pragma once
// The fidelity check (`drover demo --sessions FILE`): recorded sessions are run as live ones over
// simulated clouds that answer only to the exact recorded conversation, with tools that answer as
// recorded from an MCP server process, while one cloud fails. What the journals hold at the end is
// compared with the recordings.
//
// Identical: the same messages in the same order, text and results equal byte for byte, tool names
// equal, arguments equal as JSON where the answer came in a dialect that carries objects
// (Converse) and byte for byte elsewhere. Lost: a step that did not happen. Duplicated: an effect
// with two accepted results.

#include <string>
#include <vector>

#include "app/demo/clouds.h"
#include "sim/recording.h"

namespace drover::app {

struct FidelityOptions {
  std::string file;
  /// "mixed", "converse", "azure" or "openai": the wire form of the calls.
  std::string via = "mixed";
  bool stream = false;
  /// One cloud (mixed) or one region fails midway; off for a quiet run.
  bool fail = true;
  size_t concurrency = 24;
  /// Data folder; empty: a temporary one. Sessions found there are continued.
  std::string data;
  size_t sessions_max = 0;  // 0: all
  bool quiet = false;
};

struct FidelityReport {
  size_t sessions = 0;
  size_t identical = 0;
  uint64_t failovers = 0;
  uint64_t lost = 0;
  uint64_t duplicated = 0;
  uint64_t repeated = 0;  // further attempts at an effect
  uint64_t steps = 0;
  uint64_t resumed = 0;
  Duration took{};
  std::vector<std::string> differences;  // the first of each session that differs
  bool fail_wanted = false;
  bool ok() const {
    return identical == sessions && lost == 0 && duplicated == 0 && (!fail_wanted || failovers > 0);
  }
};

/// What a session's journal says against its recording.
struct SessionVerdict {
  bool identical = false;
  uint64_t failovers = 0, lost = 0, duplicated = 0, repeated = 0, steps = 0;
  std::string difference;
};
SessionVerdict compare_session(const sim::Recording& recording,
                               const std::vector<contract::Event>& events);

Result<FidelityReport> run_fidelity(net::AsioLoop& loop, FidelityOptions options);

}  // namespace drover::app
