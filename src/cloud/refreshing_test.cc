#include "cloud/refreshing.h"

#include <gtest/gtest.h>

#include <vector>

#include "async/scope.h"
#include "async/sim_loop.h"
#include "async/sync.h"
#include "base/limits/cloud.h"

namespace drover::cloud {
namespace {

/// Takes `delay` for a token that lives `life`, or fails; counts.
struct Script {
  int fetches = 0;
  Duration delay{};
  std::optional<Duration> life;
  std::optional<Error> error;
};

class ScriptedSource final : public TokenSource {
 public:
  explicit ScriptedSource(Script* script) : script_(script) {}
  std::string name() const override { return "script"; }
  Task<Result<BearerToken>> fetch(Context ctx) override {
    const int number = ++script_->fetches;
    CO_TRY_VOID(co_await async::sleep_for(ctx, script_->delay));
    if (script_->error) co_return fail(*script_->error);
    BearerToken out;
    out.token = Secret("token" + std::to_string(number));
    if (script_->life) out.expires = ctx.loop().wall() + *script_->life;
    co_return out;
  }

 private:
  Script* script_;
};

Task<std::string> token_of(Context ctx, Refreshing<BearerToken>* tokens) {
  auto got = co_await tokens->get(ctx);
  if (!got) co_return std::string(code_name(got.error().code));
  co_return std::string((*got)->token.reveal());
}

struct RefreshingTest : testing::Test {
  async::SimLoop loop;
  Context ctx{loop};
  Script script;
  Refreshing<BearerToken> tokens{std::make_unique<ScriptedSource>(&script)};

