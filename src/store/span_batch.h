#pragma once
// Finished spans on their way to the store, as the bytes that it keeps: a span is packed when it
// ends, while its texts are at hand, and from then on a batch is one string that nobody copies or
// takes apart until somebody reads a trace.
//
// Numbers are little-endian. A span is the length (32 bits) of what follows, its trace id (16) and
// span id (8), start and duration in nanoseconds (64 bits each), and a byte of flags: 1 sampled, 2
// failed, 4 the form below, 8 it has a parent; 16, 32 and 48 say that its kind is CLIENT, INTERNAL
// or SERVER. Then the parent's span id (8) if it has one, and, as texts (store/span_bytes.h),
// session, name, tenant, attributes (store/span_attributes.h), events (JSON, empty for none), and
// the kind if the flags do not say it.
// A span of before (without flag 4) goes on with session, parent (hex), name, kind, tenant,
// attributes and events (the last two as JSON, empty for none), each as a length (32 bits) and that
// many bytes. Such are read and not written any more. Bytes that do not add up are kDataLoss.
//
// One thread at a time; immutable once it was given to Spans::write.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits/trace.h"
#include "base/raw_bytes.h"
#include "store/spans.h"

namespace drover::store {

/// Which spans are wanted: those of a trace (16 bytes), or those of a session; with neither, all.
struct SpanQuery {
  std::string trace;
  std::string session;
  bool all() const { return trace.empty() && session.empty(); }
};

inline Failure damaged_spans() {
  return fail(Code::kDataLoss, "a batch of stored spans is damaged");
}

class SpanBatch {
 public:
  void add(const SpanFacts& span);
  /// Room for so many bytes, for whoever knows how many will come.
  void reserve(size_t bytes) { bytes_.reserve(bytes); }
  size_t count() const { return count_; }
  bool empty() const { return count_ == 0; }
  /// Holds as many as one write takes.
  bool full() const { return count_ >= limits::kSpanBatchMax; }
  /// The latest start.
  WallTime newest() const { return newest_; }
  std::string_view bytes() const { return bytes_.view(); }
  /// 32 bits of each trace and each session as they came, some more than once.
  const std::vector<uint32_t>& keys() const { return keys_; }

 private:
  void add_key(uint32_t key);

  size_t count_ = 0;
  WallTime newest_;
  RawBytes bytes_;
  std::vector<uint32_t> keys_;
  /// The last key with each end: the spans of a trace or a session come near one another, with
  /// those of others between them.
  std::array<uint32_t, 256> last_keys_{};
  std::string last_session_;
};

std::shared_ptr<const SpanBatch> batch_of(const std::vector<SpanRow>& spans);

/// Appends the spans that are asked for out of a batch's bytes.
Result<void> read_spans(std::string_view bytes, const SpanQuery& query, std::vector<SpanRow>& out);

/// The key under which a batch that holds what is asked for has it. Two may have the same one: then
/// a batch is read in vain.
uint32_t span_key(const SpanQuery& query);

}  // namespace drover::store
