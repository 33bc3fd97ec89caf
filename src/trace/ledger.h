#pragma once
// The ledger's sums: what was used and what it cost, by tenant, key, agent, session, tree, model,
// endpoint, provider, region, service tier and day. Exact; estimates, what was lost in a crash and
// calls without a known price are counted beside them, so that a figure says how far it can be
// trusted.
//
// Derived from the records of the ledger's log (ledger_record.h): each settlement and correction is
// added once. The sums are flushed to documents (collection "ledger") with the sequence of the last
// record in them, so that a start adds from the log what is newer and nothing twice.
//
// Bounded: days older than limits::kLedgerSessionsAge are summed over sessions (one document a day,
// collection "ledger_days", which replaces that day's others); beyond limits::kLedgerRowsMax rows,
// new sessions are summed under session "*" and past days are rolled up early. No amount is lost.
// Loop thread only.

#include <compare>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "async/context.h"
#include "async/task.h"
#include "base/json.h"
#include "base/limits/trace.h"
#include "store/documents.h"
#include "trace/ledger_record.h"

namespace drover::trace {

struct LedgerKey {
  std::string day;  // "2026-11-23", UTC
  std::string tenant;
  std::string key;  // API key
  std::string agent;
  std::string session;
  std::string tree;
  std::string model;
  std::string endpoint;
  std::string provider;
  std::string region;
  std::string tier;  // that it was served under: ledger_tier()
  auto operator<=>(const LedgerKey&) const = default;
};

struct LedgerSums {
  int64_t calls = 0;
  int64_t failed = 0;     // attempts that failed and were billed all the same
  int64_t estimated = 0;  // of both, those whose tokens are our estimate
  int64_t lost = 0;       // of those, what was in flight when the process ended
  int64_t unpriced = 0;   // their price is unknown: their cost is not in `cost`
  int64_t input_tokens = 0;
  int64_t output_tokens = 0;
  int64_t cache_read_tokens = 0;
  int64_t cache_write_tokens = 0;
  int64_t cache_write_1h_tokens = 0;
  int64_t reasoning_tokens = 0;
  int64_t audio_input_tokens = 0;
  int64_t audio_output_tokens = 0;
  int64_t image_input_tokens = 0;
  Money cost;
  Money estimated_cost;  // part of cost
  LedgerSums& operator+=(const LedgerSums& other);
  bool operator==(const LedgerSums&) const = default;
};

struct LedgerRow {
  LedgerKey key;
  LedgerSums sums;
};

/// Empty fields match everything. Days are inclusive.
struct LedgerFilter {
  std::string tenant;
  std::string key;
  std::string agent;
  std::string session;
  std::string tree;
  std::string model;
  std::string endpoint;
  std::string provider;
  std::string region;
  std::string tier;
  std::string from_day;
  std::string to_day;
};

class Ledger {
  struct Row {
    LedgerSums sums;
    uint64_t sequence = 0;  // the last record in it
    /// Written before rows had tiers: up to here it holds the records of all tiers.
    uint64_t all_tiers_to = 0;
    bool dirty = false;
  };
  using Rows = std::map<LedgerKey, Row>;

 public:
  explicit Ledger(size_t rows_max = limits::kLedgerRowsMax) : rows_max_(rows_max) {}

  /// Where the sums of one line stand; kept by who books often.
  class Slot {
    friend class Ledger;
    uint64_t epoch = 0;
    int64_t day = -1;
    Rows::iterator row{};
  };
  /// A settlement, or a correction. `slot` may be null; it belongs to that line.
  void add(const LedgerEntry& record, const LedgerLine& line, Slot* slot = nullptr);
  /// The same at a start, where it may be in the sums already.
  void replay(const LedgerEntry& record, const LedgerLine& line);

  /// Sums grouped by these fields (the names of LedgerKey's members); the others are empty in the
  /// rows. No fields: one row of everything.
  Result<std::vector<LedgerRow>> query(const LedgerFilter& filter,
                                       const std::vector<std::string>& group_by) const;
  /// Every row, unordered by anything but its key.
  void each(const std::function<void(const LedgerKey&, const LedgerSums&)>& visit) const;
  size_t rows() const { return rows_.size(); }
  /// The sequence of the last record added.
  uint64_t sequence() const { return sequence_; }

  async::Task<Result<void>> load(async::Context ctx, store::Documents* documents);
  /// Writes what changed since the last flush, and rolls up what is old. What fails is tried again
  /// with the next.
  async::Task<Result<void>> flush(async::Context ctx, store::Documents* documents, WallTime now);
  bool dirty() const { return !dirty_.empty() || !dirty_days_.empty(); }

 private:
  Rows::iterator find_row(const LedgerEntry& record, const LedgerLine& line, std::string_view tier,
                          bool replayed);
  void apply(Rows::iterator row, const LedgerEntry& record);
  /// A correction that says another tier than it was booked under: from one row to the other.
  void move(const LedgerEntry& record, const LedgerLine& line, bool replayed);
  void count(Rows::iterator row, const LedgerEntry& record);
  void mark(Rows::iterator row);
  void take_position(const Json& json, Row& row);
  async::Task<Result<void>> load_days(async::Context ctx, store::Documents* documents);
  async::Task<Result<void>> roll_up(async::Context ctx, store::Documents* documents,
                                    std::string day);
  async::Task<Result<void>> write_day(async::Context ctx, store::Documents* documents,
                                      std::string day);
  std::string day_to_roll(WallTime now) const;

  size_t rows_max_;
  Rows rows_;
  uint64_t epoch_ = 1;  // changes when rows go
  uint64_t sequence_ = 0;
  std::vector<LedgerKey> dirty_;
  std::set<std::string> rolled_;      // days that stand in one document
  std::set<std::string> dirty_days_;  // of those
  int64_t day_number_ = INT64_MIN;
  std::string day_text_;
};

/// {"day":…, …, "calls":…, "cost_usd":"0.0123"}; empty key fields are left out.
Json to_json(const LedgerRow& row);
Result<LedgerRow> ledger_row_from_json(const Json& json);
/// The names that query() groups by.
std::vector<std::string_view> ledger_fields();
/// "2026-11-23".
std::string day_of(WallTime t);
/// A provider's word for a service tier as the sums know it: one of a few names, "other", or "".
std::string_view ledger_tier(std::string_view said);

}  // namespace drover::trace
