#pragma once
// Limits of budgets, accounts and the ledger's rows: what each limits, its unit, and what happens
// when it is reached.

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace drover::limits {

/// Budgets of one configuration, those on keys included; more are refused at load.
inline constexpr size_t kBudgetsMax = 10'000;
/// Bytes of a budget's name or of what it is for; longer is refused.
inline constexpr size_t kBudgetTextBytesMax = 200;
/// Accounts in memory (a budget "for each" opens one for each; that of a session or tree goes when
/// it has ended). Beyond it those whose window is over are forgotten; with none of them left, a
/// call that would need a new one is refused.
inline constexpr size_t kAccountsMax = 100'000;
/// Pairs of caller and endpoint whose accounts are kept resolved; the idle ones are forgotten.
inline constexpr size_t kAccountLinesMax = 20'000;
/// Pieces that a rolling window is counted in: what was used counts until its whole piece is over.
inline constexpr int64_t kRollingPieces = 60;
/// Output tokens that are reserved for a call that states no limit, where its endpoint states none.
inline constexpr int64_t kCallOutputTokensReserved = 4'096;
/// Output tokens of an answer that are reserved at most, whatever a call states: no model makes so
/// many, and sums stay far from what a number holds.
inline constexpr int64_t kAnswerTokensReservedMax = 1'000'000'000;
/// Output tokens of one answer in a second, at the most: an attempt of whose answer nothing was
/// seen is booked at what was reserved for its output, and at no more than could be made in its
/// time.
inline constexpr int64_t kOutputTokensPerSecondMax = 1'000;
/// Bytes of a prompt for one token, at the least, and tokens that come on top: what is reserved.
inline constexpr int64_t kReservedBytesPerToken = 2;
inline constexpr int64_t kReservedTokensMore = 64;
/// A budget's durable share: the part of its limit that is promised to the disk ahead of its use. A
/// power cut burns at most this much of a budget until the provider's bill is imported.
inline constexpr int64_t kPromiseParts = 50;

/// Bytes of one file of the ledger's log. The log is read from the file of the oldest open
/// reservation on at each start: about 7 ms a file.
inline constexpr size_t kLedgerFileBytes = 4u << 20;
/// Files kept, and for how long: the single rows. What is older lives on in the daily sums.
inline constexpr size_t kLedgerFilesMax = 256;
inline constexpr Duration kLedgerRowsAge = 62 * 24h;
/// Bytes at the end of a file that only settlements may use: a full disk stops new calls, not the
/// booking of those under way.
inline constexpr size_t kLedgerSlackBytes = 256u << 10;
/// The sums of a day are kept by session for this long; then sessions are summed together.
inline constexpr Duration kLedgerSessionsAge = 35 * 24h;
/// Single calls that one answer lists; the answer says that there are more.
inline constexpr size_t kLedgerCallsListed = 10'000;
/// Bytes and rows of a provider's bill; a larger one is refused: import it in parts.
inline constexpr size_t kBillBytesMax = 64u << 20;
inline constexpr size_t kBillRowsMax = 500'000;

}  // namespace drover::limits
