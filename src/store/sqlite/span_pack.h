#pragma once
// The spans of one batch as bytes, and back: what one row of the table span_rows holds. Packed,
// because a span with a row of its own costs three B-tree insertions. The spans of one trace or
// session are found by the keys of the batches and then by reading these.
//
// The bytes are a zstd frame: the texts of spans repeat themselves, and an eighth of the pages to
// write costs less than the packing. Inside, numbers are little-endian. A span is the length (32
// bits) of what follows, its trace id (16) and span id (8), start and duration in nanoseconds (64
// bits each), a byte of flags (1 sampled, 2 failed), then session, parent, name, kind, tenant,
// attributes and events (the last two as JSON, empty for null), each as a length (32 bits) and that
// many bytes. Bytes that do not add up are kDataLoss.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/spans.h"

namespace drover::store::sqlite {

/// Which spans are wanted: those of a trace (16 bytes), or those of a session.
struct SpanQuery {
  std::string trace;
  std::string session;
};

std::string pack_spans(const std::vector<SpanRow>& spans);
/// Appends the spans that are asked for.
Result<void> unpack_spans(std::string_view pack, const SpanQuery& query, std::vector<SpanRow>& out);

/// 32 bits of each trace and session in the batch, sorted, four bytes each: they tell which packs
/// are worth reading. Two may have the same ones: then one is read in vain.
std::string span_keys(const std::vector<SpanRow>& spans);
/// Whether the keys of a pack hold what is asked for.
bool may_hold(std::string_view keys, const SpanQuery& query);

}  // namespace drover::store::sqlite
