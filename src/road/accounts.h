#pragma once
// The accounts: every attempt of every model call, the gateway's and the session's alike, reserves
// here what it may cost at most before it is sent, and settles here once what it did cost, or
// releases. Nothing else counts against a budget, so nothing is counted twice; a session's own tree
// pool (session/tree.h) is another limit over the same calls.
//
//   Hold hold;
//   TRY(bool held, accounts.reserve(caller, endpoint, ask, hold));   // all its budgets, or none
//   if (!held) co_await accounts.wait(ctx), and once more            // see "Durable"
//   … the attempt …
//   accounts.settle(hold, settlement);                               // or let `hold` go: released
//
// Durable. A reservation and a settlement each are one record in the ledger's log, which survives
// the process (trace/ledger_log.h): a kill frees nothing, for what was in flight is found there at
// the next start and booked as used, at most, and marked as lost; and it burns nothing, for a
// provider's bill corrects it (books.h). Against a power cut the counts of budgets by the day, the
// month and in total are promised ahead: before what is used and reserved passes what the store
// knows, the account writes a promise of a fiftieth of its limit more, durably, and only the call
// that would pass the promise waits for it; after a power cut the promise counts as used. No call
// syncs, a promise is some fifty small writes a window.
//
// Fast: the accounts and the ledger's row of a pair of caller and endpoint are resolved once and
// kept; a call costs one look-up, some additions for each of its budgets and two records.
//
// An account "for each" session or tree is looked at when it is made and when a session ends: of
// one that has ended it is dropped, with its document (books.h), since nobody can spend on it any
// more. What is in flight settles into it first.
//
// Limits in limits/money.h. Failure: a refusal names the budget, its limit, what is used and
// reserved and when it renews: reason "budget_exceeded" (402) or "rate_limited" (429, with a time
// to come back); of a budget for a provider it is the endpoint's, and the next may be tried. A log
// that cannot be written refuses calls. Loop thread only; outlives all its Holds.

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "async/sync.h"
#include "catalog/endpoint.h"
#include "providers/provider.h"
#include "road/account.h"
#include "trace/ledger.h"
#include "trace/ledger_log.h"
#include "trace/metrics.h"

namespace drover::road {

class Accounts;

/// Whose call it is; views that live as long as the call of reserve().
struct Caller {
  std::string_view tenant, key, agent, session, tree;
};

/// What an attempt may use at most.
struct Ask {
  int64_t input_tokens = 0;
  int64_t output_tokens = 0;
  Money money;
  bool known = false;  // there is a price
  /// The first attempt of a call: it counts as a request.
  bool first = true;
  /// Ours, as the provider gets it.
  std::string_view call_key;
};

/// What an attempt did use.
struct Settlement {
  const contract::Usage* usage = nullptr;
  Money cost;
  bool cost_known = false;
  bool ok = true;
  std::string_view request_id;  // the provider's
  std::string_view tier;
};

/// Who and where, resolved.
struct AccountLine {
  trace::LedgerLine line;
  uint64_t endpoint =
      0;  // the number of the one that was seen last, of those that are of this line
  std::vector<Account*> accounts;
  uint64_t epoch = 0;  // of the budgets that these are of
  bool rated = false;  // some are rates
  trace::LineMark mark;
  trace::Ledger::Slot slot;
  uint32_t open = 0;
  uint64_t last_used = 0;
};

/// A reservation. Released when it goes, unless it was settled.
class Hold {
 public:
  Hold() = default;
  Hold(Hold&& o) noexcept { *this = std::move(o); }
  Hold& operator=(Hold&& o) noexcept;
  ~Hold();
  bool held() const { return line_ != nullptr; }

 private:
  friend class Accounts;
  Accounts* accounts_ = nullptr;
  AccountLine* line_ = nullptr;
  uint64_t call_ = 0;
  uint32_t file_ = 0;
  Use use_;
};

class Accounts {
 public:
  /// All outlive this; `log` (nothing is durable) and `metrics` may be null.
  Accounts(Clock& clock, trace::Ledger& ledger, trace::LedgerLog* log = nullptr,
           trace::Metrics* metrics = nullptr);
  ~Accounts();

  /// The budgets that are in force from now on. What was used of those that stay is kept; new ones
  /// by calendar day, month or in total begin with what the ledger says was used since. The error
  /// names the budget at fault (two alike, too many).
  Result<void> set_budgets(std::vector<Budget> budgets);

  /// True: held. False: wait() first, nothing is held.
  Result<bool> reserve(const Caller& who, const catalog::Endpoint& endpoint, const Ask& ask,
                       Hold& out);
  /// Until a promise is written that some call needs; its failure is the error.
  async::Task<Result<void>> wait(async::Context ctx);
  /// Once for each hold; without a hold (an attempt that was not reserved) it is booked all the
  /// same.
  void settle(Hold& hold, const Settlement& settlement);
  void release(Hold& hold);

  /// Into `out`, whatever stands there: mostly there are none, and it had none.
  void rates(const Hold& hold, RateState& out);
  RateState rates(const Caller& who, const catalog::Endpoint& endpoint);

