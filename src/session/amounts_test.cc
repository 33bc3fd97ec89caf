#include "session/amounts.h"

#include <gtest/gtest.h>

#include "base/limits/session.h"

namespace drover::session {
namespace {

TEST(Amounts, ALimitThatCannotGrowStays) {
  EXPECT_EQ(raised(int64_t{5}, int64_t{7}), 12);
  EXPECT_EQ(raised(INT64_MAX - 1, int64_t{7}), INT64_MAX);
  EXPECT_EQ(raised(Duration(5s), Duration(7s)), 12s);
  EXPECT_EQ(raised(limits::kBudgetTimeMax, Duration(7s)), limits::kBudgetTimeMax);
  EXPECT_EQ(raised(2 * limits::kBudgetTimeMax, Duration(7s)), 2 * limits::kBudgetTimeMax);
}

TEST(Amounts, WhatIsNotThereOrBelowNothingIsNothing) {
  const Json none = Json::object();
  EXPECT_EQ(amount_of(none, "tokens"), 0);
  EXPECT_EQ(cost_of(none, "cost_usd"), Money());
  EXPECT_EQ(time_of(none, "time_ms"), Duration{});
  const Json less = Json::object().set("n", int64_t{-1}).set("usd", "-0.5");
  EXPECT_EQ(amount_of(less, "n"), 0);
  EXPECT_EQ(cost_of(less, "usd"), Money());
  EXPECT_EQ(time_of(less, "n"), Duration{});
}

}  // namespace
}  // namespace drover::session
