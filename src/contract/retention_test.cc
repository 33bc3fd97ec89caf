#include "contract/retention.h"

#include <gtest/gtest.h>

#include "contract/data_class.h"

namespace drover::contract {
namespace {

const WallTime kNow = wall_from_unix_millis(1'790'000'000'000);

TEST(Retention, CountsFromWhenItWasTouched) {
  EXPECT_EQ(kept_until("", kNow), std::nullopt);
  EXPECT_EQ(kept_until("residency=de;sensitivity=confidential", kNow), std::nullopt);
  EXPECT_EQ(kept_until("retention=unlimited", kNow), std::nullopt);
  EXPECT_EQ(kept_until("residency=de;retention=30d", kNow), kNow + 30 * 24h);
  EXPECT_EQ(kept_until("retention=90m", kNow), kNow + 90min);
  EXPECT_EQ(kept_until("retention=40000d", kNow), std::nullopt) << "no overflow";
}

TEST(Retention, NoneAndSessionEndWithTheWork) {
  for (const char* text : {"retention=none", "retention=session"}) {
    EXPECT_EQ(kept_until(text, kNow), kNow) << text;
    EXPECT_TRUE(kept_for_the_work_only(text)) << text;
  }
  EXPECT_TRUE(kept_while_worked_on_only("retention=none"));
  EXPECT_FALSE(kept_while_worked_on_only("retention=session"));
  EXPECT_FALSE(kept_while_worked_on_only(""));
  EXPECT_TRUE(kept_while_worked_on_only(join_texts("retention=3h", "retention=none")));
  EXPECT_FALSE(kept_for_the_work_only("retention=1d"));
  EXPECT_FALSE(kept_for_the_work_only(""));
}

TEST(Retention, ADurationBesideTheWorkHoldsToo) {
  const std::string both = join_texts("retention=3m", "retention=none");
  EXPECT_EQ(kept_until(both, kNow), kNow) << "it ends with the work";
  EXPECT_EQ(kept_at_most(both, kNow), kNow + 3min);
  EXPECT_EQ(kept_at_most("retention=3m", kNow), kNow + 3min);
  for (const char* text : {"", "retention=none", "retention=session", "retention=unlimited"}) {
    EXPECT_EQ(kept_at_most(text, kNow), std::nullopt) << text;
  }
}

TEST(Retention, TheStrictestIsInherited) {
  const std::string joined = join_texts("retention=30d", "residency=de;retention=7d");
  EXPECT_EQ(kept_until(joined, kNow), kNow + 7 * 24h);
  EXPECT_EQ(kept_until(join_texts(joined, "retention=none"), kNow), kNow);
}

TEST(Retention, WhatCannotBeReadIsNotKept) { EXPECT_EQ(kept_until("retention=soon", kNow), kNow); }

}  // namespace
}  // namespace drover::contract
