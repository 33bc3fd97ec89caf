// Books: single calls read back, and what a provider's bill says of them booked.

#include "road/billing_use.h"
#include "road/books.h"

namespace drover::road {

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
      correct(m.call->record, m.call->line, m.billed, why);
    } else {
      add_missing(m.call->line, m.call->record.at, m.billed, m.row->request_id, why);
    }
    ++out;
  }
  return out;
}

void Books::correct(const LedgerRecord& settled, const LedgerLine& line,
                    const trace::Billing& billed, std::string_view why) {
  LedgerRecord record;
  record.kind = RecordKind::kCorrect;
  record.call = settled.sequence;
  record.at = settled.at;
  record.before = settled.billing;
  record.billing = billed;
  record.tier = why;
  AccountLine target;
  target.line = line;
  p_.accounts->book(target, record);
  Use use = use_of(billed);
  use -= use_of(settled.billing);
  count(line, use, record, Counting::kBooked);
}

void Books::add_missing(const LedgerLine& line, WallTime at, const trace::Billing& billed,
                        std::string_view request_id, std::string_view why) {
  LedgerRecord record;
  record.kind = RecordKind::kSettle;
  record.at = at;
  record.billing = billed;
  record.request_id = request_id;
  record.tier = why;
  AccountLine target;
  target.line = line;
  p_.accounts->book(target, record);
  count(line, use_of(billed), record, Counting::kBooked);
}

}  // namespace drover::road
