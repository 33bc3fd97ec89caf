#pragma once
// The spans of one batch (store/span_batch.h) as one row of the table span_rows holds them: a zstd
// frame of the batch's bytes. Packed, because a span with a row of its own costs three B-tree
// insertions; squeezed, because the texts of spans repeat themselves, and the pages that this
// spares cost more to write than the squeezing. The spans of one trace or session are found by the
// keys of the batches and then by reading these. Bytes that do not add up are kDataLoss.

#include <string>
#include <string_view>
#include <vector>

#include "base/raw_bytes.h"
#include "store/span_batch.h"

namespace drover::store::sqlite {

RawBytes pack_spans(const SpanBatch& batch);
/// Appends the spans that are asked for.
Result<void> unpack_spans(std::string_view pack, const SpanQuery& query, std::vector<SpanRow>& out);

/// The batch's keys, four bytes each: they tell which packs are worth reading. (Sorting them, as it
/// was once done, takes longer in each batch than the few questions gain.)
std::string span_keys(const SpanBatch& batch);
/// Whether the keys of a pack hold what is asked for.
bool may_hold(std::string_view keys, const SpanQuery& query);

}  // namespace drover::store::sqlite
