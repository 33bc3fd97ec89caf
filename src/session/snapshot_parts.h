#pragma once
// Internal to src/session: what a State is made of, each as JSON and back. Change it with
// session/state.h, as snapshot_json.h says.

#include <optional>

#include "session/state.h"

namespace drover::session::snapshots {

Json effect_json(const PendingEffect& e);
std::optional<PendingEffect> effect_of(const Json& in, const char* key);
Json over_json(const OverBudget& over);
std::optional<OverBudget> over_of(const Json& in, const char* key);
Json call_json(const PendingToolCall& c);
Result<PendingToolCall> call_of(const Json& in);
Json leased_json(const LeasedWork& w);
LeasedWork leased_of(const Json& in);
Json wait_json(const Wait& w);
Wait wait_of(const Json& in);
Json signal_json(const Signal& s);
Signal signal_of(const Json& in);
Json task_json(const ChildTask& t);
ChildTask task_of(const Json& in);
Json group_json(const ChildGroup& g);
ChildGroup group_of(const Json& in);
Json extension_json(const Extension& e);
Extension extension_of(const Json& in);
Json step_json(const StepUse& s);
StepUse step_of(const Json& in);

}  // namespace drover::session::snapshots
