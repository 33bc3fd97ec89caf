#pragma once
// Records as rows of tables (exact in both directions), the namespaces that count them, and how
// they are put, taken over and removed. For the writer's thread, but for what only reads.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/records.h"
#include "store/sqlite/db.h"

namespace drover::store::sqlite {

/// A namespace: its number, and what its records add up to.
struct Space {
  int64_t number = 0;
  int64_t records = 0;
  int64_t words = 0;
};

/// nullopt when nothing was ever put there.
Result<std::optional<Space>> find_space(Db& db, const TenantId& tenant, std::string_view name);

/// The namespace as one word of the index's first column.
std::string scope_of(int64_t space);

struct Put {
  TenantId tenant;
  Record record;  // with the version and the times that it is to have
  std::string value;
  std::optional<uint64_t> expected;
  int64_t words = 0;
};

/// The new version; kAborted when another than the expected one is there.
Result<uint64_t> put_record(Db& db, const Put& put);

/// As it is, in place of what is there.
Result<void> take_over_record(Db& db, const Put& put);

/// The row: key, text, value, version, created, updated, source, data_class, expires.
Result<Record> read_record(const Statement& s, const std::string& name_space);

/// False when there was none that had not expired.
Result<bool> remove_record(Db& db, const TenantId& tenant, const std::string& name_space,
                           const std::string& key, WallTime now);

/// All of a namespace; it stays known. How many there were.
Result<uint64_t> clear_space(Db& db, const TenantId& tenant, const std::string& name);

/// A slice of what the session wrote or what is in a namespace of its name. How many there were.
Result<size_t> remove_records_of(Db& db, const TenantId& tenant, const SessionId& session);

/// Those whose end has come, the first first, by namespace.
Result<std::vector<Removed>> remove_due(Db& db, WallTime until, size_t limit);

}  // namespace drover::store::sqlite
