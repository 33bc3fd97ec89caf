#pragma once
// What a run found: the first violations, what it got to, and (where asked for) the last lines of
// what happened before a violation. Owned by the world; loop thread only. Limits: kViolationsMax,
// kTraceLinesMax.

#include <fmt/format.h>

#include <array>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "async/sim_loop.h"

namespace drover::world {

/// What runs must get to: a checker of what never happens proves nothing.
enum class Reached : uint8_t {
  kOvershoot,        // billed beyond a reservation, and told
  kKeptBill,         // settled at a bill that kept to what was asked
  kDearest,          // answered by the dearest endpoint of all
  kPlannedTimer,     // begun for a plan
  kPlannedSignal,    // …
  kPlannedApproval,  // …
  kPlannedRequest,   // more budget asked for by a plan
  kPlannedChild,
  kSubtaskHeld,   // stopped by what its parent gave it
  kTenantKilled,  // a session ended by the kill of its tenant
  kPurged,
};
inline constexpr size_t kReachedKinds = static_cast<size_t>(Reached::kPurged) + 1;
using ReachedCounts = std::array<uint64_t, kReachedKinds>;
/// For people, in the plural.
std::string_view reached_name(size_t kind);

class Verdict {
 public:
  static constexpr size_t kViolationsMax = 10;
  static constexpr size_t kTraceLinesMax = 20'000;

  Verdict(async::SimLoop& loop, bool trace) : loop_(loop), trace_(trace) {}

  /// An invariant does not hold. `invariant` is its short name.
  void fail(std::string_view invariant, std::string what);
  bool ok() const { return violations_.empty(); }
  const std::vector<std::string>& violations() const { return violations_; }

  void reached(Reached what) { ++reached_[static_cast<size_t>(what)]; }
  const ReachedCounts& reached() const { return reached_; }

  /// One line of what happens, kept only where somebody wants to read it.
  template <typename... Args>
  void note(fmt::format_string<Args...> format, Args&&... args) {
    if (trace_) keep(fmt::format(format, std::forward<Args>(args)...));
  }
  const std::deque<std::string>& trace() const { return lines_; }

 private:
  void keep(std::string line);

  async::SimLoop& loop_;
  bool trace_;
  std::vector<std::string> violations_;
  ReachedCounts reached_{};
  std::deque<std::string> lines_;
};

}  // namespace drover::world
