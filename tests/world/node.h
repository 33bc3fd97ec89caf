#pragma once
// One process that runs Drover: its loop, its session manager, its ways to the store, to the models
// and to the tools. A node is started once and dies once; after a crash there is a new one.
//
// Owned by the world. REQUIRES: kill() before it goes. Loop thread only.

#include <map>
#include <memory>

#include "async/scope.h"
#include "road/effects.h"
#include "session/manager.h"
#include "world/node_journal.h"
#include "world/node_loop.h"

namespace drover::world {

class World;

/// What a caller of a node waits for; failed when the node dies under it.
class Outstanding {
 public:
  virtual ~Outstanding() = default;
  virtual void lost() = 0;
};

class Node {
 public:
  Node(World& world, int number);
  ~Node();

  /// Takes up what was running.
  void start();
  /// Stops at once; nothing of it touches the world any more.
  void kill();
  void pause() { loop_.pause(); }
  void resume() { loop_.resume(); }

  /// After kill(): everything of it has ended.
  bool clean() const { return clean_; }

  int number() const { return number_; }
  NodeLoop& loop() { return loop_; }
  const async::Context& context() const { return scope_->context(); }
  async::Scope& scope() { return *scope_; }
  session::SessionManager& manager() { return *manager_; }
  /// By number, so that they are told in one order.
  std::map<uint64_t, Outstanding*>& callers() { return callers_; }

 private:
  static async::Task<void> recover(async::Context ctx, Node* node);
  static async::Task<void> stop(Node* node, bool* done);

  World& world_;
  int number_;
  NodeLoop loop_;
  SeededRandom random_;
  Life life_;
  NodeJournal journal_;
  road::Effects effects_;
  std::unique_ptr<road::Road> road_;
  std::unique_ptr<tools::ToolSet> tools_;
  std::unique_ptr<session::PlannerClient> planner_;
  std::unique_ptr<async::Scope> scope_;
  std::unique_ptr<session::SessionManager> manager_;
  std::map<uint64_t, Outstanding*> callers_;
  bool clean_ = false;
};

}  // namespace drover::world
