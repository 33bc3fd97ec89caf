// Books: single calls read back, and what a provider's bill says of them booked.

#include "road/billing_use.h"
#include "road/books.h"

namespace drover::road {

using trace::LedgerEntry;
using trace::LedgerLine;
using trace::LedgerRecord;
using trace::RecordKind;

async::Task<Result<std::vector<LedgerCall>>> Books::calls(async::Context ctx) {
  using Calls = std::vector<LedgerCall>;
  if (p_.log == nullptr) co_return Calls();
  const trace::LedgerLog* log = p_.log;
  auto read = [log]() -> Result<Calls> {
    TRY(auto reader, log->reader());
    CallReader calls;
    TRY_VOID(reader->replay(
        0, [&](const LedgerRecord& record, const LedgerLine& line) { calls.take(record, line); }));
    return std::move(calls).calls();
  };
  co_return co_await async::run_blocking(ctx, *p_.executor, std::move(read));
}

size_t Books::apply(const std::vector<Match>& matches, std::string_view why) {
  size_t out = 0;
  for (const Match& m : matches) {
    if (m.call == nullptr) continue;
    if (!m.extra) {
      correct(*m.call, m.billed, m.tier, why);
    } else {
      add_missing(m);
    }
    ++out;
  }
  return out;
}

void Books::correct(const LedgerCall& call, const trace::Billing& billed, std::string_view tier,
                    std::string_view why) {
  const LedgerRecord& settled = call.record;
  LedgerEntry record;
  record.kind = RecordKind::kCorrect;
  record.call = settled.sequence;
  record.at = settled.at;
  record.ok = settled.ok;
  record.lost = settled.lost;
  record.before = settled.billing;
  record.billing = billed;
  record.why = why;
  record.tier_before = settled.tier;
  record.tier = tier;
  AccountLine target;
  target.line = call.line;
  p_.accounts->book(target, record);
  Use use = use_of(billed);
  use -= use_of(settled.billing);
  count(call.line, use, record, Counting::kBooked);
}

void Books::add_missing(const Match& match) {
  LedgerEntry record;
  record.kind = RecordKind::kSettle;
  record.at = match.call->record.at;
  record.billing = match.billed;
  record.request_id = match.row->request_id;
  record.call_key = match.call->record.call_key;
  record.ok = match.ok;
  record.tier = match.tier;
  AccountLine target;
  target.line = match.call->line;
  p_.accounts->book(target, record);
  count(target.line, use_of(match.billed), record, Counting::kBooked);
}

}  // namespace drover::road
