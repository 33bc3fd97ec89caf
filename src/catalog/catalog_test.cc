#include "base/limits/catalog.h"

#include <gtest/gtest.h>

#include <set>

#include "base/limits/road.h"
#include "catalog/catalog.h"
#include "catalog/health.h"

namespace drover::catalog {
namespace {

Endpoint endpoint(std::string id, std::string model = "m", std::string credentials = "env:KEY") {
  Endpoint e;
  e.id = std::move(id);
  e.model = std::move(model);
  e.provider = "openai";
  e.credentials.source = std::move(credentials);
  return e;
}

TEST(Catalog, NoTwoOfItsEndpointsHaveANumberTogether) {
  EXPECT_EQ(endpoint("a").number, 0u);
  CatalogHolder holder;
  std::set<uint64_t> numbers;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(holder.replace({endpoint("a"), endpoint("b")}));
    for (const Endpoint& e : holder.get()->endpoints()) numbers.insert(e.number);
  }
  EXPECT_EQ(numbers.size(), 6u);
  EXPECT_FALSE(numbers.contains(0));
}

TEST(Catalog, FindsByIdAndModelAndKeepsOldSnapshots) {
  CatalogHolder holder;
  EXPECT_EQ(holder.get()->epoch(), 0u);
  ASSERT_TRUE(holder.replace({endpoint("a", "x"), endpoint("b", "y"), endpoint("c", "x")}));
  std::shared_ptr<const Catalog> before = holder.get();
  const Endpoint* b = before->find("b");
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(before->serving("x").size(), 2u);
  EXPECT_EQ(before->serving("x")[1]->id, "c");
  EXPECT_TRUE(before->serving("z").empty());
  EXPECT_EQ(before->models(), (std::vector<std::string>{"x", "y"}));
  ASSERT_TRUE(holder.replace({endpoint("d", "x")}));
  EXPECT_EQ(holder.get()->epoch(), 2u);
  EXPECT_EQ(holder.get()->find("b"), nullptr);
  EXPECT_EQ(b->model, "y");  // the call in flight still has it
  auto bad = holder.replace({endpoint("d"), endpoint("d")});
  ASSERT_FALSE(bad);
  EXPECT_NE(bad.error().message.find("'d'"), std::string::npos);
  EXPECT_EQ(holder.get()->epoch(), 2u);
}

TEST(Health, OpensAfterFailuresProbesAndCloses) {
  ManualClock clock;
  Health health(clock);
  Endpoint e = endpoint("a");
  Error down(Code::kUnavailable, "connection refused", Retry::kOtherTarget);
  EXPECT_FALSE(health.failed(e, down));
  EXPECT_FALSE(health.failed(e, down));
  EXPECT_EQ(health.check(e).circuit, Circuit::kClosed);
  EXPECT_TRUE(health.failed(e, down));
  EXPECT_EQ(health.check(e).circuit, Circuit::kOpen);
  EXPECT_EQ(health.check(e).wait, limits::kCircuitPause);
  clock.advance(limits::kCircuitPause);
  EXPECT_EQ(health.check(e).circuit, Circuit::kHalfOpen);
  health.started(e);
  EXPECT_EQ(health.check(e).circuit, Circuit::kOpen) << "one probe at a time";
  EXPECT_FALSE(health.failed(e, down));
  EXPECT_EQ(health.check(e).wait, 2 * limits::kCircuitPause);
  clock.advance(2 * limits::kCircuitPause);
  health.started(e);
  health.succeeded(e);
  EXPECT_EQ(health.check(e).circuit, Circuit::kClosed);
  EXPECT_EQ(health.size(), 0u);
}

TEST(Health, HonoursAndCapsRetryAfter) {
  ManualClock clock;
  Health health(clock);
  Endpoint e = endpoint("a");
  Error limited(Code::kResourceExhausted, "slow down", Retry::kAfter);
  limited.reason = "rate_limited";
  limited.retry_after = 7s;
  EXPECT_TRUE(health.failed(e, limited));
  EXPECT_EQ(health.check(e).wait, Duration(7s));
  EXPECT_EQ(health.check(e).reason, "rate_limited");
  EXPECT_EQ(health.check(endpoint("b")).circuit, Circuit::kClosed) << "another endpoint, same key";
  limited.retry_after = 100'000s;
  health.failed(e, limited);
  EXPECT_EQ(health.check(e).wait, limits::kRetryAfterMax);
}

TEST(Health, CredentialFailuresHitAllWhoUseIt) {
  ManualClock clock;
  Health health(clock);
  Endpoint a = endpoint("a", "m", "env:ONE");
  Endpoint b = endpoint("b", "m", "env:ONE");
  Endpoint c = endpoint("c", "m", "env:TWO");
  health.failed(a, Error(Code::kUnauthenticated, "bad key"));
  EXPECT_FALSE(health.check(a).usable());
  EXPECT_FALSE(health.check(b).usable());
  EXPECT_TRUE(health.check(c).usable());
  Error quota(Code::kResourceExhausted, "pay");
  quota.reason = "insufficient_quota";
  health.failed(c, quota);
  EXPECT_FALSE(health.check(endpoint("d", "m", "env:TWO")).usable());
}

TEST(Health, CallersFaultsDoNotCountAndFreeTheProbe) {
  ManualClock clock;
  Health health(clock);
  Endpoint e = endpoint("a");
  for (int i = 0; i < 10; ++i) health.failed(e, Error(Code::kInvalidArgument, "bad request"));
  EXPECT_EQ(health.size(), 0u);
  health.failed(e, Error(Code::kNotFound, "no such deployment"));
  clock.advance(limits::kCircuitPause);
  health.started(e);
  EXPECT_FALSE(health.check(e).usable());
  health.failed(e, Error(Code::kCancelled, "client gone"));
  EXPECT_EQ(health.check(e).circuit, Circuit::kHalfOpen);
}

TEST(Health, IsBounded) {
  ManualClock clock;
  Health health(clock);
  for (size_t i = 0; i < limits::kHealthEntriesMax + 100; ++i) {
    health.failed(endpoint(std::to_string(i)), Error(Code::kNotFound, "gone"));
  }
  EXPECT_EQ(health.size(), limits::kHealthEntriesMax);
  EXPECT_TRUE(health.check(endpoint("0")).usable());
  EXPECT_FALSE(health.check(endpoint(std::to_string(limits::kHealthEntriesMax))).usable());
}

TEST(Health, ALastResortHealsButDoesNotMakeThePauseLonger) {
  ManualClock clock;
  Health health(clock);
  Endpoint e = endpoint("a");
  Error down(Code::kUnavailable, "connection refused", Retry::kOtherTarget);
  for (int i = 0; i < limits::kCircuitFailures; ++i) health.failed(e, down);
  clock.advance(1s);
  for (int i = 0; i < 5; ++i) {
    health.started(e);
    health.failed(e, down);
  }
  EXPECT_EQ(health.check(e).wait, limits::kCircuitPause - 1s);
  clock.advance(limits::kCircuitPause - 1s);
  EXPECT_EQ(health.check(e).circuit, Circuit::kHalfOpen) << "the probe is still to be had";
  health.failed(e, down);
  clock.advance(limits::kCircuitPause);
  health.started(e);
  health.succeeded(e);
  EXPECT_EQ(health.check(e).circuit, Circuit::kClosed);
}

TEST(Health, CallsInFlightWhenACircuitOpensDoNotMakeItsPauseLonger) {
  ManualClock clock;
  Health health(clock);
  Endpoint e = endpoint("a");
  for (int i = 0; i < 30; ++i) health.started(e);
  for (int i = 0; i < 30; ++i) health.failed(e, Error(Code::kUnavailable, "reset"));
  EXPECT_EQ(health.check(e).wait, limits::kCircuitPause);
  clock.advance(limits::kCircuitPause);
  EXPECT_EQ(health.check(e).circuit, Circuit::kHalfOpen);
}

}  // namespace
}  // namespace drover::catalog
