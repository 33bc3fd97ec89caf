#pragma once
// Records of calls to book, one after another, and a ledger's sums.

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>

#include "async/sim_loop.h"
#include "store/memory/memory_store.h"
#include "trace/ledger.h"

namespace drover::trace {

class LedgerTest : public testing::Test {
 protected:
  LedgerRecord settled(int64_t in, std::string_view cost) {
    LedgerRecord out;
    out.kind = RecordKind::kSettle;
    out.sequence = next_++;
    out.at = loop_.wall();
    out.ok = true;
    out.billing.usage.input_tokens = in;
    out.billing.usage.output_tokens = 1;
    out.billing.cost = *Money::parse_usd(cost);
    out.billing.cost_known = true;
    return out;
  }
  static LedgerLine line(std::string session) {
    LedgerLine out;
    out.tenant = "ten_1";
    out.key = "key_1";
    out.session = std::move(session);
    out.model = "m";
    return out;
  }
  static LedgerSums sums(const Ledger& ledger, LedgerFilter filter = {}) {
    auto rows = ledger.query(filter, {});
    return rows && !rows->empty() ? rows->front().sums : LedgerSums();
  }
  Result<void> flush(Ledger& ledger, store::Documents& documents) {
    return loop_.run_task(ledger.flush(async::Context(loop_), &documents, loop_.wall()));
  }

  async::SimLoop loop_;
  SeededRandom random_{1};
  store::MemoryStore store_{random_};
  uint64_t next_ = 1;
};

}  // namespace drover::trace
