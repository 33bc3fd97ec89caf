#pragma once
// MCP tools that answer as recorded. A call finds its result by its session and its place in the
// recording; name and arguments must be the recorded ones, or the call fails with a JSON-RPC error
// (reason "recording_mismatch"), never with a made-up result.
//
// What the client says in a call's _meta:
//   drover/labels {"recording": "TASK/TRIAL"}, or drover/recording "TASK/TRIAL"   which recording
//   drover/session            which run of it (one recording may be run several times)
//   drover/idempotency_key    the same key is the same call again: it gets the same result
//   drover/attempt            which attempt; drover/position, if given: the number of the call in
//                             the recording, from 0
// Without drover/position a new key takes the first call of its session that nobody took yet, among
// those of the recording's next turn.
//
// Every call is logged as a JSON line {"session", "recording", "position", "tool",
// "idempotency_key", "attempt", "repeat", "outcome"}, so that duplicates can be proven. A log that
// exists is read first: a server that was restarted goes on where it was.
//
// Loop thread only. Limits: the recordings and kReplayCallsMax calls are kept in memory.

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "sim/mcp_server.h"
#include "sim/recording.h"

namespace drover::sim {

inline constexpr size_t kReplayCallsMax = 2'000'000;

class ReplayTools final : public McpTools {
 public:
  explicit ReplayTools(std::vector<Recording> recordings);
  /// Reads what was logged there, then appends.
  Result<void> log_to(const std::string& path);

  std::string name() const override { return "drover-replay"; }
  std::vector<McpTool> list() const override { return tools_; }
  async::Task<Result<McpResult>> call(async::Context ctx, McpCall call) override;

  uint64_t calls() const { return calls_; }
  uint64_t repeats() const { return repeats_; }
  uint64_t mismatches() const { return mismatches_; }

 private:
  /// One recorded call. Results belong to calls by position.
  struct Spot {
    size_t turn;
    std::string name;
    std::string canonical_arguments;
    std::string arguments;
    std::string result;
    bool is_error = false;
    bool has_result = false;
  };
  struct Run {
    std::map<std::string, size_t> taken;  // position by idempotency key
    std::vector<bool> used;
  };

  void add_recording(const Recording& recording);
  Result<McpResult> answer(const McpCall& call, Json& line);
  Result<size_t> find_spot(const std::vector<Spot>& spots, const Run& run,
                           const McpCall& call) const;
  void write_log(const Json& line);

  std::map<std::string, std::vector<Spot>, std::less<>> spots_;  // by recording
  std::map<std::string, Run> runs_;                              // by session and recording
  std::vector<McpTool> tools_;
  std::ofstream log_;
  uint64_t calls_ = 0;
  uint64_t repeats_ = 0;
  uint64_t mismatches_ = 0;
  size_t kept_ = 0;
};

}  // namespace drover::sim
