// Accounts "for each" session or tree go when it has ended, not before, and lose nothing.

#include <gtest/gtest.h>

#include "async/sim_loop.h"
#include "road/books.h"
#include "store/forwarding_journal.h"
#include "store/memory/memory_store.h"

namespace drover::road {
namespace {

/// Counts what is asked of the journal below, and refuses to answer when told to.
class CountedJournal final : public store::ForwardingJournal {
 public:
  using ForwardingJournal::ForwardingJournal;
  size_t asked = 0;
  size_t refuse = 0;  // the list of that number, counted from here; 0: none

  async::Task<Result<std::vector<contract::Event>>> read(async::Context ctx, SessionId session,
                                                         uint64_t from, size_t most) override {
    ++asked;
    return below_.read(ctx, std::move(session), from, most);
  }
  async::Task<Result<store::SessionRow>> find(async::Context ctx, SessionId session) override {
    ++asked;
    return below_.find(ctx, std::move(session));
  }
  async::Task<Result<std::vector<store::SessionRow>>> list(async::Context ctx,
                                                           store::SessionFilter filter) override {
    ++asked;
    if (refuse > 0 && --refuse == 0) co_return fail(Code::kUnavailable, "not now");
    co_return co_await below_.list(ctx, std::move(filter));
  }
  async::Task<Result<std::vector<store::SessionRow>>> due(async::Context ctx, WallTime until,
                                                          size_t limit) override {
    ++asked;
    return below_.due(ctx, until, limit);
  }
  async::Task<Result<store::TreeTotals>> tree(async::Context ctx, SessionId root) override {
    ++asked;
    return below_.tree(ctx, std::move(root));
  }
  async::Task<Result<std::optional<store::Snapshot>>> load_snapshot(async::Context ctx,
                                                                    SessionId session) override {
    ++asked;
    return below_.load_snapshot(ctx, std::move(session));
  }
};

class RoomTest : public testing::Test {
 protected:
  RoomTest() { start(); }

  /// A process; what the store has, it finds.
  void start() {
    books_.reset();
    accounts_ = std::make_unique<Accounts>(loop_, ledger_);
    BooksParts parts;
    parts.accounts = accounts_.get();
    parts.ledger = &ledger_;
    parts.documents = &store_.documents();
    parts.journal = &journal_;
    parts.clock = &loop_;
    books_ = std::make_unique<Books>(parts);
    std::vector<Budget> budgets;
    for (std::string_view text :
         {R"({"name":"trees","tree":"*","money":2})",
          R"({"name":"sessions","session":"*","tokens":100})", R"({"name":"house","money":50})"}) {
      budgets.push_back(*budget_from_json(*Json::parse(text)));
    }
    auto started = loop_.run_task(books_->start(async::Context(loop_), std::move(budgets)));
    ASSERT_TRUE(started) << started.error().message;
  }
  /// Writes the session down as it now is.
  void put(const std::string& id, const std::string& root, const std::string& status) {
    store::SessionRow row;
    row.id = SessionId(id);
    row.root = SessionId(root);
    row.tenant = TenantId("ten_1");
    row.status = status;
    std::vector<contract::Event> events;
    const bool fresh = known_.insert(id).second;
    if (fresh) {
      contract::Event event;
      event.session = row.id;
      event.sequence = 1;
      event.kind = contract::kind::kSessionStarted;
      events.push_back(std::move(event));
    }
    auto done = loop_.run_task(
        store_.journal().append(async::Context(loop_), row, fresh ? 0 : 1, std::move(events)));
    ASSERT_TRUE(done) << done.error().message;
  }
  void end_session(const std::string& id, const std::string& root) {
    put(id, root, "ended");
    accounts_->session_over(id);
  }
  Result<bool> reserve(const std::string& session, const std::string& tree, std::string_view money,
                       Hold& out) {
    catalog::Endpoint here;
    here.id = "here";
    here.provider = "openai";
    here.model = "m";
    Ask ask;
    ask.input_tokens = 10;
    ask.money = *Money::parse_usd(money);
    ask.known = true;
    return accounts_->reserve(Caller{"ten_1", "key_1", "a", session, tree}, here, ask, out);
  }
  void settle(Hold& hold, std::string_view money) {
    contract::Usage usage;
    usage.input_tokens = 10;
    Settlement s;
    s.usage = &usage;
    s.cost = *Money::parse_usd(money);
    s.cost_known = true;
    accounts_->settle(hold, s);
  }
  void call(const std::string& session, const std::string& tree, std::string_view money) {
    Hold hold;
    Result<bool> held = reserve(session, tree, money, hold);
    ASSERT_TRUE(held) << held.error().message;
    settle(hold, money);
  }
  void look() { loop_.run_task(books_->forget_over(async::Context(loop_))); }
  /// "sessions ses_a, trees ses_a": the accounts that there are, without the house's.
  std::string there() {
    std::string out;
    for (const Accounts::Report& r : accounts_->report()) {
      const DimensionValues& whose = r.account->whose();
      const std::string who = whose[static_cast<size_t>(Dimension::kSession)] +
                              whose[static_cast<size_t>(Dimension::kTree)];
      if (!who.empty()) out += (out.empty() ? "" : ", ") + r.account->budget().name + " " + who;
    }
    return out;
  }
  size_t documents() {
    EXPECT_TRUE(loop_.run_task(books_->write_down(async::Context(loop_))));
    return loop_.run_task(store_.documents().list(async::Context(loop_), kAccountDocuments))
        ->size();
  }

