#pragma once
// A client over a network in memory, and the far end, which is made of text.

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/sim_loop.h"
#include "http/client.h"
#include "http/memory_net.h"

namespace drover::http {

/// A server made of text: each connection answers each request with the next script entry.
class ClientTest : public testing::Test {
 protected:
  void SetUp() override {
    hub_ = std::make_shared<MemoryHub>();
    dialer_ = std::make_unique<MemoryDialer>(hub_);
    client_ = make_client(loop_, *dialer_);
  }
  void TearDown() override {
    client_.reset();
    servers_.clear();
    hub_->waiting.clear();
    loop_.run(100'000);
  }

  static ClientRequest request(std::string method = "POST", std::string body = "{}") {
    ClientRequest r;
    r.method = std::move(method);
    r.url = *Url::parse("http://up.example:8080/v1/x?y");
    r.body = std::move(body);
    return r;
  }
  /// The server's side of the newest connection.
  MemoryStream& server() {
    while (!hub_->waiting.empty()) {
      servers_.push_back(std::unique_ptr<MemoryStream>(
          static_cast<MemoryStream*>(hub_->waiting.front().release())));
      hub_->waiting.pop_front();
    }
    return *servers_.back();
  }
  void settle() { loop_.run_for(Duration(0)); }
  void feed(std::string_view text) {
    server().out()->bytes.append(text);
    server().out()->readable.wake_all();
    settle();
  }
  void end() {
    server().out()->ended = true;
    server().out()->wake();
    settle();
  }
  std::string sent() { return std::exchange(server().in()->bytes, std::string()); }

  using Sent = Result<std::unique_ptr<ClientResponse>>;
  static Task<void> run_send(Client* client, Context ctx, ClientRequest r,
                             std::optional<Sent>* out) {
    *out = co_await client->send(std::move(ctx), r);
  }
  /// Takes a connection for a call; what follows runs with the loop.
  void take(ClientRequest r, std::optional<Sent>* out) {
    async::detail::start_detached(run_send(client_.get(), Context(loop_), std::move(r), out));
  }
  /// Begins a call; its outcome comes to `out`.
  void begin(ClientRequest r, std::optional<Sent>* out) {
    take(std::move(r), out);
    settle();
  }
  /// A whole call whose server answers with `answer`.
  Sent call(ClientRequest r, std::string_view answer, bool then_end = false) {
    std::optional<Sent> out;
    begin(std::move(r), &out);
    request_text_ = sent();
    feed(answer);
    if (then_end) end();
    if (!out) return fail(Code::kInternal, "no outcome");
    return std::move(*out);
  }
  Result<std::string> body(Sent& sent, size_t max = 100'000) {
    return loop_.run_task((*sent)->read_all(Context(loop_), max));
  }

  async::SimLoop loop_;
  std::shared_ptr<MemoryHub> hub_;
  std::unique_ptr<MemoryDialer> dialer_;
  std::unique_ptr<Client> client_;
  std::vector<std::unique_ptr<MemoryStream>> servers_;
  std::string request_text_;
};

}  // namespace drover::http
