#pragma once
// The event loop as an interface: time, timers, and a queue of things to run. Two forms: the real
// one (net/asio_loop.h) and the simulated one on virtual time (async/sim_loop.h). All state of a
// session or connection belongs to one loop; post() is the only call allowed from other threads.

#include <coroutine>
#include <cstdint>
#include <functional>
#include <utility>

#include "base/time.h"

namespace drover::async {

/// What a loop calls in its turn: a part of who asks for it, so that nothing is made for that.
class Turn {
 public:
  /// Once for each call_soon(), and for each turn_at() that was not cancelled.
  virtual void on_turn() = 0;

 protected:
  ~Turn() = default;
};

class Loop : public Clock {
 public:
  using TimerId = uint64_t;  // 0 means none

  /// Runs fn soon, on this loop's thread. Any thread may call it.
  virtual void post(std::function<void()> fn) = 0;
  /// Resumes a suspended coroutine soon, in its turn among what is posted. Loop thread only.
  virtual void resume_soon(std::coroutine_handle<> h) {
    post([h] { h.resume(); });
  }
  /// The same with what outlives its turn, if the loop comes to it. Loop thread only.
  virtual void call_soon(Turn& turn) {
    post([&turn] { turn.on_turn(); });
  }
  /// Runs fn at or after t, on this loop. Loop thread only.
  virtual TimerId call_at(MonoTime t, std::function<void()> fn) = 0;
  /// The same with what outlives the timer. Loop thread only.
  virtual TimerId turn_at(MonoTime t, Turn& turn) {
    return call_at(t, [&turn] { turn.on_turn(); });
  }
  /// Forgets a timer; harmless if it has run. Loop thread only.
  virtual void cancel_timer(TimerId id) = 0;

  TimerId call_after(Duration d, std::function<void()> fn) {
    return call_at(mono() + d, std::move(fn));
  }
};

}  // namespace drover::async
