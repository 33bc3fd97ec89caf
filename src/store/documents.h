#pragma once
// Small named JSON documents in collections ("keys", "agents", "ledger"): what Drover itself
// configures and counts. Durable on return. Loop thread only. A value has at most
// limits::kDocumentBytesMax bytes; a collection is small: list() returns all of it, by name.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "async/context.h"
#include "async/task.h"
#include "base/json.h"
#include "base/limits/store.h"

namespace drover::store {

using async::Context;
using async::Task;

/// What every backend checks of a document before it writes.
Result<void> check_document(std::string_view collection, std::string_view name, size_t bytes);

class Documents {
 public:
  virtual ~Documents() = default;
  virtual Task<Result<void>> put(Context ctx, std::string collection, std::string name,
                                 Json value) = 0;
  virtual Task<Result<std::optional<Json>>> get(Context ctx, std::string collection,
                                                std::string name) = 0;
  virtual Task<Result<bool>> remove(Context ctx, std::string collection, std::string name) = 0;
  virtual Task<Result<std::vector<std::pair<std::string, Json>>>> list(Context ctx,
                                                                       std::string collection) = 0;
};

}  // namespace drover::store
