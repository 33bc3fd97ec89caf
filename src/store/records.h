#pragma once
// Records: the embedded store behind memory. Namespaced key → (text, JSON value, version, times),
// with full-text search (BM25). Namespaces belong to a tenant; the caller passes it, always.
// Loop thread only; durable on return. Limits: limits::kMemoryKeyBytesMax for namespace and key,
// kMemoryValueBytesMax for text and for value, kMemorySearchResultsMax found, kStoreRowsMax listed.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/context.h"
#include "async/task.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/limits/memory.h"
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
  /// Of what it says (contract/data_class.h), as text; "": nothing is said of it.
  std::string data_class;
  /// When it is to be gone, if it is.
  std::optional<WallTime> expires;
};

/// Records of one namespace that went.
struct Removed {
  TenantId tenant;
  std::string name_space;
  size_t records = 0;
};

struct Found {
  Record record;
  double score = 0;  // higher is better
};

/// What every backend checks before it writes: names set, sizes within limits, UTF-8.
Result<void> check_record_name(const TenantId& tenant, std::string_view name_space,
                               std::string_view key);
Result<void> check_record(const TenantId& tenant, const Record& record, size_t value_bytes);
/// The kAborted of a compare-and-set; an actual version of 0 means that there is no record.
Error version_conflict(std::string_view key, uint64_t expected, uint64_t actual);

/// A record whose end has come is none, for all that is said below, though it waits for the sweep.
inline bool expired(const Record& record, WallTime now) {
  return record.expires && *record.expires <= now;
}

class Records {
 public:
  virtual ~Records() = default;
  /// Writes; with `expected_version` only if the stored version is that one (0: must not exist),
  /// otherwise kAborted with the actual version in the message. Returns the new version. A removed
  /// record that is written again starts at 1. `created` is kept from the first put; both times
  /// are the loop's.
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
  /// Writes records of one namespace as they are, version and times too: they come from another
  /// store. All of them or none; what had their keys is replaced.
  virtual Task<Result<void>> take_over(Context ctx, TenantId tenant,
                                       std::vector<Record> records) = 0;
  /// Removes all of a namespace at once; returns how many there were.
  virtual Task<Result<uint64_t>> clear(Context ctx, TenantId tenant, std::string name_space) = 0;
  /// Removes what the session wrote last, and all in namespaces whose name has its id in it;
  /// returns how many, at most limits::kRecordRemovalSlice: call it until it is 0.
  virtual Task<Result<size_t>> remove_of(Context ctx, TenantId tenant, SessionId session) = 0;
  /// Removes what has expired by then, at most `limit`, the first to expire first.
  virtual Task<Result<std::vector<Removed>>> remove_expired(Context ctx, WallTime until,
                                                            size_t limit) = 0;
  /// Best first. The query is plain words, any of which may match: operators of an engine are not
  /// interpreted. A query without words lists the newest (by update), with score 0. Ranking counts
  /// the records of this namespace only (store/bm25.h).
  virtual Task<Result<std::vector<Found>>> search(Context ctx, TenantId tenant,
                                                  std::string name_space, std::string query,
                                                  size_t limit) = 0;
};

}  // namespace drover::store
