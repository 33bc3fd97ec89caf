#pragma once
// How long an effect may take, and whose budget says so. Each effect that begins has one, so it
// holds no text: what the budget is called is written where time ends the effect. Values.

#include <type_traits>

#include "session/state.h"

namespace drover::session {

struct TimeLeft {
  enum class Scope : uint8_t { kStep, kSubtask, kTree };

  Duration left{};
  Duration limit{};  // of that budget, in all
  Scope scope = Scope::kStep;

  /// As events name it.
  OverBudget budget() const;
};
static_assert(std::is_trivially_copyable_v<TimeLeft>);

}  // namespace drover::session
