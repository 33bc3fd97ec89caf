// Answers that are put together before they may be told.

#include <gtest/gtest.h>

#include "async/sim_loop.h"
#include "async/sync.h"
#include "http/memory_net.h"
#include "http/server.h"

namespace drover::http {
namespace {

constexpr Duration kUntilItMayBeTold = 1s;
constexpr size_t kLargeBytes = 100'000;

ResponseHead head_of(int status) {
  ResponseHead head;
  head.status = status;
  head.headers.add("Content-Type", "text/plain");
  return head;
}

/// "/whole", "/large": what was prepared follows. "/told": the same, told before it is awaited.
/// "/other": another answer does.
Task<void> prepare_and_wait(Context ctx, ServerRequest& request, ServerResponse& response) {
  const std::string path(request.head().path());
  std::string body = path == "/large" ? std::string(kLargeBytes, 'x') : "it is done";
  response.prepare(head_of(201), std::move(body));
  EXPECT_FALSE(response.started());
  Result<void> slept = co_await async::sleep_for(ctx, kUntilItMayBeTold);
  EXPECT_TRUE(slept);
  Result<void> sent;
  if (path == "/told") response.tell_prepared();
  EXPECT_EQ(response.started(), path == "/told");
  if (path == "/other") {
    sent = co_await response.respond(ctx, head_of(503), "it failed");
    EXPECT_TRUE(sent);
    sent = co_await response.respond_prepared(ctx);
    EXPECT_FALSE(sent) << "one answer only";
    co_return;
  }
  sent = co_await response.respond_prepared(ctx);
  EXPECT_TRUE(sent);
}

class PreparedTest : public testing::Test {
 protected:
  PreparedTest() : hub_(std::make_shared<MemoryHub>()) {
    server_ = std::make_unique<Server>(loop_, std::make_unique<MemoryListener>(hub_),
                                       prepare_and_wait, ServerOptions());
    server_->start();
    client_ = hub_->connect();
    client_->in()->tells_at_once = true;
  }
  ~PreparedTest() override {
    client_.reset();
    loop_.run_task(server_->stop(Context(loop_), 1s));
    server_.reset();
    loop_.run(100'000);
  }
  std::string get(const std::string& path) {
    client_->out()->bytes.append("GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n");
    client_->out()->readable.wake_all();
    loop_.run_for(kUntilItMayBeTold / 2);
    EXPECT_EQ(client_->in()->bytes, "") << "nothing leaves before";
    loop_.run_for(kUntilItMayBeTold);
    return std::exchange(client_->in()->bytes, std::string());
  }

  async::SimLoop loop_;
  std::shared_ptr<MemoryHub> hub_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<MemoryStream> client_;
};

TEST_F(PreparedTest, IsToldWholeAndTheConnectionIsKept) {
  for (const char* path : {"/whole", "/told", "/whole"}) {
    const std::string answer = get(path);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\n"))
        << answer;
    EXPECT_TRUE(answer.ends_with("Content-Length: 10\r\n\r\nit is done")) << answer;
  }
  EXPECT_EQ(client_->in()->writes, 3u) << "one write an answer";
}

TEST_F(PreparedTest, WhatIsLeftOfAToldOneFollows) {
  client_->in()->capacity = 40;
  std::string answer = get("/told");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 201 Created\r\n")) << answer;
  EXPECT_LE(answer.size(), 40u);
  while (!answer.ends_with("it is done")) {
    const size_t before = answer.size();
    client_->in()->writable.wake_all();
    loop_.run_for(1s);
    answer += std::exchange(client_->in()->bytes, std::string());
    ASSERT_GT(answer.size(), before) << answer;
  }
}

TEST_F(PreparedTest, MayBeLarge) {
  const std::string answer = get("/large");
  EXPECT_NE(answer.find("Content-Length: 100000\r\n\r\nxxx"), std::string::npos);
  EXPECT_TRUE(answer.ends_with("xxx"));
  EXPECT_GT(answer.size(), kLargeBytes);
}

TEST_F(PreparedTest, AnotherAnswerTakesItsPlace) {
  const std::string answer = get("/other");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\nit failed")) << answer;
  EXPECT_EQ(answer.find("it is done"), std::string::npos);
  EXPECT_TRUE(get("/told").ends_with("it is done")) << "the next request has its own";
}

/// A response that has no way of its own to prepare one.
class PlainResponse final : public ServerResponse {
 public:
  Task<Result<void>> respond(Context ctx, ResponseHead head, std::string body) override {
    told = std::to_string(head.status) + " " + body;
    co_return Result<void>();
  }
  Task<Result<void>> start(Context, ResponseHead, std::string_view) override { return nothing(); }
  Task<Result<void>> write(Context, std::string_view) override { return nothing(); }
  Task<Result<void>> finish(Context, std::string_view) override { return nothing(); }
  void abort() override {}
  bool started() const override { return false; }
  std::string told;

 private:
  static Task<Result<void>> nothing() { co_return Result<void>(); }
};

TEST(Prepared, IsKeptAndRespondedWhereThereIsNoOtherWay) {
  async::SimLoop loop;
  PlainResponse response;
  response.prepare(head_of(201), "it is done");
  EXPECT_EQ(response.told, "");
  EXPECT_TRUE(loop.run_task(response.respond_prepared(Context(loop))));
  EXPECT_EQ(response.told, "201 it is done");
}

}  // namespace
}  // namespace drover::http
