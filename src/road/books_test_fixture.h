#pragma once
// Accounts and books of one process after another, over one disk, one store and a clock that a test
// sets.

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "async/scope.h"
#include "async/sim_loop.h"
#include "road/books.h"
#include "store/memory/memory_store.h"
#include "store/memory/sim_disk.h"

namespace drover::road {

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

inline Budget budget(std::string_view text) {
  auto json = Json::parse(text);
  EXPECT_TRUE(json) << text;
  auto out = budget_from_json(*json);
  EXPECT_TRUE(out) << out.error().message;
  return *out;
}

inline catalog::Endpoint endpoint(std::string id, std::string provider = "openai") {
  catalog::Endpoint e;
  e.id = std::move(id);
  e.provider = std::move(provider);
  e.model = "m";
  e.price.known = true;
  return e;
}

/// A store of documents before whose next put something happens.
class SlowDocuments final : public store::Documents {
 public:
  explicit SlowDocuments(store::Documents& below) : below_(below) {}
  async::Task<Result<void>> put(async::Context ctx, std::string collection, std::string name,
                                Json value) override {
    ++puts;
    if (auto act = std::exchange(meanwhile, nullptr)) act();
    return below_.put(std::move(ctx), std::move(collection), std::move(name), std::move(value));
  }
  async::Task<Result<std::optional<Json>>> get(async::Context ctx, std::string collection,
                                               std::string name) override {
    return below_.get(std::move(ctx), std::move(collection), std::move(name));
  }
  async::Task<Result<bool>> remove(async::Context ctx, std::string collection,
                                   std::string name) override {
    return below_.remove(std::move(ctx), std::move(collection), std::move(name));
  }
  async::Task<Result<std::vector<std::pair<std::string, Json>>>> list(
      async::Context ctx, std::string collection) override {
    return below_.list(std::move(ctx), std::move(collection));
  }
  int puts = 0;
  std::function<void()> meanwhile;

 private:
  store::Documents& below_;
};

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
    parts.documents = &documents_;
    parts.executor = &executor_;
    parts.clock = &clock_;
    p_->books = std::make_unique<Books>(parts);
    auto started = loop_.run_task(p_->books->start(async::Context(loop_), budgets_));
    ASSERT_TRUE(started) << started.error().message;
    p_->scope = std::make_unique<async::Scope>(async::Context(loop_));
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
      Result<void> waited = loop_.run_task(p_->accounts->wait(async::Context(loop_)));
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
  SlowDocuments documents_{store_.documents()};
  async::InlineExecutor executor_;
  uint64_t boot_ = 1;
  std::vector<Budget> budgets_;
  std::unique_ptr<Process> p_;
  Caller bot_{"ten_1", "key_bot", "", "", ""};
  catalog::Endpoint here_ = endpoint("here");
};

}  // namespace drover::road
