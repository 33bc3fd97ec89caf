#pragma once
// A listener that can be told to turn connections away: they are accepted and closed at once, so
// that the port stays ours while a cloud is down. The client sees its connection reset before a
// byte was read. Owns the listener that it wraps. Loop thread only.

#include <functional>
#include <memory>

#include "net/stream.h"

namespace drover::sim {

class GateListener final : public net::Listener {
 public:
  /// `turns_away` is asked at each connection and must live as long as the listener.
  GateListener(std::unique_ptr<net::Listener> inner, std::function<bool()> turns_away)
      : inner_(std::move(inner)), turns_away_(std::move(turns_away)) {}

  async::Task<Result<std::unique_ptr<net::Stream>>> accept(async::Context ctx) override {
    while (true) {
      Result<std::unique_ptr<net::Stream>> stream = co_await inner_->accept(ctx);
      if (!stream || !turns_away_()) co_return stream;
      (*stream)->close();
    }
  }
  net::Endpoint local() const override { return inner_->local(); }
  void close() override { inner_->close(); }

 private:
  std::unique_ptr<net::Listener> inner_;
  std::function<bool()> turns_away_;
};

}  // namespace drover::sim
