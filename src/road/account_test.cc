#include "road/account.h"

#include <gtest/gtest.h>

#include "base/limits/money.h"

namespace drover::road {
namespace {

int64_t at(std::string_view time) { return unix_seconds(*parse_rfc3339(time)); }

Account account(std::string_view text) {
  auto budget = budget_from_json(*Json::parse(text));
  EXPECT_TRUE(budget) << budget.error().message;
  return Account(std::make_shared<const Budget>(*budget), "a", DimensionValues());
}

Use tokens(int64_t n) {
  Use out;
  out.tokens = n;
  return out;
}

TEST(Window, FollowsTheCalendar) {
  int64_t t = at("2028-02-29T23:59:59Z");
  EXPECT_EQ(window_at(Per::kMonth, t).begin, at("2028-02-01T00:00:00Z"));
  EXPECT_EQ(window_at(Per::kMonth, t).end, at("2028-03-01T00:00:00Z"));
  EXPECT_EQ(window_at(Per::kDay, t).end, at("2028-03-01T00:00:00Z"));
  EXPECT_EQ(window_at(Per::kHour, t).begin, at("2028-02-29T23:00:00Z"));
  EXPECT_EQ(window_at(Per::kMinute, t).end, at("2028-03-01T00:00:00Z"));
  EXPECT_EQ(window_at(Per::kMonth, at("2026-12-31T12:00:00Z")).end, at("2027-01-01T00:00:00Z"));
}

TEST(Account, ACalendarWindowRenewsAndKeepsWhatIsInFlight) {
  Account a = account(R"({"name":"d","tokens":100,"per":"day"})");
  int64_t noon = at("2026-11-23T12:00:00Z");
  a.reserve(tokens(60));
  EXPECT_EQ(a.lacks(tokens(40), noon), Lack::kNothing);
  EXPECT_EQ(a.lacks(tokens(41), noon), Lack::kTokens);
  a.settle(tokens(60), tokens(50), noon);
  EXPECT_EQ(a.lacks(tokens(51), noon), Lack::kTokens);
  EXPECT_EQ(a.frees_in(tokens(51), noon), 12 * 3600);
  EXPECT_EQ(a.frees_in(tokens(101), noon), std::nullopt);
  a.reserve(tokens(50));
  int64_t tomorrow = at("2026-11-24T00:00:00Z");
  EXPECT_EQ(a.lacks(tokens(51), tomorrow), Lack::kTokens) << "in flight over midnight";
  a.settle(tokens(50), tokens(10), tomorrow);
  EXPECT_EQ(a.used(tomorrow).tokens, 10);
}

TEST(Account, HasPlentyUpToItsLimitsAndWhatWasSet) {
  Account a = account(R"({"name":"d","tokens":100,"money":2,"per":"day"})");
  const int64_t noon = at("2026-11-23T12:00:00Z");
  EXPECT_FALSE(a.has_plenty(Use(), noon)) << "nobody has looked yet";
  Use sums = tokens(1'000);
  sums.requests = 2;
  sums.money = Money::from_usd(1);
  a.set_plenty(sums);
  EXPECT_TRUE(a.has_plenty(tokens(100), noon));
  EXPECT_FALSE(a.has_plenty(tokens(101), noon)) << "the limit";
  Use more;
  more.money = Money::from_usd(1);
  EXPECT_TRUE(a.has_plenty(more, noon));
  more.money += Money::from_pico_usd(1);
  EXPECT_FALSE(a.has_plenty(more, noon)) << "what was set";
  more = Use();
  more.requests = 3;
  EXPECT_FALSE(a.has_plenty(more, noon)) << "there is no limit, but what was set";
  // What is used and what is reserved count both.
  a.settle(Use(), tokens(30), noon);
  a.reserve(tokens(30));
  EXPECT_TRUE(a.has_plenty(tokens(40), noon));
  EXPECT_FALSE(a.has_plenty(tokens(41), noon));
}

TEST(Account, PlentyIsForgottenWithWhatItWasMadeFrom) {
  const int64_t noon = at("2026-11-23T12:00:00Z");
  auto plentiful = [&] {
    Account a = account(R"({"name":"d","tokens":100,"per":"day"})");
    EXPECT_EQ(a.lacks(tokens(1), noon), Lack::kNothing);
    a.set_plenty(tokens(100));
    EXPECT_TRUE(a.has_plenty(tokens(1), noon));
    return a;
  };
  Account window = plentiful();
  EXPECT_FALSE(window.has_plenty(tokens(1), at("2026-11-24T00:00:00Z")));
  Account limits = plentiful();
  limits.set_budget(std::make_shared<const Budget>(limits.budget()));
  EXPECT_FALSE(limits.has_plenty(tokens(1), noon));
  Account promise = plentiful();
  promise.set_promised(tokens(50));
  EXPECT_FALSE(promise.has_plenty(tokens(1), noon));
}

TEST(Account, AClockThatIsSetBackFreesNothing) {
  Account a = account(R"({"name":"d","tokens":100,"per":"day"})");
  int64_t today = at("2026-11-23T12:00:00Z");
  int64_t tomorrow = at("2026-11-24T12:00:00Z");
  a.settle(Use(), tokens(70), today);
  a.settle(Use(), tokens(20), tomorrow);
  EXPECT_EQ(a.used(tomorrow).tokens, 20);
  EXPECT_EQ(a.used(today).tokens, 90) << "both, in the day that it came back to";
  EXPECT_EQ(a.used(tomorrow).tokens, 0) << "then a new day begins";
}

TEST(Account, AClockThatWasFarAheadDoesNotBlockForEver) {
  for (const char* text : {R"({"name":"d","tokens":100,"per":"hour"})",
                           R"({"name":"d","tokens":100,"per":"hour","rolling":true})"}) {
    Account a = account(text);
    a.settle(Use(), tokens(100), at("2099-01-01T00:00:00Z"));
    int64_t now = at("2026-11-23T12:00:00Z");
    EXPECT_EQ(a.lacks(tokens(1), now), Lack::kTokens);
    EXPECT_EQ(a.lacks(tokens(1), now + 2 * 3600), Lack::kNothing) << text;
  }
}

TEST(Account, ARollingWindowFreesPieceByPiece) {
  Account a = account(R"({"name":"h","tokens":100,"per":"hour","rolling":true})");
  int64_t t = at("2026-11-23T12:00:00Z");
  a.settle(Use(), tokens(60), t);
  a.settle(Use(), tokens(40), t + 1800);
  EXPECT_EQ(a.lacks(tokens(1), t + 3599), Lack::kTokens);
  EXPECT_EQ(a.frees_in(tokens(60), t + 3000), 3600 + 60 - 3000);
  EXPECT_EQ(a.frees_in(tokens(61), t + 3000), 1800 + 3600 + 60 - 3000);
  EXPECT_EQ(a.lacks(tokens(60), t + 3660), Lack::kNothing);
  EXPECT_EQ(a.lacks(tokens(61), t + 3660), Lack::kTokens);
  EXPECT_EQ(a.used(t + 10'000).tokens, 0);
}

TEST(Account, SurvivesBeingWrittenDown) {
  for (const char* text : {R"({"name":"d","tokens":100,"per":"day"})",
                           R"({"name":"d","tokens":100,"per":"day","rolling":true})"}) {
    Account a = account(text);
    int64_t now = at("2026-11-23T12:00:00Z");
    a.settle(Use(), tokens(33), now);
    a.counted_to = 5;
    Account b = account(text);
    b.restore(a.to_json());
    EXPECT_EQ(b.used(now), a.used(now));
    EXPECT_EQ(b.counted_to, 5u);
    EXPECT_EQ(b.used(now + 2 * 86'400).tokens, 0);
  }
}

TEST(Budget, SaysWhatIsWrong) {
  struct Bad {
    const char* text;
    const char* field;
    const char* says;
  };
  for (const Bad& bad : {
           Bad{R"({"name":"x"})", "", "limits something"},
           Bad{R"({"name":"x","money":0})", "money", "above 0"},
           Bad{R"({"name":"x","money":"much"})", "money", "US dollars"},
           Bad{R"({"name":"x","tokens":-1})", "tokens", "above 0"},
           Bad{R"({"name":"x","tokens":1,"per":"week"})", "per", "minute, hour, day"},
           Bad{R"({"name":"x","tokens":1,"rolling":true})", "rolling", "no rolling window"},
           Bad{R"({"name":"x","tokens":1,"colour":"red"})", "colour", "unknown setting"},
       }) {
    auto read = budget_from_json(*Json::parse(bad.text));
    ASSERT_FALSE(read) << bad.text;
    EXPECT_EQ(read.error().reason, bad.field);
    EXPECT_NE(read.error().message.find(bad.says), std::string::npos) << read.error().message;
  }
}

TEST(Budget, ShortFormsForKeys) {
  auto budgets = parse_key_budgets("money=5.50/day, tokens=100000/minute,requests=60/minute");
  ASSERT_TRUE(budgets) << budgets.error().message;
  ASSERT_EQ(budgets->size(), 3u);
  EXPECT_EQ(budgets->at(0).money->usd(), "5.5");
  EXPECT_EQ(budgets->at(0).per, Per::kDay);
  EXPECT_EQ(budgets->at(1).tokens, 100000);
  EXPECT_TRUE(budgets->at(2).is_rate());
  EXPECT_EQ(parse_key_budgets("money=100")->at(0).per, Per::kTotal);
  for (const char* bad : {"5/day", "money=x/day", "money=5/week", "gold=5/day"}) {
    EXPECT_FALSE(parse_key_budgets(bad)) << bad;
  }
}

}  // namespace
}  // namespace drover::road
