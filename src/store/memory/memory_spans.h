#pragma once
// Spans in memory: the reference form. Loop thread only.

#include <deque>

#include "store/memory/memory_disk.h"
#include "store/spans.h"

namespace drover::store {

class MemorySpans final : public Spans {
 public:
  MemorySpans(MemoryDisk& disk, SpanLimits limits) : disk_(disk), limits_(limits) {}
  Task<Result<void>> write(Context ctx, std::shared_ptr<const SpanBatch> batch) override;
  Task<Result<std::vector<SpanRow>>> by_trace(Context ctx, std::string trace_id_hex) override;
  Task<Result<std::vector<SpanRow>>> by_session(Context ctx, SessionId session) override;
  Task<Result<void>> remove_of(Context ctx, SessionId session) override;
  Task<Result<size_t>> prune(Context ctx) override;

 private:
  size_t prune_at(WallTime now, size_t slice);
  MemoryDisk& disk_;
  SpanLimits limits_;
  std::deque<SpanRow> spans_;  // in order of writing
};

}  // namespace drover::store
