#pragma once
// The ledger: what was used and what it cost, by tenant, agent, session, model, endpoint, provider
// and day. Exact sums; estimates and calls without a known price are counted beside them, so that a
// figure says how far it can be trusted. The road settles each attempt into it once.
//
// In memory, flushed to documents (collection "ledger") by whoever owns the process; load() at
// start takes up where the last process stopped. Bounded by limits::kLedgerRowsMax: beyond it, rows
// of past days that were flushed leave memory first, then new sessions are summed under session
// "*"; no amount is lost. Loop thread only.

#include <compare>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "async/context.h"
#include "async/task.h"
#include "base/json.h"
#include "base/limits/trace.h"
#include "base/money.h"
#include "contract/chat.h"
#include "store/documents.h"

namespace drover::trace {

struct LedgerKey {
  std::string day;  // "2026-11-23", UTC
  std::string tenant;
  std::string agent;
  std::string session;
  std::string model;
  std::string endpoint;
  std::string provider;
  auto operator<=>(const LedgerKey&) const = default;
};

struct LedgerSums {
  int64_t calls = 0;
  int64_t failed = 0;     // attempts that failed and were billed all the same
  int64_t estimated = 0;  // calls whose tokens are our estimate
  int64_t unpriced = 0;   // calls whose price is unknown: their cost is not in `cost`
  int64_t input_tokens = 0;
  int64_t output_tokens = 0;
  int64_t cache_read_tokens = 0;
  int64_t cache_write_tokens = 0;
  int64_t reasoning_tokens = 0;
  Money cost;
  LedgerSums& operator+=(const LedgerSums& other);
  bool operator==(const LedgerSums&) const = default;
};

struct LedgerRow {
  LedgerKey key;
  LedgerSums sums;
};

/// One settled attempt. The day is the ledger's to add.
struct Settlement {
  LedgerKey key;
  contract::Usage usage;
  Money cost;
  bool cost_known = false;
  bool ok = true;
};

/// Empty fields match everything. Days are inclusive.
struct LedgerFilter {
  std::string tenant;
  std::string agent;
  std::string session;
  std::string model;
  std::string from_day;
  std::string to_day;
};

class Ledger {
 public:
  /// `clock` outlives this.
  explicit Ledger(Clock& clock, size_t rows_max = limits::kLedgerRowsMax)
      : clock_(&clock), rows_max_(rows_max) {}

  void add(Settlement settlement);
  /// Sums grouped by these fields ("day", "tenant", "agent", "session", "model", "endpoint",
  /// "provider"); the others are empty in the rows. No fields: one row of everything.
  Result<std::vector<LedgerRow>> query(const LedgerFilter& filter,
                                       const std::vector<std::string>& group_by) const;
  size_t rows() const { return rows_.size(); }

  async::Task<Result<void>> load(async::Context ctx, store::Documents* documents);
  /// Writes what changed since the last flush. What fails is tried again with the next.
  async::Task<Result<void>> flush(async::Context ctx, store::Documents* documents);
  bool dirty() const { return !dirty_.empty(); }

 private:
  void make_room();
  /// Today in UTC; its text is made once a day.
  const std::string& today();
  Clock* clock_;
  int64_t day_number_ = -1;
  std::string today_;
  size_t rows_max_;
  std::map<LedgerKey, LedgerSums> rows_;
  std::set<LedgerKey> dirty_;
};

/// {"day":…, …, "calls":…, "cost_usd":"0.0123"}; empty key fields are left out.
Json to_json(const LedgerRow& row);
Result<LedgerRow> ledger_row_from_json(const Json& json);

}  // namespace drover::trace
