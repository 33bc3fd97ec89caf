#pragma once
// The director: who makes trouble, when, until the scenario says that it is enough, and who starts
// the process again after each crash. Its tasks run in the world's scope.

#include "world/world.h"

namespace drover::world {

class Director {
 public:
  explicit Director(World& world);
  /// Everything: ends when all trouble is over and a node serves.
  void start(async::Scope& scope);
  bool calm() const { return calm_; }
  /// Opens the store, holds it against the book, starts a node.
  async::Task<void> bring_up(async::Context ctx);

 private:
  async::Task<void> rule_processes(async::Context ctx);
  async::Task<void> rule_disk(async::Context ctx);
  async::Task<void> rule_answers(async::Context ctx);
  async::Task<void> rule_clock(async::Context ctx);
  async::Task<void> end_trouble(async::Context ctx);
  async::Task<void> stand_still(async::Context ctx);
  async::Task<void> without_lock(async::Context ctx);
  void arm();
  bool trouble() const;
  Duration around(Duration mean);
  Duration below(Duration most);

  World& world_;
  SeededRandom random_;
  bool calm_ = false;
};

}  // namespace drover::world
