#pragma once
// The models of the world as a node reaches them: a road whose calls take virtual time, fail, are
// refused and are billed as the scenario says, at places with prices of their own, behind which the
// brain thinks. Owned by the world, outlives the
// nodes. Loop thread only.

#include <memory>

#include "road/road.h"
#include "world/brain.h"
#include "world/life.h"

namespace drover::world {

class World;

class Clouds {
 public:
  explicit Clouds(World& world) : world_(world) {}
  std::unique_ptr<road::Road> road_for(int node, Life& life);
  Brain& brain() { return brain_; }
  uint64_t calls = 0;

 private:
  World& world_;
  Brain brain_;
};

}  // namespace drover::world
