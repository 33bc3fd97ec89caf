#pragma once
// All workloads, each in a file of its own.

#include "world/workload.h"

namespace drover::world {

std::unique_ptr<Workload> make_talk();
std::unique_ptr<Workload> make_interrupt();
std::unique_ptr<Workload> make_cancel();
std::unique_ptr<Workload> make_limits();
std::unique_ptr<Workload> make_timers();
std::unique_ptr<Workload> make_approvals();
std::unique_ptr<Workload> make_signals();
std::unique_ptr<Workload> make_trees();
std::unique_ptr<Workload> make_budgets();
std::unique_ptr<Workload> make_subtasks();
std::unique_ptr<Workload> make_extensions();
std::unique_ptr<Workload> make_planned();
std::unique_ptr<Workload> make_queued();
std::unique_ptr<Workload> make_kills();
std::unique_ptr<Workload> make_moves();
std::unique_ptr<Workload> make_purges();

}  // namespace drover::world
