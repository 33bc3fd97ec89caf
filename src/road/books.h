#pragma once
// Keeps the accounts and the ledger over the life of processes: takes them up at a start, writes
// them down while they run, and books what a crash left open.
//
//   Books books(parts);
//   CO_TRY_VOID(co_await books.start(ctx, budgets));   // before the first call
//   scope.spawn(books.keep(ctx)); scope.spawn(books.keep_promises(ctx));
//   scope.spawn(books.keep_room(ctx));
//   …
//   co_await books.close(ctx);                          // after the last call
//
// A start reads the sums and accounts as they were last written (documents; collections "ledger",
// "ledger_days", "accounts"), then the log from the file on that the last checkpoint names, and
// adds what is newer: each carries the sequence of the last record in it. Reservations that the log
// leaves open are booked as used, at most, estimated and lost; after a power cut, so is what was
// promised beyond what the log knows (a warning, no row: nobody knows the calls).
//
// Loop thread only. Failure: start() when something cannot be read; what keep() cannot write is
// tried again, told once an episode.

#include <functional>
#include <string>
#include <vector>

#include "async/sync.h"
#include "road/accounts.h"
#include "road/reconcile.h"
#include "store/documents.h"
#include "store/journal.h"

namespace drover::road {

/// The collection of accounts, by name.
inline constexpr const char* kAccountDocuments = "accounts";

struct BooksParts {
  Accounts* accounts = nullptr;
  trace::Ledger* ledger = nullptr;
  trace::LedgerLog* log = nullptr;  // null: only the sums are kept
  store::Documents* documents = nullptr;
  store::Journal* journal = nullptr;    // says which sessions have ended; null: accounts stay
  async::Executor* executor = nullptr;  // for the log's syncs
  Clock* clock = nullptr;
  /// Calls that go on although the process ended (road/batches.h), by their key: what was reserved
  /// for them is released at the start, and they are not lost. Whoever has them reserves anew.
  std::function<bool(std::string_view call_key)> goes_on = {};
  Duration sync_every = std::chrono::seconds(1);
  Duration write_every = std::chrono::seconds(5);
};

class Books {
 public:
  /// What the parts point to outlives it.
  explicit Books(BooksParts parts) : p_(parts) {}

  async::Task<Result<void>> start(async::Context ctx, std::vector<Budget> budgets);
  /// Syncs the log and writes down what changed, until the context ends.
  async::Task<void> keep(async::Context ctx);
  /// Writes the promises that accounts ask for.
  async::Task<void> keep_promises(async::Context ctx);
  /// Drops accounts of sessions and trees that have ended, until the context ends.
  async::Task<void> keep_room(async::Context ctx);
  /// The same once: of what is to be looked at.
  async::Task<void> forget_over(async::Context ctx);
  /// Everything, now.
  async::Task<Result<void>> write_down(async::Context ctx);
  async::Task<Result<void>> close(async::Context ctx);

  /// The single calls that the log still holds. Reads all of it, on the executor.
  async::Task<Result<std::vector<LedgerCall>>> calls(async::Context ctx);
  /// One bill at a time: what was compared must be what is booked upon.
  async::Semaphore& bills() { return bills_; }
  /// Books what a bill says of these; how many.
  size_t apply(const std::vector<Match>& matches, std::string_view why);
  /// Corrects a settled call by what its provider says: the sums of its day and, where its window
  /// runs, the accounts.
  void correct(const LedgerCall& settled, const trace::Billing& billed, std::string_view tier,
               std::string_view why);
  /// A call that the provider billed and nobody booked.
  void add_missing(const Match& match);

  /// What the last start found open.
  size_t lost() const { return lost_; }

 private:
  struct Start;
  void replay(Start& start, const trace::LedgerRecord& record, const trace::LedgerLine& line);
  void book_lost(Start& start);
  void give_back(const trace::LedgerRecord& reserved, const trace::LedgerLine& line);
  void count_promises();
  async::Task<Result<void>> load_accounts(async::Context ctx);
  async::Task<Result<void>> write_accounts(async::Context ctx);
  async::Task<Result<void>> write_promise(async::Context ctx, std::string name);
  async::Task<Result<void>> sync(async::Context ctx);
  Use promise_for(Account& account) const;
  enum class Counting : uint8_t { kReplayed, kBooked };
  void count(const trace::LedgerLine& line, const Use& use, const trace::LedgerEntry& record,
             Counting how);

  BooksParts p_;
  async::Semaphore bills_{1};
  size_t lost_ = 0;
  uint32_t trimmed_at_ = 0;
};

}  // namespace drover::road
