#pragma once
// Takes those who came together on together. A model call runs once through some 240 KiB of code,
// of which a processor's first cache holds an eighth: call after call, every line of it is fetched
// again. Where a round of the loop brings twenty calls it is much cheaper to take all of them
// through one part of the code, and then all of them through the next. A Stage stands at the border
// of two parts:
//
//   co_await placing_.enter(ctx.loop());   // the others of this round come up to here first
//
// Parts of some 8,000 instructions fit. Who comes alone pays about 60. It is no wait: nothing
// interrupts it, and it takes no longer than the others' parts do; but what was true before may
// have changed after it, as after any co_await.
//
// Loop thread only, one loop. A Stage outlives those who are in it: it belongs to what owns their
// scope.

#include <coroutine>
#include <vector>

#include "async/loop.h"

namespace drover::async {

class Stage final : private Turn {
 public:
  Stage() = default;
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  class Entry {
   public:
    Entry(Stage& stage, Loop& loop) : stage_(stage), loop_(loop) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> h) { stage_.add(loop_, h); }
    void await_resume() const noexcept {}

   private:
    Stage& stage_;
    Loop& loop_;
  };
  Entry enter(Loop& loop) { return Entry(*this, loop); }

 private:
  void add(Loop& loop, std::coroutine_handle<> h);
  /// All who are here go on.
  void on_turn() override;

  std::vector<std::coroutine_handle<>> here_;
};

}  // namespace drover::async
