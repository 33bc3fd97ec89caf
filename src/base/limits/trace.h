#pragma once
// Limits of spans, metrics and the ledger: what each limits, its unit, and what happens when it is
// reached.

#include <cstddef>

#include "base/time.h"

namespace drover::limits {

/// Finished spans kept in memory; the oldest go first.
inline constexpr size_t kSpanRingMax = 4'096;
/// Spans waiting to be written; further ones are dropped and counted.
inline constexpr size_t kSpanQueueMax = 16'384;
/// Spans of one write: a batch this large does not wait for its interval.
inline constexpr size_t kSpanBatchMax = 2'048;
/// A finished span is on its way to the store after this time, or after the write that is under way
/// and this time.
inline constexpr Duration kSpanFlushInterval = 250ms;
/// Events of one span; further ones are counted only.
inline constexpr size_t kSpanEventsMax = 64;
/// Label sets of one metric; further ones are counted under "other".
inline constexpr size_t kMetricSeriesMax = 2'000;
/// Rows of the ledger in memory; beyond it calls are summed under session "*".
inline constexpr size_t kLedgerRowsMax = 100'000;

}  // namespace drover::limits
