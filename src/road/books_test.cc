// Accounts and books together: what holds whatever happens between a reservation and its
// settlement.

#include "road/books.h"

#include <gtest/gtest.h>

#include "async/scope.h"
#include "async/sim_loop.h"
#include "base/limits/money.h"
#include "store/memory/memory_store.h"
#include "store/memory/sim_disk.h"

namespace drover::road {
namespace {

using async::Context;

/// A loop's time, with a wall that somebody sets.
class SetClock final : public Clock {
 public:
  explicit SetClock(async::SimLoop& loop) : loop_(loop) {}
  MonoTime mono() override { return loop_.mono(); }
  WallTime wall() override { return loop_.wall() + step; }
  Duration step{};

 private:
  async::SimLoop& loop_;
};

Budget budget(std::string_view text) {
  auto json = Json::parse(text);
  EXPECT_TRUE(json) << text;
  auto out = budget_from_json(*json);
  EXPECT_TRUE(out) << out.error().message;
  return *out;
}

catalog::Endpoint endpoint(std::string id, std::string provider = "openai") {
  catalog::Endpoint e;
  e.id = std::move(id);
  e.provider = std::move(provider);
  e.model = "m";
  e.price.known = true;
  return e;
}

/// One process after another over one disk and one store.
class BooksTest : public testing::Test {
 protected:
  struct Process {
    trace::Ledger ledger;
    std::unique_ptr<trace::LedgerLog> log;
    std::unique_ptr<Accounts> accounts;
    std::unique_ptr<Books> books;
    std::unique_ptr<async::Scope> scope;
    std::vector<std::pair<Hold, Use>> holds;
  };
  void SetUp() override { start(); }
  void TearDown() override { end(); }

  void start() {
    p_ = std::make_unique<Process>();
    auto log = trace::LedgerLog::open(disk_, "/ledger", boot_, 16 << 10);
    ASSERT_TRUE(log);
    p_->log = std::move(*log);
    p_->accounts = std::make_unique<Accounts>(clock_, p_->ledger, p_->log.get());
    BooksParts parts;
    parts.accounts = p_->accounts.get();
    parts.ledger = &p_->ledger;
    parts.log = p_->log.get();
    parts.documents = &store_.documents();
    parts.executor = &executor_;
    parts.clock = &clock_;
    p_->books = std::make_unique<Books>(parts);
    auto started = loop_.run_task(p_->books->start(Context(loop_), budgets_));
    ASSERT_TRUE(started) << started.error().message;
    p_->scope = std::make_unique<async::Scope>(Context(loop_));
    p_->scope->spawn(p_->books->keep_promises(p_->scope->context()));
  }
  void end() {
    if (p_ == nullptr) return;
    p_->scope->cancel();
    loop_.run_task(p_->scope->join());
    p_->holds.clear();
    p_.reset();
  }
  void sync() {
    auto behind = p_->log->unsynced();
    ASSERT_TRUE(behind.sync());
    p_->log->synced(behind);
  }
  /// The process is gone between two instructions; the machine stands.
  void kill() {
    sync();  // what a process stored is the kernel's
    lose();
  }
  void power_cut() {
    ++boot_;
    lose();
  }
  void lose() {
    disk_.fail_after(0);
    EXPECT_FALSE(disk_.make_folder("/dead"));
    end();  // what it still wants to write goes nowhere
    disk_.power_cut();
    start();
  }

  Result<bool> reserve(const Caller& who, const catalog::Endpoint& e, const Use& use, Hold& hold) {
    Ask ask;
    ask.input_tokens = use.tokens;
    ask.money = use.money;
    ask.known = true;
    ask.first = use.requests > 0;
    ask.call_key = "call_x";
    for (;;) {
      Result<bool> held = p_->accounts->reserve(who, e, ask, hold);
      if (!held || *held) return held;
      Result<void> waited = loop_.run_task(p_->accounts->wait(Context(loop_)));
      if (!waited) return fail(std::move(waited).error());
    }
  }
  void settle(Hold& hold, const Use& use) {
    contract::Usage usage;
    usage.input_tokens = use.tokens;
    usage.output_tokens = 0;
    Settlement s;
    s.usage = &usage;
    s.cost = use.money;
    s.cost_known = true;
    p_->accounts->settle(hold, s);
  }
  Use account(std::string_view name) {
    Use out;
    for (const Accounts::Report& r : p_->accounts->report()) {
      if (r.account->budget().name == name) out += r.used;
    }
    return out;
  }
  trace::LedgerSums sums() {
    auto rows = p_->ledger.query({}, {});
    return rows->empty() ? trace::LedgerSums() : rows->front().sums;
  }
  static Use use(int64_t tokens, std::string_view money, int64_t requests = 1) {
    Use out;
    out.requests = requests;
    out.tokens = tokens;
    out.money = *Money::parse_usd(money);
    return out;
  }

  async::SimLoop loop_;
  SetClock clock_{loop_};
  SeededRandom random_{1};
  store::SimDisk disk_{random_};
  store::MemoryStore store_{random_};
  async::InlineExecutor executor_;
  uint64_t boot_ = 1;
  std::vector<Budget> budgets_;
  std::unique_ptr<Process> p_;
  Caller bot_{"ten_1", "key_bot", "", "", ""};
  catalog::Endpoint here_ = endpoint("here");
};

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
