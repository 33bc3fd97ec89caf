#pragma once
// A provider's bill, or any list of what it says it billed, as a user has it: CSV with a head line,
// JSON Lines, or one JSON document (a list, or an object with a list in "log", "calls", "rows" or
// "data"). Pure; bytes of outside, so bounded (limits/money.h) and fuzzed.
//
// Columns and members are known by these names, in any order; what else there is, is left out:
//
//   request_id                      the provider's id of the request
//   idempotency_key, call           ours, as we sent it
//   time, at                        RFC 3339
//   provider, endpoint, region, model
//   service_tier, tier              that it was served under
//   input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, …
//                                   (the names of contract::Usage; "billed" or "usage" may hold
//                                   them)
//   cost_usd, cost                  US dollars; absent: our prices
//
// A row is one call's, and needs tokens or a cost. A bill in which no row has an id is one of sums,
// and refused. kInvalidArgument names the row and what is wrong with it.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/money.h"
#include "base/result.h"
#include "base/time.h"
#include "contract/chat.h"

namespace drover::trace {

struct BillRow {
  std::string request_id, call_key;
  std::optional<WallTime> at;
  std::string provider, endpoint, region, model, tier;
  contract::Usage usage;
  std::optional<Money> cost;
  int64_t tokens() const {
    return usage.input_tokens.value_or(0) + usage.output_tokens.value_or(0);
  }
};

Result<std::vector<BillRow>> read_bill(std::string_view text);
/// The rows as JSON Lines that read_bill() reads back.
std::string write_bill(const std::vector<BillRow>& rows);

}  // namespace drover::trace