  /// Every account: its budget, whom it is for, what is used and reserved. Those "for each" are
  /// there once somebody has called, the others from the first day.
  struct Report {
    const Account* account = nullptr;
    Use used, reserved;
    int64_t renews = INT64_MAX;  // unix seconds
  };
  std::vector<Report> report();
  /// That session has ended. The accounts that are for it or for its tree may go.
  void session_over(std::string_view session);

  size_t lines() const { return lines_.size(); }
  size_t open() const { return open_; }

 private:
  friend class Hold;
  friend class Books;
  using BudgetPtr = std::shared_ptr<const Budget>;

  AccountLine* line_of(const Caller& who, const catalog::Endpoint& endpoint);
  /// The first time.
  [[gnu::noinline]] AccountLine* add_line(size_t hash, const Caller& who,
                                          const catalog::Endpoint& endpoint);
  Result<AccountLine*> resolved(const Caller& who, const catalog::Endpoint& endpoint);
  void make_room();
  Result<void> resolve(AccountLine& line);
  /// The account of that budget for a call of that line; null: it is not for such calls.
  Result<Account*> account_of(const BudgetPtr& budget, const trace::LedgerLine& line);
  void forget_idle_accounts();
  // accounts_over.cc
  /// Sees to it that the account goes when its session or tree does.
  void note_party(const Account& account);
  using Ids = std::set<std::string>;
  /// Drops the accounts that are for each of these, which have ended; the names of those that have
  /// documents. One that is in use stays, to be looked at again.
  std::vector<std::string> drop_over(const Ids& sessions, const Ids& trees);
  /// The accounts of budgets that are not "for each".
  void open_fixed();
  void seed(const std::vector<BudgetPtr>& fresh);
  RateState rates_of(const AccountLine& line);
  Error refusal(Account& account, Lack lack, const Use& more);
  int64_t now_of(const Account& account) const { return now_of(account, clock_->wall()); }
  /// `wall` is now's, read once for several accounts; a rate goes by the monotonic clock.
  int64_t now_of(const Account& account, WallTime wall) const;
  /// Whether it fits into all of the line's accounts: the error says what refuses it. False: what
  /// the store was promised does not cover it.
  [[gnu::noinline]] Result<bool> fits_all(const AccountLine& line, const Use& more, WallTime now);
  /// False: what the store was promised does not cover it.
  bool covered(Account& account, const Use& more, WallTime now);
  void want_promise(Account& account, const Use& more);
  /// Why a call whose reservation could not be written is not made.
  [[gnu::noinline]] Error not_written(Error error);
  void close_hold(Hold& hold);
  /// Gives it its sequence and writes it, in the log and in the sums.
  void book(AccountLine& line, trace::LedgerEntry& record);

  Clock* clock_;
  trace::Ledger* ledger_;
  trace::LedgerLog* log_;
  trace::Family* refused_ = nullptr;
  /// Rates run on a clock that nobody sets: the wall's at the start plus what has passed.
  WallTime wall_start_;
  MonoTime mono_start_;

  std::vector<BudgetPtr> budgets_;
  std::vector<BudgetPtr> general_;  // those for no key in particular
  std::map<std::string, std::vector<BudgetPtr>, std::less<>> by_key_;
  uint64_t epoch_ = 1;
  std::map<std::string, std::unique_ptr<Account>, std::less<>> accounts_;  // by name
  std::unordered_multimap<size_t, std::unique_ptr<AccountLine>> lines_;    // by hash
  // Of budgets before, with calls in flight.
  std::vector<std::unique_ptr<AccountLine>> old_lines_;
  std::vector<std::unique_ptr<Account>> old_accounts_;
  /// The names of accounts "for each" session or tree, by its id.
  std::unordered_map<std::string, std::set<std::string>> names_by_id_;
  /// Sessions that may have ended since they were looked at; Books asks the journal.
  Ids to_look_at_;
  uint64_t uses_ = 0;
  size_t open_ = 0;
  struct OpenFile {
    uint32_t file = 0;
    size_t calls = 0;
  };
  /// Files of the log with calls in flight, oldest first; the last one may have none.
  std::vector<OpenFile> open_by_file_;
  uint64_t next_call_ = 1;
  uint64_t next_sequence_ = 1;
  contract::Usage asked_;      // of the call at hand, of which two counts are ever stated
  bool write_failed_ = false;  // told once an episode

  // Promises; books.h writes them. Off: nothing is durable.
  bool promising_ = false;
  std::deque<Account*> promise_queue_;
  async::WaitQueue promise_wanted_;
  async::WaitQueue promise_answered_;
  uint64_t promises_answered_ = 0;
  std::optional<Error> promise_error_;
};

/// Output tokens of all its answers. What a call states may be nonsense, and must not free what
/// others hold.
int64_t output_tokens_at_most(const providers::Prompt& prompt,
                              std::optional<int64_t> each_max = {});
/// What an attempt at that endpoint may use at most: tokens from the bytes of the prompt and its
/// own limit, at the dearest rates that may apply at that time, under that service tier or none.
Ask ask_for(const catalog::Endpoint& endpoint, const providers::Prompt& prompt, WallTime now,
            std::string_view tier, std::string_view call_key, bool first);

}  // namespace drover::road
