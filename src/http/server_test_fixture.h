#pragma once
// A server over a network in memory, whose handler does what the path says and keeps what it saw.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "async/sim_loop.h"
#include "async/sync.h"
#include "http/memory_net.h"
#include "http/server.h"

namespace drover::http {

inline ResponseHead text_head(int status = 200) {
  ResponseHead head;
  head.status = status;
  head.headers.add("Content-Type", "text/plain");
  return head;
}

/// What the test handlers do, by path.
struct ServerLog {
  std::vector<std::string> requests;
  std::vector<std::string> errors;
  int cancelled = 0;
  int kept = 0;
};

/// Counts those that are there.
struct CountedKept final : ServerRequest::Kept {
  explicit CountedKept(int* c) : count(c) { ++*count; }
  ~CountedKept() override { --*count; }
  int* count;
};

inline Task<void> echo_logged(ServerLog* log, Context ctx, ServerRequest& request,
                              ServerResponse& response) {
  std::string path(request.head().path());
  log->requests.push_back(request.head().method + " " + request.head().target);
  if (path == "/silent") co_return;
  if (path == "/keep") {
    request.keep(std::make_unique<CountedKept>(&log->kept));
    Result<void> slept = co_await async::sleep_for(ctx, 1s);
    if (!slept) ++log->cancelled;
  }
  if (path == "/hang") {
    Result<void> slept = co_await async::sleep_for(ctx, 1000s);
    if (!slept && slept.error().code == Code::kCancelled) ++log->cancelled;
    co_return;
  }
  if (path == "/slow") {
    Result<void> slept = co_await async::sleep_for(ctx, 5s);
    if (!slept) ++log->cancelled;
  }
  if (path == "/stream" || path == "/cut" || path == "/drop") {
    Result<void> ok = co_await response.start(ctx, text_head());
    if (ok) ok = co_await response.write(ctx, "one");
    if (ok) ok = co_await response.write(ctx, "");
    if (ok) ok = co_await response.write(ctx, "twotwotwotwotwotwo");
    if (path == "/cut") response.abort();
    if (path == "/stream" && ok) ok = co_await response.finish(ctx);
    if (!ok) log->errors.push_back(ok.error().to_string());
    co_return;
  }
  if (path == "/together") {
    Result<void> ok = co_await response.start(ctx, text_head(), "one");
    if (ok) ok = co_await response.write(ctx, "two");
    if (ok) ok = co_await response.finish(ctx, "three");
    if (!ok) log->errors.push_back(ok.error().to_string());
    co_return;
  }
  if (path == "/noread") {
    Result<void> ok = co_await response.respond(ctx, text_head(), "unread");
    (void)ok;
    co_return;
  }
  if (path == "/parts") {
    std::string joined;
    for (;;) {
      Result<std::string_view> part = co_await request.read_some(ctx);
      if (!part) co_return;
      if (part->empty()) break;
      joined += *part;
    }
    Result<void> ok = co_await response.respond(ctx, text_head(), joined);
    (void)ok;
    co_return;
  }
  Result<std::string> body = co_await request.read_all(ctx, 1000);
  if (!body) {
    log->errors.push_back(body.error().reason);
    co_return;
  }
  std::string answer = "[" + request.head().method + " " + path + " " + *body + "]";
  Result<void> ok = co_await response.respond(ctx, text_head(), answer);
  if (!ok) log->errors.push_back(ok.error().to_string());
}

class ServerTest : public testing::Test {
 protected:
  void SetUp() override { start(ServerOptions()); }
  void start(ServerOptions options) {
    hub_ = std::make_shared<MemoryHub>();
    ServerLog* log = &log_;
    Handler handler = [log](Context ctx, ServerRequest& request, ServerResponse& response) {
      return echo_logged(log, std::move(ctx), request, response);
    };
    server_ = std::make_unique<Server>(loop_, std::make_unique<MemoryListener>(hub_),
                                       std::move(handler), options);
    server_->start();
  }
  void TearDown() override {
    clients_.clear();
    size_t cut = loop_.run_task(server_->stop(Context(loop_), 1s));
    EXPECT_EQ(cut, 0u);
    EXPECT_EQ(server_->open_connections(), 0u);
    EXPECT_EQ(server_->in_flight(), 0u);
    server_.reset();
    loop_.run(100'000);
  }
  MemoryStream& connect() {
    clients_.push_back(hub_->connect());
    return *clients_.back();
  }
  void settle() { loop_.run_for(Duration(0)); }
  /// Sends the text on a new connection and returns all that comes back at once.
  std::string exchange(std::string_view text) {
    MemoryStream& c = connect();
    return exchange(c, text);
  }
  std::string exchange(MemoryStream& c, std::string_view text) {
    c.out()->bytes.append(text);
    c.out()->readable.wake_all();
    settle();
    return std::exchange(c.in()->bytes, std::string());
  }
  static int status_of(const std::string& answer) {
    return answer.size() > 12 ? std::atoi(answer.c_str() + 9) : 0;
  }

  async::SimLoop loop_;
  ServerLog log_;
  std::shared_ptr<MemoryHub> hub_;
  std::unique_ptr<Server> server_;
  std::vector<std::unique_ptr<MemoryStream>> clients_;
};

constexpr std::string_view kGet = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";

}  // namespace drover::http
