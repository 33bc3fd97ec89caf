#pragma once
// Workers: programs outside that lease work by long poll, do it, keep the lease alive or lose it,
// vanish, give work back, and answer twice or too late. They live in the world, not in a node.

#include "async/context.h"
#include "async/task.h"

namespace drover::world {

class World;

inline constexpr int kWorkers = 3;
/// The queue that they serve.
inline constexpr const char* kWorkQueue = "work";

/// One worker, until its context ends.
async::Task<void> run_worker(async::Context ctx, World* world, int number);

}  // namespace drover::world
