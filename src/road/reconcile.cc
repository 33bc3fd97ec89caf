#include "road/reconcile.h"

#include <algorithm>
#include <set>

namespace drover::road {
namespace {

using trace::BillRow;
using trace::LedgerRecord;
using trace::RecordKind;

int64_t tokens_of(const contract::Usage& u) {
  return u.input_tokens.value_or(0) + u.output_tokens.value_or(0);
}

/// The bill's figures where it has them, and where it has none the ledger's.
contract::Usage merged(const contract::Usage& bill, const contract::Usage& ledger) {
  if (!bill.known()) return ledger;
  contract::Usage out = bill;
  out.estimated = false;
  return out;
}

bool same_tokens(const contract::Usage& a, const contract::Usage& b) {
  // A class that one side does not tell is no difference.
  auto same = [](const std::optional<int64_t>& x, const std::optional<int64_t>& y) {
    return !x || !y || *x == *y;
  };
  return a.input_tokens.value_or(0) == b.input_tokens.value_or(0) &&
         a.output_tokens.value_or(0) == b.output_tokens.value_or(0) &&
         same(a.cache_read_tokens, b.cache_read_tokens) &&
         same(a.cache_write_tokens, b.cache_write_tokens);
}

/// The names that mean no tier in particular.
std::string_view plain(std::string_view tier) {
  return tier == "default" || tier == "standard" || tier == "on_demand" ? "" : tier;
}

/// Told on both sides, and not the same.
bool other_tier(const BillRow& row, const LedgerRecord& booked) {
  return !row.tier.empty() && plain(row.tier) != plain(booked.tier);
}

contract::Usage nothing_used() {
  contract::Usage out;
  out.input_tokens = 0;
  out.output_tokens = 0;
  return out;
}

bool nothing_billed(const BillRow& row) {
  return row.tokens() == 0 && row.cost.value_or(Money()).is_zero();
}

/// A row and a call that cannot be of the same place.
bool elsewhere(const BillRow& row, const LedgerCall& call) {
  auto other = [](const std::string& a, const std::string& b) {
    return !a.empty() && !b.empty() && a != b;
  };
  return other(row.endpoint, call.line.endpoint) || other(row.provider, call.line.provider) ||
         other(row.region, call.line.region);
}

}  // namespace

void CallReader::take(const LedgerRecord& record, const trace::LedgerLine& line) {
  switch (record.kind) {
    case RecordKind::kReserve:
      reserved_[record.call] = LedgerCall{record, line};
      return;
    case RecordKind::kSettle: {
      LedgerCall call{record, line, true};
      auto reserved = reserved_.find(record.call);
      if (reserved != reserved_.end()) {
        if (call.record.call_key.empty()) call.record.call_key = reserved->second.record.call_key;
        reserved_.erase(reserved);
      }
      settled_[record.sequence] = std::move(call);
      return;
    }
    case RecordKind::kRelease: {
      auto reserved = reserved_.find(record.call);
      if (reserved == reserved_.end()) return;
      released_.push_back(std::move(reserved->second));
      reserved_.erase(reserved);
      return;
    }
    case RecordKind::kCorrect: {
      auto settled = settled_.find(record.call);
      if (settled == settled_.end()) return;
      LedgerRecord& now = settled->second.record;
      now.billing = record.billing;
      if (record.tier != record.tier_before) now.tier = record.tier;
      settled->second.corrected = true;
      return;
    }
    case RecordKind::kLine:
    case RecordKind::kEnd:
      return;
  }
}

std::vector<LedgerCall> CallReader::calls() && {
  std::vector<LedgerCall> out;
  out.reserve(settled_.size() + released_.size());
  for (auto& [sequence, call] : settled_) out.push_back(std::move(call));
  for (LedgerCall& call : released_) out.push_back(std::move(call));
  return out;
}

bool BillScope::covers_place(const trace::LedgerLine& line) const {
  if (!providers.empty() &&
      std::find(providers.begin(), providers.end(), line.provider) == providers.end()) {
    return false;
  }
  // "aws" covers "aws/us-east-1/m": a cloud's own list is of all its endpoints.
  return endpoint.empty() || endpoint == line.endpoint ||
         line.endpoint.starts_with(endpoint + "/") || line.endpoint.starts_with(endpoint + "-");
}

PriceOf price_by(std::shared_ptr<const catalog::Catalog> catalog) {
  return [catalog](const trace::LedgerLine& line, WallTime at, contract::Usage usage,
                   std::string_view tier) {
    trace::Billing out;
    const catalog::Endpoint* endpoint = catalog->find(line.endpoint);
    if (endpoint != nullptr) {
      const catalog::Price& price = endpoint->price_at(at);
      out.cost_known = price.known;
      out.cost = price.cost(usage, tier);
    }
    out.usage = std::move(usage);
    return out;
  };
}

Reconciliation reconcile(const std::vector<LedgerCall>& calls, const std::vector<BillRow>& bill,
                         const BillScope& scope, const PriceOf& price) {
  Reconciliation out;
  std::map<std::string_view, std::vector<const LedgerCall*>> by_request, by_key;
  std::set<const LedgerCall*> open;
  for (const LedgerCall& call : calls) {
    if (!scope.covers_place(call.line)) continue;
    open.insert(&call);
    if (call.settled && !call.record.request_id.empty()) {
      by_request[call.record.request_id].push_back(&call);
    }
    if (!call.record.call_key.empty()) by_key[call.record.call_key].push_back(&call);
  }
  auto take = [&](const LedgerCall* call) {
    open.erase(call);
    return call;
  };
  // First what has an id on both sides, so that a key's other attempts are left to the rest.
  auto by_id = [&](const BillRow& row) -> const LedgerCall* {
    auto found = by_request.find(row.request_id);
    if (row.request_id.empty() || found == by_request.end()) return nullptr;
    for (const LedgerCall* call : found->second) {
      // An id is one provider's own: two providers may give out the same.
      const std::string& key = call->record.call_key;
      const bool other_key = !row.call_key.empty() && !key.empty() && row.call_key != key;
      if (open.contains(call) && !other_key && !elsewhere(row, *call)) return take(call);
    }
    return nullptr;
  };
  auto of_key = [&](const BillRow& row, auto fits) -> const LedgerCall* {
    auto found = by_key.find(row.call_key);
    if (row.call_key.empty() || found == by_key.end()) return nullptr;
    for (const LedgerCall* call : found->second) {
      if (open.contains(call) && !elsewhere(row, *call) && fits(*call)) return take(call);
    }
    return nullptr;
  };
  // Whose every attempt has its row already.
  auto sent_as = [&](const BillRow& row) -> const LedgerCall* {
    auto found = by_key.find(row.call_key);
    if (row.call_key.empty() || found == by_key.end()) return nullptr;
    for (const LedgerCall* call : found->second) {
      if (!elsewhere(row, *call)) return call;
    }
    return nullptr;
  };
  auto compare = [&](const BillRow& row, const LedgerCall* call, bool extra = false) {
    Match match;
    match.call = call;
    match.row = &row;
    if (call == nullptr) {
      match.billed.usage = row.usage;
      match.billed.cost = row.cost.value_or(Money());
      match.billed.cost_known = row.cost.has_value();
      out.unknown.push_back(std::move(match));
      return;
    }
    const trace::Billing& booked = call->record.billing;
    match.tier = row.tier.empty() ? call->record.tier : row.tier;
    match.extra = extra || !call->settled;
    contract::Usage usage = match.extra ? row.usage : merged(row.usage, booked.usage);
    match.billed = price(call->line, call->record.at, std::move(usage), match.tier);
    if (row.cost) {
      match.billed.cost = *row.cost;
      match.billed.cost_known = true;
    } else if (!match.extra && !match.billed.cost_known && booked.cost_known) {
      // Its endpoint is configured no more: the money stays as it was booked, an estimate.
      match.billed.cost = booked.cost;
      match.billed.cost_known = true;
      match.billed.usage.estimated = true;
    }
    if (match.extra) {
      out.added.push_back(std::move(match));
    } else if (booked.usage.estimated) {
      out.corrected.push_back(std::move(match));
    } else if (!same_tokens(row.usage, booked.usage) || other_tier(row, call->record) ||
               (row.cost && *row.cost != booked.cost)) {
      out.different.push_back(std::move(match));
    } else {
      ++out.agreed;
    }
  };
  std::vector<const BillRow*> rest;
  for (const BillRow& row : bill) {
    out.billed_tokens += row.tokens();
    if (const LedgerCall* call = by_id(row)) {
      compare(row, call);
    } else {
      rest.push_back(&row);
    }
  }
  // What cost something first: a refused attempt under the same key is no estimate's.
  std::sort(rest.begin(), rest.end(), [](const BillRow* a, const BillRow* b) {
    return nothing_billed(*a) != nothing_billed(*b) ? nothing_billed(*b) : a < b;
  });
  for (const BillRow* row : rest) {
    const LedgerCall* call = of_key(
        *row, [](const LedgerCall& c) { return c.settled && c.record.billing.usage.estimated; });
    if (call == nullptr) {
      // An answer without an id of its own.
      call = of_key(*row, [&](const LedgerCall& c) {
        return c.settled && (row->request_id.empty() || c.record.request_id.empty());
      });
    }
    // What was free on both sides needs no row.
    if (call == nullptr && nothing_billed(*row)) continue;
    if (call == nullptr) call = of_key(*row, [](const LedgerCall& c) { return !c.settled; });
    if (call == nullptr) {
      if (const LedgerCall* sent = sent_as(*row)) {
        compare(*row, sent, true);
        continue;
      }
    }
    compare(*row, call);
  }
  for (const LedgerCall& call : calls) {
    if (!call.settled || !scope.covers_place(call.line)) continue;
    const bool in_bill = !open.contains(&call);
    if (!in_bill && !scope.covers_time(call.record.at)) continue;
    out.ledger_tokens += tokens_of(call.record.billing.usage);
    if (in_bill) continue;
    Match match;
    match.call = &call;
    match.tier = call.record.tier;
    match.billed.usage = nothing_used();
    match.billed.cost_known = true;
    (call.record.billing.usage.estimated ? out.estimated : out.unbilled).push_back(match);
  }
  return out;
}

}  // namespace drover::road
