// After the day: what the clouds billed, against Drover's ledger; then the bill corrects it.

#include "app/demo/day.h"

namespace drover::app {
namespace {

/// The list that each cloud's provider would send.
std::vector<trace::BillRow> bill_of(sim::SimCloud& cloud) {
  std::vector<trace::BillRow> out;
  for (const sim::LedgerEntry& entry : cloud.ledger().entries()) {
    trace::BillRow row;
    row.request_id = entry.request_id;
    row.call_key = entry.idempotency_key;
    row.region = entry.region;
    // What is attested there is somebody's own server, in a region that nothing else is in.
    if (entry.region != DemoEnclave::kRegion) row.provider = provider_of(cloud.options().kind);
    row.tier = entry.tier;
    row.usage.input_tokens = entry.billed.input;
    row.usage.output_tokens = entry.billed.output;
    row.usage.cache_read_tokens = entry.billed.cache_read;
    row.usage.cache_write_tokens = entry.billed.cache_write;
    out.push_back(std::move(row));
  }
  return out;
}

int64_t tokens_of(const trace::LedgerSums& sums) { return sums.input_tokens + sums.output_tokens; }

}  // namespace

Task<Result<void>> Day::settle_bill(Context ctx, Side* side, BillReport* out) {
  // Who left is read on to the usage.
  while (side->runtime->accounts().open() > 0) {
    CO_TRY_VOID(co_await async::sleep_for(ctx, 20ms));
  }
  std::vector<trace::BillRow> bill;
  for (sim::CloudKind kind :
       {sim::CloudKind::kAws, sim::CloudKind::kAzure, sim::CloudKind::kCoreWeave}) {
    for (trace::BillRow& row : bill_of(side->clouds->cloud(kind))) bill.push_back(std::move(row));
  }
  Runtime& runtime = *side->runtime;
  CO_TRY(auto before, runtime.ledger().query({}, {}));
  CO_TRY(auto calls, co_await runtime.books().calls(ctx));
  road::PriceOf price = road::price_by(runtime.catalog().get());
  road::Reconciliation r = road::reconcile(calls, bill, road::BillScope(), price);
  out->agreed = r.agreed;
  out->wrong = static_cast<int64_t>(r.different.size() + r.unknown.size() + r.unbilled.size());
  out->estimated = static_cast<int64_t>(r.corrected.size() + r.estimated.size());
  out->added = static_cast<int64_t>(r.added.size());
  runtime.books().apply(r.corrected, "bill");
  runtime.books().apply(r.added, "bill");
  runtime.books().apply(r.estimated, "not in the bill");
  CO_TRY(auto after, runtime.ledger().query({}, {}));
  if (!before.empty()) out->booked = before.front().sums.cost;
  if (!after.empty()) out->settled = after.front().sums.cost;
  out->billed_tokens = r.billed_tokens;
  if (!after.empty()) out->ledger_tokens = tokens_of(after.front().sums);
  CO_TRY(auto rows, runtime.ledger().query({}, {"provider", "model"}));
  for (const trace::LedgerRow& row : rows) {
    out->lines.push_back(row.key.provider + ", " + row.key.model + ": " +
                         std::to_string(row.sums.calls + row.sums.failed) + " calls, " +
                         std::to_string(tokens_of(row.sums)) + " tokens, " +
                         row.sums.cost.pretty());
  }
  co_return Result<void>();
}

}  // namespace drover::app
