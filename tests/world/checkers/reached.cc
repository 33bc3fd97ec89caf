// What runs get to: no invariant, only counts (verdict.h, Reached). A count that stays at nothing
// over many seeds is a failure of its own: what it stands for was not tried (main.cc).

#include <set>

#include "world/checkers/table.h"

namespace drover::world {
namespace {

namespace kind = contract::kind;

class ReachedCounter final : public Checker {
 public:
  using Checker::Checker;

  void committed(const Seen& seen) override {
    const contract::Event& event = seen.event;
    const Json& payload = seen.payload;
    const bool planned = payload.get_bool("effect") == true;
    if (event.kind == kind::kSessionStarted) {
      const bool doomed = payload.get_text("tenant").starts_with(kDoomedTenant);
      if (doomed) doomed_.insert(event.session);
    } else if (event.kind == kind::kModelResult) {
      if (payload.get_string("endpoint") == "sim/n") verdict_.reached(Reached::kDearest);
    } else if (event.kind == kind::kWaitStarted && planned) {
      on_planned_wait(payload.get_text("for"));
    } else if (event.kind == kind::kBudgetExtensionRequested && planned) {
      verdict_.reached(Reached::kPlannedRequest);
    } else if (event.kind == kind::kChildSpawned) {
      // One of a tool call names it.
      if (payload.find("call_index") == nullptr) verdict_.reached(Reached::kPlannedChild);
    } else if (event.kind == kind::kSessionEnded) {
      const bool killed = payload.get_string("reason") == "killed";
      if (killed && doomed_.count(event.session) != 0) verdict_.reached(Reached::kTenantKilled);
    } else if (event.kind == kind::kPurge) {
      verdict_.reached(Reached::kPurged);
    }
  }

 private:
  void on_planned_wait(const std::string& what) {
    if (what == "timer") verdict_.reached(Reached::kPlannedTimer);
    if (what == "signal") verdict_.reached(Reached::kPlannedSignal);
    if (what == "approval") verdict_.reached(Reached::kPlannedApproval);
  }

  std::set<SessionId> doomed_;
};

}  // namespace

std::unique_ptr<Checker> make_reached_counter(Verdict& verdict, const Book& book) {
  return std::make_unique<ReachedCounter>(verdict, book);
}

}  // namespace drover::world
