#pragma once
// Whether a node lives, shared by everything through which it touches the world: the dead touch
// nothing, and what was struck down in the middle of a call waits here for its end.
// Owned by the node. Loop thread only.

#include "async/sync.h"

namespace drover::world {

class Life {
 public:
  bool dead() const { return dead_; }
  /// REQUIRES: the node's loop is killed.
  void end() {
    dead_ = true;
    death_.wake_all();
  }
  /// Returns when the node is dead, with the error of all calls of the dead.
  async::Task<Error> hang(async::Context ctx) {
    async::Context quiet = ctx.detached();
    while (!dead_) {
      async::Wake wake = co_await death_.wait(quiet);
      (void)wake;
    }
    co_return error();
  }
  static Error error() {
    return Error(Code::kUnavailable, "the process is dead", Retry::kSameTarget);
  }

 private:
  bool dead_ = false;
  async::WaitQueue death_;
};

}  // namespace drover::world
