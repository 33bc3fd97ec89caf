#pragma once
// A network in memory for the tests and fuzzers of this layer: stream pairs, a listener and a
// dialer that are joined directly, without time or faults (net/sim_net.h has those). A pipe can
// hand over its bytes in pieces of a chosen size, and hold only so much (back-pressure). One loop.

#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>
#include <string>

#include "async/wait.h"
#include "net/stream.h"

namespace drover::http {

struct MemoryPipe {
  std::string bytes;
  size_t capacity = SIZE_MAX;
  size_t read_max = SIZE_MAX;
  bool ended = false;  // the writer has ended it
  bool broken = false;
  bool tells_at_once = false;   // try_write() takes what there is room for
  bool tells_if_empty = false;  // nothing_to_read() says where to wait
  uint64_t writes = 0;
  async::WaitQueue readable;
  async::WaitQueue writable;
  void wake() {
    readable.wake_all();
    writable.wake_all();
  }
};

class MemoryStream final : public net::Stream {
 public:
  MemoryStream(std::shared_ptr<MemoryPipe> in, std::shared_ptr<MemoryPipe> out)
      : in_(std::move(in)), out_(std::move(out)) {}
  ~MemoryStream() override { close(); }

  async::Task<Result<size_t>> read(async::Context ctx, std::span<char> buffer) override {
    std::shared_ptr<MemoryPipe> in = in_;
    std::shared_ptr<bool> closed = closed_;
    while (in->bytes.empty() && !in->ended && !in->broken && !*closed) {
      async::Wake wake = co_await in->readable.wait(ctx);
      if (wake != async::Wake::kWoken) co_return fail(async::wake_error(wake, ctx));
    }
    if (*closed) co_return fail(Code::kCancelled, "closed");
    if (in->broken) co_return fail(Code::kUnavailable, "reset", Retry::kOtherTarget);
    size_t n = std::min({buffer.size(), in->bytes.size(), in->read_max});
    std::memcpy(buffer.data(), in->bytes.data(), n);
    in->bytes.erase(0, n);
    in->writable.wake_all();
    co_return n;
  }
  async::WaitQueue* nothing_to_read() override {
    const bool may_be = !in_->bytes.empty() || in_->ended || in_->broken || *closed_;
    return in_->tells_if_empty && !may_be ? &in_->readable : nullptr;
  }
  async::Task<Result<void>> write(async::Context ctx, std::string_view data) override {
    std::shared_ptr<MemoryPipe> out = out_;
    std::shared_ptr<bool> closed = closed_;
    ++out->writes;
    while (!data.empty()) {
      if (*closed) co_return fail(Code::kCancelled, "closed");
      if (out->broken || out->ended)
        co_return fail(Code::kUnavailable, "reset", Retry::kOtherTarget);
      size_t room = out->capacity - std::min(out->capacity, out->bytes.size());
      if (room == 0) {
        async::Wake wake = co_await out->writable.wait(ctx);
        if (wake != async::Wake::kWoken) co_return fail(async::wake_error(wake, ctx));
        continue;
      }
      size_t n = std::min(room, data.size());
      out->bytes.append(data.substr(0, n));
      data.remove_prefix(n);
      out->readable.wake_all();
    }
    co_return Result<void>();
  }
  Result<size_t> try_write(std::string_view data) override {
    if (!out_->tells_at_once || *closed_ || out_->broken || out_->ended) return size_t{0};
    const size_t room = out_->capacity - std::min(out_->capacity, out_->bytes.size());
    const size_t n = std::min(room, data.size());
    if (n > 0) ++out_->writes;
    out_->bytes.append(data.substr(0, n));
    out_->readable.wake_all();
    return n;
  }
  async::Task<Result<void>> shutdown_write(async::Context ctx) override {
    out_->ended = true;
    out_->wake();
    co_return Result<void>();
  }
  void close() override {
    if (*closed_) return;
    *closed_ = true;
    out_->ended = true;
    // What the peer writes from now on has no reader.
    in_->broken = true;
    in_->wake();
    out_->wake();
  }
  void reset() override {
    if (!*closed_) out_->broken = true;
    close();
  }
  const net::Endpoint& remote() const override { return remote_; }
  std::string_view alpn() const override { return alpn_; }
  void set_alpn(std::string alpn) { alpn_ = std::move(alpn); }

  const std::shared_ptr<MemoryPipe>& in() const { return in_; }
  const std::shared_ptr<MemoryPipe>& out() const { return out_; }

 private:
  const net::Endpoint remote_{"127.0.0.1", 40'000};
  std::shared_ptr<MemoryPipe> in_;
  std::shared_ptr<MemoryPipe> out_;
  std::shared_ptr<bool> closed_ = std::make_shared<bool>(false);
  std::string alpn_;
};

struct MemoryPair {
  std::unique_ptr<MemoryStream> client;
  std::unique_ptr<MemoryStream> server;
};

inline MemoryPair make_memory_pair() {
  auto up = std::make_shared<MemoryPipe>();
  auto down = std::make_shared<MemoryPipe>();
  MemoryPair pair;
  pair.client = std::make_unique<MemoryStream>(down, up);
  pair.server = std::make_unique<MemoryStream>(up, down);
  return pair;
}

/// The place where a MemoryDialer and a MemoryListener meet.
struct MemoryHub {
  std::deque<std::unique_ptr<net::Stream>> waiting;
  bool closed = false;
  int dials = 0;
  size_t capacity_up = SIZE_MAX;
  bool tells_at_once_up = false;
  async::WaitQueue arrived;

  std::unique_ptr<MemoryStream> connect() {
    MemoryPair pair = make_memory_pair();
    ++dials;
    pair.client->out()->capacity = capacity_up;
    pair.client->out()->tells_at_once = tells_at_once_up;
    waiting.push_back(std::move(pair.server));
    arrived.wake_all();
    return std::move(pair.client);
  }
};

class MemoryListener final : public net::Listener {
 public:
  explicit MemoryListener(std::shared_ptr<MemoryHub> hub) : hub_(std::move(hub)) {}
  async::Task<Result<std::unique_ptr<net::Stream>>> accept(async::Context ctx) override {
    std::shared_ptr<MemoryHub> hub = hub_;
    while (hub->waiting.empty() && !hub->closed) {
      async::Wake wake = co_await hub->arrived.wait(ctx);
      if (wake != async::Wake::kWoken) co_return fail(async::wake_error(wake, ctx));
    }
    if (hub->closed) co_return fail(Code::kCancelled, "closed");
    std::unique_ptr<net::Stream> stream = std::move(hub->waiting.front());
    hub->waiting.pop_front();
    co_return stream;
  }
  net::Endpoint local() const override { return net::Endpoint{"127.0.0.1", 80}; }
  void close() override {
    hub_->closed = true;
    hub_->arrived.wake_all();
  }

 private:
  std::shared_ptr<MemoryHub> hub_;
};

class MemoryDialer final : public net::Dialer {
 public:
  explicit MemoryDialer(std::shared_ptr<MemoryHub> hub) : hub_(std::move(hub)) {}
  async::Task<Result<std::unique_ptr<net::Stream>>> dial(async::Context ctx,
                                                         net::DialTarget target) override {
    if (hub_->closed) co_return fail(Code::kUnavailable, "refused", Retry::kOtherTarget);
    std::unique_ptr<net::Stream> stream = hub_->connect();
    co_return stream;
  }

 private:
  std::shared_ptr<MemoryHub> hub_;
};

}  // namespace drover::http
