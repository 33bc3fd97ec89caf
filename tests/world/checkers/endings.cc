// Endings: when all faults are over and time has run on, every session has ended or waits for
// something that has a name, nothing is due and not done, and the index says what the journal says.

#include <algorithm>
#include <array>

#include "world/checkers/table.h"

namespace drover::world {
namespace {

using session::Status;

constexpr std::array<std::string_view, 9> kNames = {"message", "limit",    "model",
                                                    "timer",   "approval", "signal",
                                                    "children", "budget",  "planner"};

class EndingsChecker final : public Checker {
 public:
  using Checker::Checker;

  void at_end(const Final& final) override {
    const session::State& state = final.state;
    auto wrong = [&](const std::string& what) {
      verdict_.fail("endings", final.id.str() + " " + what);
    };
    if (state.status == Status::kNew) wrong("has a journal and has not begun");
    if (state.status == Status::kRunning) wrong("still runs, and nobody does anything for it");
    if (state.status == Status::kWaiting &&
        std::find(kNames.begin(), kNames.end(), state.reason) == kNames.end()) {
      wrong("waits for '" + state.reason + "'");
    }
    if (final.row.last_sequence != state.last_sequence || final.row.last_hash != state.last_hash) {
      wrong(fmt::format("is at event {} in the index, at {} in the journal",
                        final.row.last_sequence, state.last_sequence));
    }
    std::string_view status = session::status_name(state.status);
    if (final.row.status != status) {
      wrong(fmt::format("is '{}' in the index, '{}' in the journal", final.row.status, status));
    }
    std::string end = state.status == Status::kEnded ? state.reason : "";
    if (final.row.end_reason != end) {
      wrong(fmt::format("ended '{}' in the index, '{}' in the journal", final.row.end_reason, end));
    }
  }
};

}  // namespace

std::unique_ptr<Checker> make_endings_checker(Verdict& verdict, const Book& book) {
  return std::make_unique<EndingsChecker>(verdict, book);
}

}  // namespace drover::world
