#pragma once
// Internal to src/road: what a billed call counts in an account, but the request itself.

#include "road/budget.h"
#include "trace/ledger_record.h"

namespace drover::road {

inline Use use_of(const trace::Billing& b) {
  Use out;
  out.tokens = b.usage.input_tokens.value_or(0) + b.usage.output_tokens.value_or(0);
  if (b.cost_known) out.money = b.cost;
  return out;
}

}  // namespace drover::road
