#pragma once
// The real event loop and network, on Boost.Asio (which only the asio_*.cc files include).

#include <functional>
#include <memory>

#include "async/loop.h"
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
  TimerId call_at(MonoTime t, std::function<void()> fn) override;
  void cancel_timer(TimerId id) override;

  /// Runs until stop() is called.
  void run();
  /// Any thread.
  void stop();
  /// Calls fn on the loop for each of these signals (SIGTERM, SIGINT, SIGHUP) instead of the default.
  void on_signal(std::vector<int> signals, std::function<void(int)> fn);

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

/// Sockets and TLS on that loop. Name resolution runs on `blocking`.
std::unique_ptr<Network> make_asio_network(AsioLoop& loop, async::Executor& blocking);
std::unique_ptr<ProcessSpawner> make_process_spawner(AsioLoop& loop);

}  // namespace drover::net
