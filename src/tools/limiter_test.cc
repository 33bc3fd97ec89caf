// Turns at a tool server, on virtual time: against servers that tell of their limits, and servers
// that only refuse; from seeds.

#include "tools/limiter.h"

#include <gtest/gtest.h>

#include "async/scope.h"
#include "async/sim_loop.h"
#include "async/sync.h"
#include "base/limits/road.h"

namespace drover::tools {
namespace {

using async::Scope;
using async::SimLoop;
using Answer = Limiter::Permit::Answer;

/// A server with a fixed window and a bound on what it does at once; either may be off.
struct SimServer {
  explicit SimServer(SimLoop* l, uint64_t seed) : loop(l), random(seed) {}

  async::Task<http::ResponseHead> answer(Context ctx) {
    MonoTime now = loop->mono();
    if (now < leave_alone_until) ++too_early;
    if (now >= window_end) {
      window_end = now + window;
      used = 0;
    }
    bool over = (quota && used >= *quota) || (at_once && busy >= *at_once);
    ++calls;
    if (!over) ++used;
    http::ResponseHead head;
    head.status = over ? 429 : 200;
    refused += over;
    if (tells && quota) {
      int64_t left_ms = (window_end - now).count() / 1'000'000;
      head.headers.add("ratelimit-policy", "\"w\";q=" + std::to_string(*quota) + ";w=" +
                                               std::to_string(window.count() / 1'000'000'000));
      head.headers.add("ratelimit", "\"w\";r=" + std::to_string(*quota - used) +
                                        ";t=" + std::to_string(left_ms / 1000 + 1));
    }
    if (over && retry_after > Duration::zero()) {
      head.headers.add("retry-after", std::to_string(retry_after.count() / 1'000'000'000));
    }
    ++busy;
    most = std::max(most, busy);
    Duration take =
        over ? Duration(1ms) : Duration(20ms) * static_cast<int64_t>(1 + random.below(5));
    auto slept = co_await async::sleep_for(ctx, take);
    (void)slept;
    --busy;
    // Only now does anybody know that it asked to be left alone.
    if (over && retry_after > Duration::zero()) {
      leave_alone_until = std::max(leave_alone_until, loop->mono() + retry_after);
    }
    co_return head;
  }

  SimLoop* loop;
  SeededRandom random;
  std::optional<int64_t> quota;
  Duration window = 10s;
  std::optional<int64_t> at_once;
  bool tells = false;
  Duration retry_after{};
  MonoTime window_end{};
  MonoTime leave_alone_until{};
  int64_t used = 0;
  int64_t busy = 0;
  int64_t most = 0;
  int calls = 0;
  int refused = 0;
  int too_early = 0;
};

struct Log {
  std::vector<std::string> done;  // sessions, in the order in which their calls were answered
  std::vector<Error> given_up;
};

/// A call as agents make it: again while it is refused.
Task<void> one_call(Context ctx, Limiter* limiter, SimServer* server, std::string tool,
                    std::string session, Log* log) {
  for (;;) {
    auto permit = co_await limiter->enter(ctx, tool, session);
    if (!permit) {
      log->given_up.push_back(permit.error());
      co_return;
    }
    http::ResponseHead head = co_await server->answer(ctx);
    limiter->heard(tool, permit->turn(), head);
    permit->finish(head.status == 200 ? Answer::kGiven : Answer::kBusyTool);
    if (head.status == 200) break;
  }
  log->done.push_back(session);
}

class LimiterTest : public testing::Test {
 protected:
  void open(uint64_t seed, bool one_url = true) {
    random_ = std::make_unique<SeededRandom>(seed);
    limiter_ = std::make_shared<Limiter>(loop_, random_.get(), "tool server 'x'", one_url);
    server_ = std::make_unique<SimServer>(&loop_, seed + 1);
    log_ = Log();
  }
  void spawn(Scope& scope, int calls, const std::string& session, const std::string& tool = "t") {
    for (int i = 0; i < calls; ++i) {
      scope.spawn(one_call(scope.context(), limiter_.get(), server_.get(), tool, session, &log_));
    }
  }
  void finish(Scope& scope) { loop_.run_task(scope.join()); }

  SimLoop loop_;
  std::unique_ptr<SeededRandom> random_;
  std::shared_ptr<Limiter> limiter_;
  std::unique_ptr<SimServer> server_;
  Log log_;
};

TEST_F(LimiterTest, LimitsThatAreToldAreKept) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    open(seed);
    server_->tells = true;
    server_->quota = 20 + static_cast<int64_t>(seed) * 3;
    // Long enough for all that the quota lets through in the time that a call may wait.
    Scope scope{Context(loop_)};
    MonoTime began = loop_.mono();
    const int calls = static_cast<int>(*server_->quota) * 5;
    spawn(scope, calls, "s");
    finish(scope);
    EXPECT_EQ(log_.done.size(), static_cast<size_t>(calls)) << seed;
    // The first burst comes before anything was told.
    EXPECT_LE(server_->refused, 32 - std::min<int64_t>(32, *server_->quota)) << seed;
    EXPECT_LE(server_->most, static_cast<int64_t>(limits::kToolWindowMax));
    // Four windows must pass, and not many more than that.
    EXPECT_GE(loop_.mono() - began, 40s) << seed;
    EXPECT_LE(loop_.mono() - began, 70s) << seed;
    EXPECT_EQ(limiter_->waiting() + limiter_->in_flight(), 0u);
  }
}

TEST_F(LimiterTest, NothingGoesWhileAPauseLasts) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    open(seed);
    server_->quota = 30;
    server_->retry_after = std::chrono::seconds(1 + seed % 15);
    Scope scope{Context(loop_)};
    spawn(scope, 100, "s");
    finish(scope);
    EXPECT_EQ(log_.done.size() + log_.given_up.size(), 100u) << seed;
    EXPECT_GT(server_->refused, 0) << seed;
    EXPECT_EQ(server_->too_early, 0) << seed;
  }
}

TEST_F(LimiterTest, WhatIsNotToldIsFoundOut) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    open(seed);
    server_->at_once = 1 + static_cast<int64_t>(seed % 12);
    Scope scope{Context(loop_)};
    spawn(scope, 400, "s");
    finish(scope);
    EXPECT_EQ(log_.done.size(), 400u) << seed;
    EXPECT_LE(server_->most, static_cast<int64_t>(limits::kToolWindowMax));
    // Each growth is tried once and halves after: most calls are not refused.
    EXPECT_LT(server_->refused, server_->calls / 3) << seed;
    EXPECT_LE(limiter_->window(), static_cast<double>(*server_->at_once) + 2) << seed;
  }
}

