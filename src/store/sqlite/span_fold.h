#pragma once
// The bytes of a batch of spans (store/span_batch.h) without what a span says as an earlier one of
// its name did: model, endpoint, tenant and all that calls of one kind have in common stand at the
// same places in both, and what differs is mostly as long as before. Looking there alone takes a
// fraction of the time in which a compressor that looks everywhere finds the same (span_pack.h,
// which squeezes what is left), and finds more of it.
//
// Lengths are written as those of texts (store/span_bytes.h). Of each span: its length (32 bits),
// and, as a length, twice how many spans before it the one stands that it is like, and one more if
// its trace (the first 16 bytes) is that of the span right before it and is left out. Like none
// (0), its bytes follow. Otherwise there follow, until it is whole, a text of its own, and a
// length: so many bytes are as at the same place in the other; and so on. A text, perhaps an empty
// one, is the last.
//
// Pure functions. Bytes that do not add up are kDataLoss.

#include <string>
#include <string_view>

#include "base/raw_bytes.h"
#include "base/result.h"
#include "store/span_batch.h"

namespace drover::store::sqlite {

RawBytes fold_spans(const SpanBatch& batch);
/// Gives no more than `bytes_max`.
Result<std::string> unfold_spans(std::string_view folded, size_t bytes_max);

}  // namespace drover::store::sqlite