  std::string get() { return get(ctx); }
  std::string get(Context with) { return loop.run_task(token_of(with, &tokens)); }
  std::vector<std::string> get_many(int n) {
    std::vector<Task<std::string>> tasks;
    for (int i = 0; i < n; ++i) tasks.push_back(token_of(ctx, &tokens));
    return loop.run_task(async::when_all(ctx, std::move(tasks)));
  }
};

TEST_F(RefreshingTest, KeepsWhatDoesNotExpire) {
  EXPECT_EQ(get(), "token1");
  loop.run_for(std::chrono::hours(1000));
  EXPECT_EQ(get(), "token1");
  EXPECT_EQ(script.fetches, 1);
}

TEST_F(RefreshingTest, OneFetchServesAllWhoWait) {
  script.delay = 2s;
  for (const std::string& token : get_many(50)) EXPECT_EQ(token, "token1");
  EXPECT_EQ(script.fetches, 1);
  EXPECT_EQ(loop.mono().time_since_epoch(), Duration(2s));
}

TEST_F(RefreshingTest, RenewsBeforeItExpiresWhileOthersGoOnWithTheOld) {
  script.life = 1h;
  EXPECT_EQ(get(), "token1");
  loop.run_for(54min);
  EXPECT_EQ(get(), "token1");
  EXPECT_EQ(script.fetches, 1);
  loop.run_for(2min);  // 4 minutes left: due
  script.delay = 3s;
  const auto got = get_many(3);
  EXPECT_EQ(got, (std::vector<std::string>{"token2", "token1", "token1"}));
  EXPECT_EQ(script.fetches, 2);
}

TEST_F(RefreshingTest, AFailedRenewalLeavesTheOldInUseUntilItExpires) {
  script.life = 10min;
  EXPECT_EQ(get(), "token1");
  loop.run_for(6min);
  script.error = Error(Code::kUnavailable, "down");
  EXPECT_EQ(get(), "token1");
  EXPECT_EQ(get(), "token1");
  EXPECT_EQ(script.fetches, 2);  // the second get() fell into the pause
  loop.run_for(3min + 31s);      // 29 s left: less than the margin
  EXPECT_EQ(get(), "unavailable");
  script.error.reset();
  loop.run_for(1s);
  EXPECT_EQ(get(), "unavailable");  // the pause has doubled once
  loop.run_for(60s);
  EXPECT_EQ(get(), "token4");
}

TEST_F(RefreshingTest, FailuresAreNotRepeatedByEveryCaller) {
  script.error = Error(Code::kPermissionDenied, "no");
  script.delay = 1s;
  for (const std::string& got : get_many(20)) EXPECT_EQ(got, "permission_denied");
  EXPECT_EQ(script.fetches, 1);
  auto error = [&] {
    std::optional<Error> out;
    auto task = [](Context c, Refreshing<BearerToken>* t, std::optional<Error>* o) -> Task<void> {
      auto got = co_await t->get(c);
      *o = got.error();
    };
    loop.run_task(task(ctx, &tokens, &out));
    return *out;
  }();
  EXPECT_EQ(error.retry, Retry::kAfter);
  EXPECT_EQ(error.retry_after, Duration(1s));
  EXPECT_NE(error.to_string().find("script"), std::string::npos);
  Duration longest{};
  for (int i = 0; i < 12; ++i) {
    const MonoTime start = loop.mono();
    const int before = script.fetches;
    while (script.fetches == before) {
      loop.run_for(1s);
      get();
    }
    longest = std::max(longest, loop.mono() - start);
  }
  EXPECT_GE(longest, Duration(60s));
  EXPECT_LE(longest, Duration(63s));
}

Task<void> note_token(Context ctx, Refreshing<BearerToken>* tokens, std::string* out) {
  *out = co_await token_of(ctx, tokens);
}

TEST_F(RefreshingTest, ACancelledFetchFailsNobodyElse) {
  script.delay = 2s;
  async::CancelSource leaving(ctx);
  std::string leader;
  std::string follower;
  const auto both = [](Context c, Context early, Refreshing<BearerToken>* t, std::string* a,
                       std::string* b) -> Task<void> {
    async::Scope scope(c);
    scope.spawn(note_token(early, t, a));
    scope.spawn(note_token(scope.context(), t, b));
    co_await scope.join();
  };
  loop.call_after(1s, [&] { leaving.cancel("client gone"); });
  loop.run_task(both(ctx, leaving.context(), &tokens, &leader, &follower));
  EXPECT_EQ(leader, "cancelled");
  EXPECT_EQ(follower, "token2");
  EXPECT_EQ(loop.mono().time_since_epoch(), Duration(3s));
}

TEST_F(RefreshingTest, AFollowersDeadlineIsItsOwn) {
  script.delay = 5s;
  std::string leader;
  std::string follower;
  const auto both = [](Context c, Refreshing<BearerToken>* t, std::string* a,
                       std::string* b) -> Task<void> {
    async::Scope scope(c);
    scope.spawn(note_token(c, t, a));
    scope.spawn(note_token(c.with_timeout(1s), t, b));
    co_await scope.join();
  };
  loop.run_task(both(ctx, &tokens, &leader, &follower));
  EXPECT_EQ(leader, "token1");
  EXPECT_EQ(follower, "deadline_exceeded");
}

TEST_F(RefreshingTest, AStalledSourceIsGivenUp) {
  script.delay = 1h;
  EXPECT_EQ(get(), "deadline_exceeded");
  EXPECT_EQ(loop.mono().time_since_epoch(), limits::kCredentialFetchTimeout);
}

TEST_F(RefreshingTest, ExpiredFindsAreAFailureAndNotALoop) {
  script.life = 10s;
  for (const std::string& got : get_many(5)) EXPECT_EQ(got, "unauthenticated");
  EXPECT_EQ(script.fetches, 1);
}

TEST_F(RefreshingTest, InvalidatingActsOnceForEachValue) {
  EXPECT_EQ(get(), "token1");
  const auto take = [](Context c, Refreshing<BearerToken>* t,
                       Refreshing<BearerToken>::Value* out) -> Task<void> {
    auto got = co_await t->get(c);
    *out = *got;
  };
  Refreshing<BearerToken>::Value first;
  loop.run_task(take(ctx, &tokens, &first));
  tokens.invalidate(first);
  EXPECT_EQ(get(), "token2");
  tokens.invalidate(first);  // a late report about the old one
  EXPECT_EQ(get(), "token2");
  EXPECT_EQ(script.fetches, 2);
}

}  // namespace
}  // namespace drover::cloud