  async::SimLoop loop_;
  SeededRandom random_{1};
  store::MemoryStore store_{random_};
  CountedJournal journal_{store_.journal()};
  trace::Ledger ledger_;
  std::unique_ptr<Accounts> accounts_;
  std::unique_ptr<Books> books_;
  std::set<std::string> known_;
};

TEST_F(RoomTest, AnAccountGoesWithItsSessionAndThatOfATreeWithItsLastOne) {
  put("ses_a", "ses_a", "running");
  put("ses_b", "ses_a", "running");
  call("ses_a", "ses_a", "1");
  call("ses_b", "ses_a", "0.5");
  EXPECT_EQ(documents(), 4u);
  look();
  EXPECT_EQ(there(), "sessions ses_a, sessions ses_b, trees ses_a") << "nobody has ended";
  end_session("ses_a", "ses_a");
  look();
  EXPECT_EQ(there(), "sessions ses_b, trees ses_a") << "a child goes on";
  Hold hold;
  EXPECT_FALSE(reserve("ses_b", "ses_a", "0.6", hold)) << "and what the tree used counts";
  end_session("ses_b", "ses_a");
  look();
  EXPECT_EQ(there(), "");
  EXPECT_EQ(documents(), 1u) << "the house's";
  EXPECT_EQ(accounts_->report().front().used.money.usd(), "1.5");
  EXPECT_EQ(accounts_->lines(), 0u);
}

TEST_F(RoomTest, WhatIsInFlightSettlesFirst) {
  put("ses_a", "ses_a", "running");
  Hold hold;
  ASSERT_TRUE(reserve("ses_a", "ses_a", "1", hold));
  end_session("ses_a", "ses_a");
  look();
  EXPECT_EQ(there(), "sessions ses_a, trees ses_a");
  settle(hold, "0.75");
  EXPECT_EQ(accounts_->report().front().used.money.usd(), "0.75");
  look();
  EXPECT_EQ(there(), "") << "it is looked at again by itself";
  EXPECT_EQ(ledger_.query({}, {})->front().sums.cost.usd(), "0.75");
  // A straggler makes its account anew, and that goes, too.
  call("ses_a", "ses_a", "0.25");
  EXPECT_EQ(there(), "sessions ses_a, trees ses_a");
  look();
  EXPECT_EQ(there(), "");
  EXPECT_EQ(accounts_->report().front().used.money.usd(), "1");
}

TEST_F(RoomTest, ManyEndsAreOneReadOfTheSessionsAndOneOfTheirTrees) {
  constexpr int kTrees = 40;
  for (int n = 0; n < kTrees; ++n) {
    const std::string id = "ses_" + std::to_string(100 + n);
    put(id, id, "running");
    put(id + "c", id, "running");
    call(id, id, "0.01");
    call(id + "c", id, "0.01");
  }
  put("ses_500", "ses_500", "running");
  put("ses_500c", "ses_500", "running");
  call("ses_500", "ses_500", "0.01");
  look();
  for (int n = 0; n < kTrees; ++n) {
    const std::string id = "ses_" + std::to_string(100 + n);
    end_session(id, id);
    end_session(id + "c", id);
  }
  end_session("ses_500", "ses_500");
  journal_.asked = 0;
  look();
  EXPECT_EQ(journal_.asked, 2u);
  EXPECT_EQ(there(), "trees ses_500") << "its child goes on";
  journal_.asked = 0;
  look();
  EXPECT_EQ(journal_.asked, 0u) << "nobody has ended since";
}

// Its open sessions are more than one answer holds, and newer than those of the other tree.
TEST_F(RoomTest, AGreatTreeDoesNotHideThatAnotherGoesOn) {
  for (const char* id : {"ses_1", "ses_2", "ses_3"}) {
    put(id, id, "running");
    call(id, id, "0.01");
  }
  put("ses_1c", "ses_1", "running");
  for (int n = 0; n < 1'100; ++n) put("ses_9" + std::to_string(n), "ses_2", "waiting");
  look();
  for (const char* id : {"ses_1", "ses_2", "ses_3"}) end_session(id, id);
  look();
  EXPECT_EQ(there(), "trees ses_1, trees ses_2");
}

TEST_F(RoomTest, WhatTheJournalDoesNotAnswerIsAskedAgain) {
  put("ses_a", "ses_a", "running");
  call("ses_a", "ses_a", "1");
  look();
  end_session("ses_a", "ses_a");
  journal_.refuse = 1;
  look();
  EXPECT_EQ(there(), "sessions ses_a, trees ses_a") << "nothing is known of the session";
  look();
  EXPECT_EQ(there(), "");

  put("ses_b", "ses_b", "running");
  call("ses_b", "ses_b", "1");
  look();
  end_session("ses_b", "ses_b");
  journal_.refuse = 2;
  look();
  EXPECT_EQ(there(), "trees ses_b") << "nothing is known of its tree";
  look();
  EXPECT_EQ(there(), "");
}

// The process ended between a session's end and the next look, or is older than these looks.
TEST_F(RoomTest, AStartLooksAtWhatTheStoreHas) {
  put("ses_a", "ses_a", "running");
  put("ses_b", "ses_b", "running");
  call("ses_a", "ses_a", "1");
  call("ses_b", "ses_b", "1");
  call("ses_nobody", "ses_nobody", "1");
  EXPECT_EQ(documents(), 7u);
  put("ses_a", "ses_a", "ended");
  start();
  EXPECT_EQ(there(),
            "sessions ses_a, sessions ses_b, sessions ses_nobody, trees ses_a, trees ses_b, "
            "trees ses_nobody");
  look();
  EXPECT_EQ(there(), "sessions ses_b, sessions ses_nobody, trees ses_b, trees ses_nobody")
      << "what the journal does not know has not ended";
  EXPECT_EQ(documents(), 5u);
}

}  // namespace
}  // namespace drover::road
