#pragma once
// One store: the five narrow interfaces over one place. Two forms so far: store/sqlite (durable)
// and store/memory (tests, simulation, --dev). The store outlives every task that uses it and dies
// before the loop. Loop thread only.

#include "store/blobs.h"
#include "store/documents.h"
#include "store/journal.h"
#include "store/records.h"
#include "store/spans.h"

namespace drover::store {

class Store {
 public:
  virtual ~Store() = default;
  virtual Journal& journal() = 0;
  virtual Records& records() = 0;
  virtual Documents& documents() = 0;
  virtual Spans& spans() = 0;
  virtual Blobs& blobs() = 0;
};

}  // namespace drover::store
