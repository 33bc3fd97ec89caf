#include "app/amount_flags.h"

#include <gtest/gtest.h>

namespace drover::app {
namespace {

std::string put_or_fault(const char* flag, const char* value) {
  Arguments arguments;
  arguments.values[flag] = {value};
  Json body = Json::object();
  auto put = put_amounts(arguments, body);
  return put ? body.dump() : put.error().message;
}

TEST(AmountFlags, AreMembersOfABody) {
  EXPECT_EQ(put_or_fault("tokens", "500000"), R"({"tokens":500000})");
  EXPECT_EQ(put_or_fault("spawns", "1e3"), R"({"spawns":1e3})");
  EXPECT_EQ(put_or_fault("time", "2h"), R"({"time_s":7200})");
  EXPECT_EQ(put_or_fault("cost", "0.10"), R"({"cost_usd":"0.10"})");
  EXPECT_EQ(put_or_fault("why", "go on"), R"({"explanation":"go on"})");
  EXPECT_EQ(put_or_fault("tokens", "1000000000000"), R"({"tokens":1000000000000})");
  EXPECT_EQ(put_or_fault("cost", "1000000000000"), R"({"cost_usd":"1000000000000"})");
}

TEST(AmountFlags, WhatIsTooLargeIsToldWithTheMost) {
  const std::string tokens = " is too large: at most 1000000000000";
  for (const char* value : {"99999999999999999999", "1000000000001", "1e400"}) {
    EXPECT_EQ(put_or_fault("tokens", value), "--tokens: " + std::string(value) + tokens);
    EXPECT_EQ(put_or_fault("cost", value), "--cost: " + std::string(value) + tokens + " dollars");
  }
  for (const char* value : {"99999d", "11575d", "999999999999d", "1000000001"}) {
    EXPECT_EQ(put_or_fault("time", value),
              "--time: " + std::string(value) + " is too large: at most 11574d");
  }
}

TEST(AmountFlags, WhatIsNoAmountIsToldAsThat) {
  EXPECT_EQ(put_or_fault("steps", "2.5"), "--steps is a whole number");
  EXPECT_EQ(put_or_fault("steps", "many"), "--steps is a whole number");
  EXPECT_EQ(put_or_fault("cost", "2 dollars"),
            "--cost: '2 dollars' is no amount of dollars, such as 2.50");
  EXPECT_EQ(put_or_fault("time", "soon"),
            "--time: not a duration: 'soon' (write 250ms, 30s, 5m, 2h or 1d)");
}

}  // namespace
}  // namespace drover::app
