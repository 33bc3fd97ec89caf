#pragma once
// What a run found: the first violations, and (where asked for) the last lines of what happened
// before them. Owned by the world; loop thread only. Limits: kViolationsMax, kTraceLinesMax.

#include <fmt/format.h>

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "async/sim_loop.h"

namespace drover::world {

class Verdict {
 public:
  static constexpr size_t kViolationsMax = 10;
  static constexpr size_t kTraceLinesMax = 20'000;

  Verdict(async::SimLoop& loop, bool trace) : loop_(loop), trace_(trace) {}

  /// An invariant does not hold. `invariant` is its short name.
  void fail(std::string_view invariant, std::string what);
  bool ok() const { return violations_.empty(); }
  const std::vector<std::string>& violations() const { return violations_; }

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
  std::deque<std::string> lines_;
};

}  // namespace drover::world
