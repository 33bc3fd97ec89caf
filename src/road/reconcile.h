#pragma once
// The ledger against a provider's bill: which calls agree to the token, which estimates the bill
// corrects, what differs, and what stands on one side only. Pure: what the ledger's log holds and
// the bill's rows in, a comparison out; books.h books the corrections.
//
// A row of the bill belongs to the settled call with the same request id; without one, to an
// estimate (or an attempt that was released as free) sent under the same idempotency key, the
// oldest first. A released attempt that was billed after all becomes a row of its own. A call whose
// usage the provider itself told and whose bill says otherwise (other tokens, another service tier)
// is a difference: it is listed, and changed only if asked.
//
// A call whose price nobody knows any more (its endpoint is configured no more) keeps the money
// that it was booked with, as an estimate, unless the bill tells it.
//
// One call may have attempts at several providers under one key. Rows that name their provider (or
// endpoint, or region) are held against those of that place alone; rows that name none may be taken
// for another place's, at its price.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "trace/bill.h"
#include "trace/ledger_record.h"

namespace drover::road {

/// A call as the log knows it.
struct LedgerCall {
  trace::LedgerRecord record;  // its settlement, corrected; or its reservation, if it was released
  trace::LedgerLine line;
  bool settled = false;
  bool corrected = false;
};

/// Collects the calls of a log; give it to LedgerLog::replay.
class CallReader {
 public:
  void take(const trace::LedgerRecord& record, const trace::LedgerLine& line);
  /// Settled ones by sequence, then the released.
  std::vector<LedgerCall> calls() &&;

 private:
  std::map<uint64_t, LedgerCall> reserved_;  // by call
  std::map<uint64_t, LedgerCall> settled_;   // by sequence
  std::vector<LedgerCall> released_;
};

/// What the bill is the bill of; empty fields: of everything. A call of another place is not
/// compared; one of another time only if the bill has it: what began before midnight may end after.
struct BillScope {
  std::vector<std::string> providers;  // any of these
  std::string endpoint;
  std::optional<WallTime> from, to;
  bool covers_place(const trace::LedgerLine& line) const;
  bool covers_time(WallTime at) const { return (!from || at >= *from) && (!to || at <= *to); }
};

struct Match {
  const LedgerCall* call = nullptr;     // null: nobody booked it
  const trace::BillRow* row = nullptr;  // null: nobody billed it
  trace::Billing billed;                // by the bill, priced
  std::string tier;                     // by the bill; what is booked where it says none
  bool extra = false;                   // a row of its own is booked for it
  bool ok = false;                      // of such a row: its answer was had
};

struct Reconciliation {
  int64_t agreed = 0;            // to the token
  std::vector<Match> corrected;  // estimates, and the bill's figures for them
  std::vector<Match> added;      // billed, and released here as free
  std::vector<Match> different;  // with usage, and billed otherwise
  std::vector<Match> unknown;    // billed, and never sent by us
  std::vector<Match> unbilled;   // booked with usage, and not in the bill
  std::vector<Match> estimated;  // booked as estimates, and not in the bill
  int64_t billed_tokens = 0, ledger_tokens = 0;
  /// Every call with usage agrees.
  bool exact() const { return different.empty() && unknown.empty() && unbilled.empty(); }
};

/// What those tokens cost at that line, then, under that tier; cost_known false where nobody knows.
using PriceOf = std::function<trace::Billing(const trace::LedgerLine& line, WallTime at,
                                             contract::Usage usage, std::string_view tier)>;
PriceOf price_by(std::shared_ptr<const catalog::Catalog> catalog);

Reconciliation reconcile(const std::vector<LedgerCall>& calls,
                         const std::vector<trace::BillRow>& bill, const BillScope& scope,
                         const PriceOf& price);

}  // namespace drover::road
