// Accounts and books together: what holds whatever happens between a reservation and its
// settlement.

#include "road/books.h"

#include <gtest/gtest.h>

#include "catalog/catalog.h"
#include "road/books_test_fixture.h"

namespace drover::road {
namespace {

using async::Context;

TEST_F(BooksTest, AnIdThatAReloadGivesToAnotherModelIsAnotherLine) {
  catalog::CatalogHolder catalogs;
  auto call = [&](const std::string& model) {
    catalog::Endpoint e = endpoint("here");
    e.model = model;
    EXPECT_TRUE(catalogs.replace({e}));
    Hold hold;
    EXPECT_TRUE(reserve(bot_, *catalogs.get()->find("here"), use(10, "1"), hold));
    settle(hold, use(10, "1"));
  };
  call("m");
  call("m");  // a reload that changes nothing
  EXPECT_EQ(p_->accounts->lines(), 1u);
  call("other");
  EXPECT_EQ(p_->accounts->lines(), 2u);
  call("m");
  EXPECT_EQ(p_->accounts->lines(), 2u);
  auto rows = p_->ledger.query({}, {"model"});
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 2u);
  for (const trace::LedgerRow& row : *rows) {
    EXPECT_EQ(row.sums.calls, row.key.model == "m" ? 3 : 1) << row.key.model;
  }
}

TEST_F(BooksTest, AKillNeitherFreesNorBurnsMoney) {
  budgets_ = {budget(R"({"name":"all","money":10,"tokens":1000})")};
  end();
  start();
  Hold one, two, three;
  ASSERT_TRUE(reserve(bot_, here_, use(100, "1"), one));
  ASSERT_TRUE(reserve(bot_, here_, use(100, "1"), two));
  ASSERT_TRUE(reserve(bot_, here_, use(100, "1"), three));
  settle(one, use(40, "0.25"));
  p_->accounts->release(two);
  p_->holds.emplace_back(std::move(three), Use());
  kill();
  EXPECT_EQ(p_->books->lost(), 1u);
  EXPECT_EQ(account("all").money.usd(), "1.25") << "what settled, and at most what was in flight";
  EXPECT_EQ(account("all").tokens, 140);
  EXPECT_EQ(sums().cost.usd(), "1.25");
  EXPECT_EQ(sums().estimated_cost.usd(), "1");
  EXPECT_EQ(sums().lost, 1);
  kill();
  EXPECT_EQ(p_->books->lost(), 0u) << "booked once";
  EXPECT_EQ(account("all").money.usd(), "1.25");
  // The provider's bill tells what it was.
  trace::LedgerRecord lost;
  trace::LedgerLine line;
  sync();
  auto reader = trace::LedgerLog::open(disk_, "/ledger", boot_, 16 << 10);
  ASSERT_TRUE((*reader)->replay(0, [&](const trace::LedgerRecord& r, const trace::LedgerLine& l) {
    if (!r.lost) return;
    lost = r;
    line = l;
  }));
  EXPECT_EQ(lost.call_key, "call_x") << "the key that the provider got";
  trace::Billing billed = lost.billing;
  billed.usage = contract::Usage();
  billed.usage.input_tokens = 10;
  billed.usage.output_tokens = 0;
  billed.cost = *Money::parse_usd("0.5");
  p_->books->correct(LedgerCall{lost, line, true}, billed, "flex", "bill");
  kill();
  EXPECT_EQ(account("all").money.usd(), "0.75");
  EXPECT_EQ(account("all").tokens, 50);
  EXPECT_EQ(sums().cost.usd(), "0.75");
  EXPECT_EQ(sums().estimated_cost.usd(), "0");
}

TEST_F(BooksTest, ARefusalNamesTheBudgetWhatIsUsedAndWhenItRenews) {
  budgets_ = {budget(R"({"name":"daily","key":"*","money":5,"per":"day"})"),
              budget(R"({"name":"rate","requests":3,"per":"minute"})")};
  end();
  start();
  Hold a, b, c;
  ASSERT_TRUE(reserve(bot_, here_, use(1, "3"), a));
  settle(a, use(1, "2.5"));
  ASSERT_TRUE(reserve(bot_, here_, use(1, "2"), b));
  Result<bool> refused = reserve(bot_, here_, use(1, "1"), c);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "budget_exceeded");
  const std::string& text = refused.error().message;
  for (std::string_view part : {"'daily'", "key key_bot", "$5.00 per day", "$2.50 used",
                                "$2.00 reserved", "$1.00", "renews in"}) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  }
  EXPECT_TRUE(refused.error().retry_after);
  Caller other{"ten_1", "key_other", "", "", ""};
  ASSERT_TRUE(reserve(other, here_, use(1, "4"), c)) << "each key by itself";
  Hold d;
  refused = reserve(other, here_, use(1, "0.1"), d);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "rate_limited");
  EXPECT_LE(*refused.error().retry_after, Duration(60s));
  RateState rates = p_->accounts->rates(other, here_);
  EXPECT_EQ(rates.limit_requests, 3);
  EXPECT_EQ(rates.remaining_requests, 0);
  loop_.run_for(60s);
  EXPECT_TRUE(reserve(other, here_, use(1, "0.1"), d)) << "the minute is over";
}

