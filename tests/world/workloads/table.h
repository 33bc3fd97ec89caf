#pragma once
// All workloads, each in a file of its own.

#include "world/workload.h"

namespace drover::world {

std::unique_ptr<Workload> make_talk();
std::unique_ptr<Workload> make_interrupt();
std::unique_ptr<Workload> make_cancel();
std::unique_ptr<Workload> make_limits();

}  // namespace drover::world
