#pragma once
// Records: the embedded store behind memory. Namespaced key → (text, JSON value, version, times),
// with full-text search (BM25). Namespaces belong to a tenant; the caller passes it, always.
// Loop thread only; durable on return.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "async/context.h"
#include "async/task.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/time.h"

namespace drover::store {

using async::Context;
using async::Task;

struct Record {
  std::string name_space;
  std::string key;
  std::string text;  // what search reads
  Json value;
  /// Starts at 1, +1 with each put.
  uint64_t version = 0;
  WallTime created;
  WallTime updated;
  SessionId source;  // who wrote it; may be empty
};

struct Found {
  Record record;
  double score = 0;  // higher is better (negated bm25())
};

class Records {
 public:
  virtual ~Records() = default;
  /// Writes; with `expected_version` only if the stored version is that one (0: must not exist),
  /// otherwise kAborted with the actual version in the message. Returns the new version.
  virtual Task<Result<uint64_t>> put(Context ctx, TenantId tenant, Record record,
                                     std::optional<uint64_t> expected_version) = 0;
  virtual Task<Result<Record>> get(Context ctx, TenantId tenant, std::string name_space,
                                   std::string key) = 0;
  /// Keys with the prefix, in key order, after `after`.
  virtual Task<Result<std::vector<Record>>> list(Context ctx, TenantId tenant,
                                                 std::string name_space, std::string prefix,
                                                 std::string after, size_t limit) = 0;
  /// False if there was none.
  virtual Task<Result<bool>> remove(Context ctx, TenantId tenant, std::string name_space,
                                    std::string key) = 0;
  /// Best first. The query is plain words: operators of the engine are not interpreted.
  virtual Task<Result<std::vector<Found>>> search(Context ctx, TenantId tenant,
                                                  std::string name_space, std::string query,
                                                  size_t limit) = 0;
};

}  // namespace drover::store