TEST_F(BooksTest, AProvidersBudgetIsTheEndpointsAndTheNextMayBeTried) {
  budgets_ = {budget(R"({"name":"azure","provider":"azure-openai","money":1,"per":"month"})")};
  end();
  start();
  Hold a, b;
  Result<bool> refused = reserve(bot_, endpoint("x", "azure-openai"), use(1, "2"), a);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().retry, Retry::kOtherTarget);
  EXPECT_NE(refused.error().message.find("more than the whole budget"), std::string::npos);
  EXPECT_TRUE(reserve(bot_, here_, use(1, "2"), b));
}

TEST_F(BooksTest, ANewBudgetBeginsWithWhatTheLedgerKnows) {
  Hold a;
  ASSERT_TRUE(reserve(bot_, here_, use(70, "3"), a));
  settle(a, use(70, "3"));
  ASSERT_TRUE(loop_.run_task(p_->books->write_down(Context(loop_))));
  std::vector<Budget> wanted = {budget(R"({"name":"k","key":"key_bot","money":4,"per":"month"})"),
                                budget(R"({"name":"o","key":"key_o","money":4,"per":"month"})")};
  ASSERT_TRUE(p_->accounts->set_budgets(wanted));
  EXPECT_EQ(account("k").money.usd(), "3");
  Hold b;
  EXPECT_FALSE(reserve(bot_, here_, use(1, "2"), b));
  budgets_ = wanted;
  kill();
  EXPECT_EQ(account("k").money.usd(), "3") << "once, also over a restart";
  // Another limit keeps what was used.
  wanted[0].money = *Money::parse_usd("8");
  ASSERT_TRUE(p_->accounts->set_budgets(wanted));
  EXPECT_EQ(account("k").money.usd(), "3");
  EXPECT_TRUE(reserve(bot_, here_, use(1, "2"), b));
  // Taken away while a call is in flight.
  ASSERT_TRUE(p_->accounts->set_budgets({}));
  settle(b, use(1, "1"));
  EXPECT_EQ(sums().cost.usd(), "4");
}

TEST_F(BooksTest, APowerCutBurnsAtMostAPromise) {
  budgets_ = {budget(R"({"name":"day","money":10,"per":"day"})")};
  end();
  start();
  for (int i = 0; i < 20; ++i) {
    Hold h;
    ASSERT_TRUE(reserve(bot_, here_, use(1, "0.05"), h));
    settle(h, use(1, "0.05"));
  }
  EXPECT_EQ(account("day").money.usd(), "1");
  power_cut();
  Money used = account("day").money;
  EXPECT_GE(used, *Money::parse_usd("1")) << "nothing is freed";
  EXPECT_LE(used, *Money::parse_usd("1.25")) << "and little burnt";
}

TEST_F(BooksTest, APromiseOfYesterdayIsNoneToday) {
  budgets_ = {budget(R"({"name":"day","money":10,"per":"day"})")};
  end();
  start();
  documents_.puts = 0;
  documents_.meanwhile = [this] {
    clock_.step += std::chrono::days(1);
    account("day");  // somebody looks, and its window is the new day's
  };
  p_->holds.emplace_back();
  ASSERT_TRUE(reserve(bot_, here_, use(1, "0.05"), p_->holds.back().first));
  EXPECT_EQ(documents_.puts, 2) << "one of each day";
  power_cut();
  EXPECT_GE(account("day").money, *Money::parse_usd("0.05")) << "nothing is freed";
}

TEST_F(BooksTest, AStoreThatCannotKeepAPromiseRefusesTheCall) {
  budgets_ = {budget(R"({"name":"day","money":10,"per":"day"})")};
  end();
  start();
  store_.disk().fail_next(Error(Code::kUnavailable, "the store is down"));
  Hold h;
  Result<bool> refused = reserve(bot_, here_, use(1, "0.05"), h);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("cannot be kept durable"), std::string::npos);
  EXPECT_TRUE(reserve(bot_, here_, use(1, "0.05"), h));
}

}  // namespace
}  // namespace drover::road
