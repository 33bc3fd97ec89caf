// The downgrade ladder: its text form, what is measured, and when it is gone down and up again, on
// virtual time.
#include "road/descent.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace drover::road {
namespace {

DowngradeLadder ladder_of(std::string_view json) {
  auto out = DowngradeLadder::from_json(*Json::parse(json));
  EXPECT_TRUE(out) << out.error().message;
  return out.value_or(DowngradeLadder());
}

DowngradeLadder four_rungs() {
  return ladder_of(R"([{"hardware":["a100"]},{"models":["small"]},{"context_tokens":8000},)"
                   R"({"parallel_tool_calls":false}])");
}

class DescentTest : public ::testing::Test {
 protected:
  /// One call a second, each of which is measured so.
  std::optional<Descent::Move> call(Scarcity scarcity) {
    now_ += 1s;
    auto move = descent_.decide(ladder_, [&](size_t) { return scarcity; }, now_);
    if (move) {
      ++moves_;
      EXPECT_EQ(move->to, descent_.level());
    }
    return move;
  }
  static Scarcity refused(double share) {
    Scarcity out;
    out.refused = share;
    return out;
  }
  DowngradeLadder ladder_ = four_rungs();
  Descent descent_;
  MonoTime now_{};
  int moves_ = 0;
};

TEST_F(DescentTest, WhatThereIsEnoughOfChangesNothing) {
  for (int i = 0; i < 1000; ++i) call(refused(0.29));
  EXPECT_EQ(descent_.level(), 0u);
  EXPECT_EQ(moves_, 0);
}

TEST_F(DescentTest, AShortageIsGoneDownRungByRungAndSaysWhy) {
  auto move = call(refused(0.6));
  ASSERT_TRUE(move) << "at once";
  EXPECT_EQ(move->to, 1u);
  EXPECT_EQ(descent_.signal(), "refused");
  EXPECT_EQ(descent_.why(), "60 % of the attempts are refused (limit 30 %)");
  EXPECT_FALSE(call(refused(0.6))) << "the rung must be seen to help or not";
  for (int i = 0; i < 60; ++i) call(refused(0.6));
  EXPECT_EQ(descent_.level(), 4u);
  EXPECT_EQ(moves_, 4);
  for (int i = 0; i < 600; ++i) call(refused(0.6));
  EXPECT_EQ(moves_, 4) << "there is no further rung";
}

TEST_F(DescentTest, ItIsUndoneRungByRungAfterTheDwell) {
  for (int i = 0; i < 60; ++i) call(refused(0.6));
  ASSERT_EQ(descent_.level(), 4u);
  // Between the limit and what is clear of it nothing moves.
  for (int i = 0; i < 600; ++i) call(refused(0.2));
  EXPECT_EQ(descent_.level(), 4u);
  for (int i = 0; i < 29; ++i) call(refused(0));
  EXPECT_EQ(descent_.level(), 4u) << "not before the dwell is over";
  call(refused(0));
  EXPECT_EQ(descent_.level(), 3u);
  for (int i = 0; i < 90; ++i) call(refused(0));
  EXPECT_EQ(descent_.level(), 0u);
}

TEST_F(DescentTest, AfterAPauseWithoutCallsItGoesUpWithEachCall) {
  for (int i = 0; i < 60; ++i) call(refused(0.6));
  now_ += 3600s;
  for (int i = 0; i < 4; ++i) call(refused(0));
  EXPECT_EQ(descent_.level(), 0u);
}

TEST_F(DescentTest, AShortageThatLastsIsProbedMoreAndMoreRarely) {
  // On the first rung all is well; on the top it never is.
  auto measure = [](size_t level) { return refused(level == 0 ? 0.9 : 0); };
  std::vector<int> ups;
  for (int i = 0; i < 7200; ++i) {
    now_ += 1s;
    auto move = descent_.decide(ladder_, measure, now_);
    if (move && move->to < move->from) ups.push_back(i);
  }
  // Where it goes up to is known to be scarce: it does not even try.
  EXPECT_TRUE(ups.empty());
  // What is only seen by going there is tried, each time later.
  Descent blind;
  std::vector<int> tries;
  for (int i = 0; i < 7200; ++i) {
    now_ += 1s;
    double share = blind.level() == 0 ? 0.9 : 0;
    auto move = blind.decide(ladder_, [&](size_t) { return refused(share); }, now_);
    if (move && move->to < move->from) tries.push_back(i);
  }
  ASSERT_GE(tries.size(), 6u);
  EXPECT_LE(tries.size(), 24u) << "two hours";
  EXPECT_GE(tries.back() - tries[tries.size() - 2], 470) << "sixteen dwells apart";
  // And once there is enough again it stays up.
  for (int i = 0; i < 16 * 30 + 1; ++i) {
    now_ += 1s;
    blind.decide(ladder_, [](size_t) { return refused(0); }, now_);
  }
  EXPECT_EQ(blind.level(), 0u);
}

TEST_F(DescentTest, WhereNothingCanBeUsedItGoesToTheFirstRungThatHelps) {
  auto only = [&](size_t good) {
    return [good](size_t level) {
      Scarcity out;
      out.unusable = level >= good ? 0 : 1;
      return out;
    };
  };
  auto move = descent_.decide(ladder_, only(2), now_);
  ASSERT_TRUE(move);
  EXPECT_EQ(move->to, 2u);
  EXPECT_EQ(descent_.why(), "none of the places can be used");
  now_ += 1ms;
  move = descent_.decide(ladder_, only(3), now_);
  ASSERT_TRUE(move) << "without a pause: nothing else could be done";
  EXPECT_EQ(move->to, 3u);
  now_ += 1ms;
  EXPECT_FALSE(descent_.decide(ladder_, only(9), now_)) << "no rung mends it: none is taken";
  EXPECT_EQ(descent_.level(), 3u);
}

TEST_F(DescentTest, ARungOfWhichNothingIsLeftIsPassedOverAndLeftAtOnce) {
  auto measure = [&](double refused_share, size_t dead) {
    return [=](size_t level) {
      Scarcity out = refused(refused_share);
      out.unusable = level == dead ? 1 : 0;
      return out;
    };
  };
  auto move = descent_.decide(ladder_, measure(0.9, 1), now_);
  ASSERT_TRUE(move);
  EXPECT_EQ(move->to, 2u);
  for (int i = 0; i < 30; ++i) descent_.decide(ladder_, measure(0.9, 9), now_ += 1s);
  ASSERT_EQ(descent_.level(), 4u);
  move = descent_.decide(ladder_, measure(0, 4), now_ += 1s);
  ASSERT_TRUE(move) << "though the dwell is not over";
  EXPECT_EQ(move->to, 3u);
  EXPECT_EQ(descent_.why_up(), "nothing can be used on the rung below");
  for (int i = 0; i < 600; ++i) descent_.decide(ladder_, measure(0, 9), now_ += 1s);
  EXPECT_EQ(descent_.level(), 0u);
  EXPECT_EQ(descent_.why_up(), Descent::kNothingScarce);
}

TEST_F(DescentTest, APriceThatRisesAndFalls) {
  ladder_ = ladder_of(R"({"rungs":[{"context_tokens":8000},{"models":["small"]}],)"
                      R"("when":{"price_per_million":10,"dwell_s":10}})");
  auto cost = [](double large, double small) {
    return [=](size_t level) {
      Scarcity out;
      out.price = level < 2 ? large : small;
      return out;
    };
  };
  auto move = descent_.decide(ladder_, cost(12, 1), now_);
  ASSERT_TRUE(move);
  EXPECT_EQ(move->to, 2u) << "the shorter context does not change the price";
  EXPECT_EQ(descent_.why(), "a million tokens cost $12.00 (limit $10.00)");
  for (int i = 0; i < 100; ++i) descent_.decide(ladder_, cost(9.8, 1), now_ += 1s);
  EXPECT_EQ(descent_.level(), 2u) << "too near to the limit";
  for (int i = 0; i < 30; ++i) descent_.decide(ladder_, cost(9, 1), now_ += 1s);
  EXPECT_EQ(descent_.level(), 0u);
}

TEST_F(DescentTest, ForAnyWeatherItNeverSwingsAndAlwaysComesBack) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SeededRandom random(seed);
    Descent descent;
    MonoTime now{};
    std::vector<MonoTime> moved;
    const Duration dwell = ladder_.when.dwell;
    for (int phase = 0; phase < 12; ++phase) {
      Scarcity weather;
      weather.refused = random.unit();
      weather.queue = Duration(static_cast<int64_t>(random.below(10'000'000'000)));
      weather.unusable = static_cast<double>(random.below(4)) / 4;
      for (size_t i = random.below(60) + 1; i > 0; --i) {
        now += Duration(static_cast<int64_t>(random.below(2'000'000'000)));
        auto move = descent.decide(ladder_, [&](size_t) { return weather; }, now);
        if (!move) continue;
        EXPECT_LE(descent.level(), ladder_.rungs.size());
        bool up = move->to < move->from;
        if (!moved.empty()) {
          // Nothing is unusable altogether here, so each move waits for its time.
          Duration since = now - moved.back();
          EXPECT_GE(since + 2s, up ? dwell : dwell / 6) << "seed " << seed;
        }
        moved.push_back(now);
      }
    }
    for (int i = 0; i < 4 * 16 * 30 + 10; ++i) {
      now += 1s;
      descent.decide(ladder_, [](size_t) { return Scarcity(); }, now);
    }
    EXPECT_EQ(descent.level(), 0u) << "seed " << seed;
  }
}

TEST(ScarcityMeter, OneRefusalIsNoShortageAndAllIsForgotten) {
  ScarcityMeter meter;
  MonoTime now{};
  meter.attempt(true, now);
  EXPECT_LT(meter.read(now).refused, 0.3);
  meter.attempt(true, now);
  EXPECT_GE(meter.read(now).refused, 0.5);
  meter.waited(40s, now);
  EXPECT_EQ(meter.read(now).queue, 10s);
  EXPECT_LT(meter.read(now + 60s).refused, 0.05);
  for (int i = 0; i < 40; ++i) meter.attempt(i % 2 == 0, now += 1s);
  EXPECT_NEAR(meter.read(now).refused, 0.5, 0.05);
}

TEST(Downgrade, AReadLadderSaysWhatItIsAndAddsUp) {
  DowngradeLadder ladder =
      ladder_of(R"({"rungs":[{"hardware":"h100"},{"model":"small","context_tokens":32000},)"
                R"({"hardware":["a100"],"context_tokens":8000,"parallel_tool_calls":false,)"
                R"("service_class":"slow"}],)"
                R"("when":{"refused":0.5,"queue_s":2.5,"dwell_s":60,"price_per_million":3}})");
  EXPECT_EQ(*DowngradeLadder::from_json(ladder.to_json()), ladder);
  EXPECT_EQ(*DowngradeLadder::from_json(four_rungs().to_json()), four_rungs());
  EXPECT_EQ(ladder.at(0), Rung());
  EXPECT_EQ(ladder.at(2).text(), "hardware h100, model small, context 32000 tokens");
  EXPECT_EQ(ladder.at(3).text(),
            "hardware a100/h100, model small, context 8000 tokens, one tool call at a time, "
            "service class slow");
  EXPECT_EQ(ladder.reserve(0), (std::vector<std::string>{"h100", "a100"}));
  EXPECT_EQ(ladder.reserve(1), std::vector<std::string>{"a100"});
}

TEST(Downgrade, FaultsNameTheField) {
  auto error = [](std::string_view json) {
    auto read = DowngradeLadder::from_json(*Json::parse(json));
    return read ? std::string() : read.error().message;
  };
  EXPECT_EQ(error("[]"), "downgrade: it needs a list of rungs");
  EXPECT_EQ(error("[{}]"),
            "downgrade: a rung says what is given up: hardware, models, context_tokens, "
            "parallel_tool_calls or service_class");
  EXPECT_NE(error(R"([{"modles":["x"]}])").find("unknown field 'modles'"), std::string::npos);
  EXPECT_NE(error(R"([{"parallel_tool_calls":true}])").find("only become false"),
            std::string::npos);
  EXPECT_NE(error(R"([{"service_class":"fast"}])").find("slow or auto"), std::string::npos);
  EXPECT_NE(error(R"([{"context_tokens":0}])").find("at least 1"), std::string::npos);
  EXPECT_NE(error(R"({"rungs":[{"model":"a"}],"when":{"refused":2}})").find("refused must be"),
            std::string::npos);
}

}  // namespace
}  // namespace drover::road
