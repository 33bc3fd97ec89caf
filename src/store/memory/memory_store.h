#pragma once
// The whole store in memory: for tests, the world simulation and --dev. Nothing survives the
// process. disk() is the fault hook. Owned by who makes it; loop thread only; bounded only by what
// callers put in, so not for production.

#include "store/memory/memory_disk.h"
#include "store/memory/memory_documents.h"
#include "store/memory/memory_journal.h"
#include "store/memory/memory_records.h"
#include "store/memory/memory_spans.h"
#include "store/store.h"

namespace drover::store {

class MemoryStore final : public Store {
 public:
  /// `random` names blobs; it must outlive the store.
  explicit MemoryStore(Random& random, SpanLimits spans = SpanLimits())
      : journal_(disk_),
        records_(disk_),
        documents_(disk_),
        spans_(disk_, spans),
        blobs_(disk_, random) {}
  Journal& journal() override { return journal_; }
  Records& records() override { return records_; }
  Documents& documents() override { return documents_; }
  Spans& spans() override { return spans_; }
  Blobs& blobs() override { return blobs_; }
  MemoryDisk& disk() { return disk_; }

 private:
  MemoryDisk disk_;
  MemoryJournal journal_;
  MemoryRecords records_;
  MemoryDocuments documents_;
  MemorySpans spans_;
  MemoryBlobs blobs_;
};

}  // namespace drover::store
