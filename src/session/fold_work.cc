// Effects that workers do: which of their attempts have a result in the journal.

#include <algorithm>

#include "base/limits/session.h"
#include "session/folding.h"

namespace drover::session::folding {
namespace {

static_assert(limits::kEffectAttemptsMax <= 32, "LeasedWork::told has a bit for each attempt");

LeasedWork& leased_work(State& state, uint64_t sequence, bool plan) {
  for (LeasedWork& work : state.leased) {
    if (work.sequence == sequence) return work;
  }
  if (state.leased.size() >= limits::kLateWorkMax) state.leased.erase(state.leased.begin());
  LeasedWork work;
  work.sequence = sequence;
  work.plan = plan;
  state.leased.push_back(work);
  return state.leased.back();
}

}  // namespace

void work_begun(State& state, const Event& event, bool plan) {
  const bool first = event.attempt <= 1;
  LeasedWork& work = leased_work(state, first ? event.sequence : event.causation, plan);
  work.attempt = first ? 1 : event.attempt;
}

void work_told(State& state, const Event& event) {
  if (event.actor.type != "worker" || event.causation == 0) return;
  const bool plan = event.kind == contract::kind::kPlan;
  if (!plan && event.kind != contract::kind::kToolResult) return;
  if (event.attempt < 1 || event.attempt > 32) return;
  LeasedWork& work = leased_work(state, event.causation, plan);
  work.attempt = std::max(work.attempt, event.attempt);
  work.told |= uint32_t{1} << (event.attempt - 1);
}

}  // namespace drover::session::folding
