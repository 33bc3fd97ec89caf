// The money of budgets as a property of random interleavings, kills and power cuts.

#include <gtest/gtest.h>

#include "base/random.h"
#include "road/books_test_fixture.h"

namespace drover::road {
namespace {

using async::Context;

/// Random interleavings. The total is never exceeded, whatever happens; no settled cent is
/// forgotten; a kill burns nothing.
class MoneyProperty : public BooksTest, public testing::WithParamInterface<int> {
 protected:
  void SetUp() override {
    budgets_ = {budget(R"({"name":"total","money":2,"tokens":4000})"),
                budget(R"({"name":"day","key":"*","money":0.5,"per":"day"})"),
                budget(R"({"name":"roll","key":"*","tokens":600,"per":"hour","rolling":true})"),
                budget(R"({"name":"cloud","provider":"b","money":0.7,"per":"month"})"),
                budget(R"({"name":"rate","key":"*","requests":30,"per":"minute"})")};
    BooksTest::SetUp();
  }
};

TEST_P(MoneyProperty, TheSumNeverExceedsTheBudgetAndNoCentIsForgotten) {
  SeededRandom random(static_cast<uint64_t>(GetParam()) * 7919 + 3);
  const bool powerful = GetParam() % 3 == 0;  // with power cuts
  Use spent;                                  // what truly was used: settled, or lost at most
  size_t refusals = 0, kills = 0;
  const std::string keys[] = {"key_a", "key_b", "key_c"};
  const catalog::Endpoint places[] = {endpoint("a", "a"), endpoint("b", "b")};
  for (int i = 0; i < 1500; ++i) {
    const uint64_t what = random.below(100);
    if (what < 45) {
      Use worst = use(static_cast<int64_t>(random.below(60) + 1), "0");
      worst.money =
          Money::from_pico_usd(static_cast<int64_t>(random.below(40) + 1) * 1'000'000'007);
      Caller who{"ten_1", keys[random.below(3)], "", "", ""};
      Hold hold;
      Result<bool> held = reserve(who, places[random.below(2)], worst, hold);
      if (!held) {
        ++refusals;
        continue;
      }
      p_->holds.emplace_back(std::move(hold), worst);
      Use flying = spent;
      for (const auto& [h, u] : p_->holds) flying += u;
      ASSERT_LE(flying.money, *Money::parse_usd("2"));
      ASSERT_LE(flying.tokens, 4000);
    } else if (what < 80 && !p_->holds.empty()) {
      const size_t at = random.below(p_->holds.size());
      auto [hold, worst] = std::move(p_->holds[at]);
      p_->holds.erase(p_->holds.begin() + static_cast<ptrdiff_t>(at));
      if (random.chance(0.25)) {
        p_->accounts->release(hold);
        continue;
      }
      Use used = worst;
      used.tokens = static_cast<int64_t>(random.below(static_cast<uint64_t>(worst.tokens) + 1));
      used.money = Money::from_pico_usd(worst.money.pico_usd() *
                                        static_cast<int64_t>(random.below(101)) / 100);
      settle(hold, used);
      spent += used;
    } else if (what < 84) {
      sync();
    } else if (what < 88) {
      ASSERT_TRUE(loop_.run_task(p_->books->write_down(Context(loop_))));
    } else if (what < 93) {
      loop_.run_for(std::chrono::seconds(random.below(4000)));
    } else if (what < 95) {
      clock_.step += std::chrono::hours(random.below(72)) - std::chrono::hours(36);
    } else if (what < 96) {
      for (const auto& [hold, worst] : p_->holds) spent += worst;
      ++kills;
      if (powerful && random.chance(0.5)) {
        power_cut();
      } else {
        kill();
      }
      const Use total = account("total");
      if (powerful) {
        ASSERT_GE(total.money, spent.money) << "a power cut frees nothing";
      } else {
        ASSERT_EQ(total.money, spent.money) << "a kill frees nothing and burns nothing";
        ASSERT_EQ(total.tokens, spent.tokens);
        ASSERT_EQ(sums().cost, spent.money) << "no settled cent is forgotten";
      }
    }
    for (const Accounts::Report& r : p_->accounts->report()) {
      const Budget& b = r.account->budget();
      ASSERT_GE(r.reserved.money, Money());
      ASSERT_GE(r.used.money, Money());
      // A clock that was set back adds two windows up; nothing is begun in them then.
      if (clock_.step != Duration() || kills > 0) continue;
      Use sum = r.used;
      sum += r.reserved;
      if (b.money) ASSERT_LE(sum.money, *b.money) << b.name;
      if (b.tokens) ASSERT_LE(sum.tokens, *b.tokens) << b.name;
      if (b.requests) ASSERT_LE(sum.requests, *b.requests) << b.name;
    }
  }
  EXPECT_GT(refusals, 0u) << "the budgets were never reached: the test shows nothing";
  EXPECT_EQ(p_->accounts->open(), p_->holds.size());
  p_->holds.clear();
  for (const Accounts::Report& r : p_->accounts->report()) {
    EXPECT_TRUE(r.reserved.empty()) << r.account->name();
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, MoneyProperty, testing::Range(0, 60));

}  // namespace
}  // namespace drover::road
