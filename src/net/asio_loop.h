#pragma once
// The real event loop and network, on epoll and OpenSSL (Linux).
//
// One thread runs the loop and owns everything on it. post() and stop() are for any thread, all
// else for the loop's. Streams, listeners, processes and networks made on a loop go before it, and
// so do executors that post to it. Constructing a loop ignores SIGPIPE for the process.

#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <vector>

#include "async/loop.h"
#include "async/sim_loop.h"
#include "async/sync.h"
#include "net/process.h"
#include "net/stream.h"

namespace drover::net {

class AsioLoop final : public async::Loop {
 public:
  AsioLoop();
  ~AsioLoop() override;

  MonoTime mono() override;
  WallTime wall() override;
  void post(std::function<void()> fn) override;
  void resume_soon(std::coroutine_handle<> h) override;
  void call_soon(async::Turn& turn) override;
  TimerId call_at(MonoTime t, std::function<void()> fn) override;
  TimerId turn_at(MonoTime t, async::Turn& turn) override;
  void cancel_timer(TimerId id) override;

  /// Runs until stop() is called.
  void run();
  /// One round: whatever is ready, or else the next event or timer (waits for it).
  void run_once();
  /// Runs the loop until the task has ended and returns its value (commands, tests).
  template <typename T>
  T run_task(Task<T> task);
  /// Any thread.
  void stop();
  /// Calls fn on the loop for each of these signals (SIGTERM, SIGINT, SIGHUP) instead of the
  /// default.
  void on_signal(std::vector<int> signals, std::function<void(int)> fn);

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

template <typename T>
T AsioLoop::run_task(Task<T> task) {
  // Started from inside the loop, so that its first posts need no lock.
  if constexpr (std::is_void_v<T>) {
    bool done = false;
    auto shared =
        std::make_shared<Task<void>>(async::detail::store_into_void(std::move(task), &done));
    post([shared] { async::detail::start_detached(std::move(*shared)); });
    while (!done) run_once();
  } else {
    std::optional<T> out;
    auto shared = std::make_shared<Task<void>>(async::detail::store_into<T>(std::move(task), &out));
    post([shared] { async::detail::start_detached(std::move(*shared)); });
    while (!out) run_once();
    return std::move(*out);
  }
}

/// Sockets and TLS on that loop. Name resolution runs on `blocking`.
std::unique_ptr<Network> make_asio_network(AsioLoop& loop, async::Executor& blocking);
std::unique_ptr<ProcessSpawner> make_process_spawner(AsioLoop& loop);
/// This process's standard input and output as one stream (pipes or sockets, as a parent process
/// gives them; not files). To be made once. Closing it closes both.
std::unique_ptr<Stream> make_stdio_stream(AsioLoop& loop);

}  // namespace drover::net
