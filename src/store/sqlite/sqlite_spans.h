#pragma once
// Spans over SQLite (store/spans.h). A batch is one row (span_pack.h); what is asked for is found
// by passing over the keys of all batches, which takes milliseconds and spares each write its
// indexes. Each write removes at most a slice of what is too old or too many, whole batches from
// the oldest on, so that the tables shrink without a long pause. Loop thread only.

#include "store/spans.h"
#include "store/sqlite/reader.h"
#include "store/sqlite/writer.h"

namespace drover::store::sqlite {

class SqliteSpans final : public Spans {
 public:
  SqliteSpans(Writer& writer, Reader& reader, SpanLimits limits)
      : writer_(writer), reader_(reader), limits_(limits) {}
  Task<Result<void>> write(Context ctx, std::shared_ptr<const SpanBatch> batch) override;
  Task<Result<std::vector<SpanRow>>> by_trace(Context ctx, std::string trace_id_hex) override;
  Task<Result<std::vector<SpanRow>>> by_session(Context ctx, SessionId session) override;
  Task<Result<void>> remove_of(Context ctx, SessionId session) override;
  Task<Result<size_t>> prune(Context ctx) override;

 private:
  Writer& writer_;
  Reader& reader_;
  SpanLimits limits_;
};

}  // namespace drover::store::sqlite