TEST_F(LimiterTest, AServerThatBearsMoreGetsMore) {
  open(7);
  Scope scope{Context(loop_)};
  spawn(scope, 4'000, "s");
  finish(scope);
  EXPECT_GT(limiter_->window(), 1.5 * limits::kToolWindowStart);
  EXPECT_EQ(server_->refused, 0);
}

TEST_F(LimiterTest, ALargeFanOutDoesNotKeepAnotherSessionWaiting) {
  open(3);
  server_->at_once = 4;
  Scope scope{Context(loop_)};
  spawn(scope, 300, "large");
  loop_.run_for(500ms);
  size_t before = log_.done.size();
  spawn(scope, 5, "small");
  finish(scope);
  size_t last = 0;
  for (size_t i = 0; i < log_.done.size(); ++i) {
    if (log_.done[i] == "small") last = i;
  }
  EXPECT_LT(last - before, 40u) << "five of its own, five of the other, and what was under way";
}

TEST_F(LimiterTest, ACallThatCouldNotGoInTimeIsRefusedAtOnce) {
  open(5);
  server_->quota = 0;
  server_->retry_after = 60s;
  Scope scope{Context(loop_)};
  Context brief = scope.context().with_timeout(30s);
  MonoTime began = loop_.mono();
  loop_.run_task(one_call(brief, limiter_.get(), server_.get(), "t", "s", &log_));
  ASSERT_EQ(log_.given_up.size(), 1u);
  EXPECT_EQ(log_.given_up[0].code, Code::kResourceExhausted);
  EXPECT_EQ(log_.given_up[0].retry, Retry::kAfter);
  EXPECT_EQ(log_.given_up[0].reason, "limited");
  EXPECT_GE(*log_.given_up[0].retry_after, 60s);
  EXPECT_LE(*log_.given_up[0].retry_after, 61s);
  EXPECT_EQ(loop_.mono() - began, 1ms) << "the refusal's own time";
  EXPECT_EQ(server_->calls, 1);
}

TEST_F(LimiterTest, ThoseThatWaitHearOfALongPauseToo) {
  open(6);
  Scope scope{Context(loop_)};
  spawn(scope, 33, "s");  // one more than go at once
  EXPECT_EQ(limiter_->waiting(), 1u);
  http::ResponseHead head;
  head.status = 503;
  head.headers.add("retry-after", "200");
  limiter_->heard("t", 0, head);
  EXPECT_EQ(limiter_->waiting(), 0u);
  finish(scope);
  ASSERT_EQ(log_.given_up.size(), 1u);
  EXPECT_EQ(log_.given_up[0].reason, "limited");
}

TEST_F(LimiterTest, WhoGivesUpLeavesTheQueue) {
  open(8);
  server_->at_once = 1;
  Scope scope{Context(loop_)};
  Scope leaving{Context(loop_)};
  spawn(scope, 40, "s");
  spawn(leaving, 40, "s");
  leaving.cancel("not wanted");
  finish(leaving);
  finish(scope);
  EXPECT_EQ(log_.done.size(), 40u);
  EXPECT_EQ(limiter_->waiting() + limiter_->in_flight(), 0u);
}

TEST_F(LimiterTest, TooManyWaitingAreRefused) {
  open(9);
  Scope scope{Context(loop_)};
  spawn(scope, 32 + static_cast<int>(limits::kToolWaitingMax) + 3, "s");
  EXPECT_EQ(log_.given_up.size(), 3u);
  EXPECT_EQ(log_.given_up[0].retry, Retry::kAfter);
  scope.cancel("enough");
  finish(scope);
  EXPECT_EQ(limiter_->waiting() + limiter_->in_flight(), 0u);
}

/// What a 429 of one tool, with these fields, does to that tool and to another.
std::pair<bool, bool> paused(bool one_url, int status, std::string field, std::string value,
                             bool other_named) {
  SimLoop loop;
  Limiter limiter(loop, nullptr, "x", one_url);
  if (other_named) {
    http::ResponseHead good;
    good.headers.add(field, "\"shared\";r=5;t=60");
    limiter.heard("b", 0, good);
  }
  http::ResponseHead head;
  head.status = status;
  head.headers.add(field, value);
  limiter.heard("a", 0, head);
  Context brief = Context(loop).with_timeout(500ms);
  auto a = loop.run_task(limiter.enter(brief, "a", "s"));
  auto b = loop.run_task(limiter.enter(brief, "b", "s"));
  return {!a.has_value(), !b.has_value()};
}

TEST(LimiterScope, AWordHoldsForThoseItIsAbout) {
  using Both = std::pair<bool, bool>;
  constexpr const char* kEmpty = "\"shared\";r=0;t=60";
  EXPECT_EQ(paused(false, 429, "retry-after", "60", false), Both(true, false)) << "the tool's";
  EXPECT_EQ(paused(true, 429, "retry-after", "60", false), Both(true, true)) << "one URL";
  EXPECT_EQ(paused(false, 503, "retry-after", "60", false), Both(true, true)) << "the server's";
  EXPECT_EQ(paused(false, 200, "x-ratelimit-remaining", "0", false), Both(true, false));
  EXPECT_EQ(paused(true, 200, "ratelimit", kEmpty, false), Both(true, false)) << "named by one";
  EXPECT_EQ(paused(true, 200, "ratelimit", kEmpty, true), Both(true, true)) << "named by both";
  EXPECT_EQ(paused(false, 200, "ratelimit", kEmpty, true), Both(true, true)) << "named by both";
}

}  // namespace
}  // namespace drover::tools
