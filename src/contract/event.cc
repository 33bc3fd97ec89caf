#include "contract/event.h"

namespace drover::contract {

bool is_known_kind(std::string_view k) {
  for (std::string_view known : {kind::kSessionStarted,
                                 kind::kSessionEnded,
                                 kind::kObservation,
                                 kind::kPlan,
                                 kind::kModelCall,
                                 kind::kModelResult,
                                 kind::kToolCall,
                                 kind::kToolResult,
                                 kind::kMemoryRead,
                                 kind::kMemoryWrite,
                                 kind::kChildSpawned,
                                 kind::kChildEnded,
                                 kind::kWaitStarted,
                                 kind::kWaitResolved,
                                 kind::kBudgetReserved,
                                 kind::kBudgetSettled,
                                 kind::kBudgetExceeded,
                                 kind::kBudgetExtensionRequested,
                                 kind::kBudgetExtensionDecided,
                                 kind::kPlacementDecided,
                                 kind::kFailover,
                                 kind::kDowngrade,
                                 kind::kReward,
                                 kind::kPurge}) {
    if (k == known) return true;
  }
  return false;
}

}  // namespace drover::contract
