#pragma once
// The planner of the world as a node reaches it: a program that does what the user's script says,
// and now and then hangs, fails or answers nonsense. Owned by the node. Loop thread only.

#include <memory>

#include "session/planner.h"
#include "world/life.h"

namespace drover::world {

class World;

std::unique_ptr<session::PlannerClient> make_planner(World& world, int node, Life& life);

}  // namespace drover::world
