#pragma once
// What stands in the ledger's log (ledger_log.h), as pure functions: bytes ↔ values. A record is
//
//   4 bytes length of the body, 4 bytes CRC-32C of the body, the body; numbers little-endian, texts
//   with 2 bytes of length before them. Length 0 is the end of what was written. The body's first
//   byte is its kind:
//
//   L  a line of this file: its number and who is billed where (LedgerKey but the day)
//   R  a reservation: what a call may use at most, before it is sent
//   S  a settlement: what it did use: one row of the ledger
//   X  a release: it used nothing
//   C  a correction of an earlier settlement, from a provider's bill
//   E  the end: the process stopped in order
//
// Files begin with 16 bytes: "drvledg1" and a hash of the boot that wrote them. S and C carry
// sequences that grow by one over all files; each names its line again in its file, so that a file
// can be read by itself. A failed read is an Error (kDataLoss); nothing is trusted beyond it.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/money.h"
#include "base/result.h"
#include "base/time.h"
#include "contract/chat.h"

namespace drover::trace {

inline constexpr size_t kLedgerHeadBytes = 16;
/// Longest text kept of what others say (request ids, service tiers).
inline constexpr size_t kLedgerTextBytesMax = 128;

enum class RecordKind : uint8_t {
  kLine = 'L',
  kReserve = 'R',
  kSettle = 'S',
  kRelease = 'X',
  kCorrect = 'C',
  kEnd = 'E',
};

/// Who is billed, and where.
struct LedgerLine {
  std::string tenant, key, agent, session, tree;
  std::string endpoint, provider, region, model;
  bool operator==(const LedgerLine&) const = default;
};

/// What one call used and cost.
struct Billing {
  contract::Usage usage;
  Money cost;
  bool cost_known = false;
  bool operator==(const Billing&) const = default;
};

/// The same where the usage lies with somebody else.
struct BillingView {
  const contract::Usage* usage = nullptr;  // not null in a record whose kind has it
  Money cost;
  bool cost_known = false;
  BillingView() = default;
  BillingView(const Billing& b) : usage(&b.usage), cost(b.cost), cost_known(b.cost_known) {}
};

/// A record as it is written: of it, what its kind has. Its bills and its texts are with whoever
/// writes it.
struct LedgerEntry {
  RecordKind kind = RecordKind::kEnd;
  uint64_t sequence = 0;  // S, C
  uint64_t call = 0;      // R, S, X; C: the sequence of what it corrects
  WallTime at{};          // R, S; C: of what it corrects
  bool first = false;     // R, S: the first attempt of a call, which counts as a request
  bool ok = false;        // S, C: false: an attempt that failed and was billed
  bool lost = false;      // S, C: the process ended before its answer came
  BillingView billing;    // R: the most; S, C: as it is
  BillingView before;     // C: as it was
  // S: the provider's id of the request; R, S: ours (the idempotency key); C: why.
  std::string_view request_id, call_key, why;
  // S, C: the service tier that it was served under, as the provider says; "" where it says none.
  std::string_view tier;
  std::string_view tier_before;  // C: the tier under which it was booked
};

/// The same as it is read.
struct LedgerRecord {
  RecordKind kind = RecordKind::kEnd;
  uint64_t sequence = 0;
  uint64_t call = 0;
  uint32_t line = 0;  // L, R, S, C
  WallTime at{};
  bool first = false;
  bool ok = false;
  bool lost = false;
  Billing billing;
  Billing before;
  std::string request_id, call_key, why;
  std::string tier;
  std::string tier_before;

  operator LedgerEntry() const {
    return {kind,    sequence, call,       at,       first, ok,   lost,
            billing, before,   request_id, call_key, why,   tier, tier_before};
  }
};

/// Write head and body to where there is enough room, as the two below say; give the place behind
/// them. The length comes last: until it is there, nothing is. `line` is the number of the
/// record's line in its file.
[[gnu::noinline]] char* put_line(char* at, uint32_t number, const LedgerLine& line);
char* put_record(char* at, const LedgerEntry& record, uint32_t line);
/// More than either takes.
size_t room_for(const LedgerLine& line);
size_t room_for(const LedgerEntry& record);

/// What parse_record() found.
struct ParsedRecord {
  size_t bytes = 0;  // 0: the end of what was written
  LedgerRecord record;
  LedgerLine line;  // of an L
};
/// Reads the record at the beginning of `bytes`.
Result<ParsedRecord> parse_record(std::string_view bytes);

std::string ledger_head(uint64_t boot);
/// nullopt-like 0 is a valid boot: ok says whether it is a head at all.
struct LedgerHead {
  bool ok = false;
  uint64_t boot = 0;
};
LedgerHead read_ledger_head(std::string_view bytes);

}  // namespace drover::trace
