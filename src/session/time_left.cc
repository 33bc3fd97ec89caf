#include "session/time_left.h"

#include "session/tree.h"

namespace drover::session {

OverBudget TimeLeft::budget() const {
  switch (scope) {
    case Scope::kStep:
      return {"time", "step", format_duration(limit)};
    case Scope::kSubtask:
      return {"time", "subtask", format_duration(limit)};
    case Scope::kTree:
      break;
  }
  TreeLimits tree;
  tree.time = limit;
  return {"time", "tree", limit_text(tree, "time")};
}

}  // namespace drover::session
