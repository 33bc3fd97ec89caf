#include "store/sqlite/sqlite_records.h"

#include <algorithm>

#include "base/limits/memory.h"
#include "base/limits/store.h"
#include "store/bm25.h"
#include "store/sqlite/record_rows.h"
#include "store/sqlite/record_search.h"

namespace drover::store::sqlite {
namespace {

constexpr std::string_view kGet =
    "SELECT key, text, value, version, created, updated, source, data_class, expires FROM records "
    "WHERE name_space = ? AND key = ? AND (expires IS NULL OR expires > ?)";
constexpr std::string_view kFrom =
    "SELECT key, text, value, version, created, updated, source, data_class, expires FROM records "
    "WHERE name_space = ?1 AND key >= ?2 AND key > ?3 AND (expires IS NULL OR expires > ?4) "
    "ORDER BY key LIMIT ?5";

Result<Put> put_of(const TenantId& tenant, Record record) {
  Put put;
  put.value = record.value.dump();
  TRY_VOID(check_record(tenant, record, put.value.size()));
  put.tenant = tenant;
  put.words = static_cast<int64_t>(fold_words(record.text).size());
  put.record = std::move(record);
  return put;
}

size_t size_of(const Put& put) { return put.value.size() + put.record.text.size() + sizeof(Put); }

}  // namespace

Task<Result<uint64_t>> SqliteRecords::put(Context ctx, TenantId tenant, Record record,
                                          std::optional<uint64_t> expected_version) {
  auto put = std::make_shared<Put>();
  CO_TRY(*put, put_of(tenant, std::move(record)));
  put->expected = expected_version;
  put->record.version = 1;
  put->record.created = put->record.updated = ctx.loop().wall();
  auto job = [put](Db& db) { return put_record(db, *put); };
  co_return co_await writer_.write<uint64_t>(ctx, size_of(*put), std::move(job));
}

Task<Result<Record>> SqliteRecords::get(Context ctx, TenantId tenant, std::string name_space,
                                        std::string key) {
  CO_TRY_VOID(check_record_name(tenant, name_space, key));
  const WallTime now = ctx.loop().wall();
  auto query = [tenant, name_space, key, now](Db& db) -> Result<Record> {
    TRY(auto space, find_space(db, tenant, name_space));
    if (space) {
      TRY(Statement s, db.use(kGet));
      s.bind(space->number).bind(key).bind(unix_nanos(now));
      TRY(bool found, s.step());
      if (found) return read_record(s, name_space);
    }
    return fail(Code::kNotFound, "no record '" + key + "' in namespace '" + name_space + "'");
  };
  co_return co_await reader_.read(ctx, std::move(query));
}

Task<Result<std::vector<Record>>> SqliteRecords::list(Context ctx, TenantId tenant,
                                                      std::string name_space, std::string prefix,
                                                      std::string after, size_t limit) {
  limit = std::min(limit, limits::kStoreRowsMax);
  const WallTime now = ctx.loop().wall();
  auto query = [tenant, name_space, prefix, after, limit,
                now](Db& db) -> Result<std::vector<Record>> {
    std::vector<Record> out;
    TRY(auto space, find_space(db, tenant, name_space));
    if (!space) return out;
    TRY(Statement s, db.use(kFrom));
    s.bind(space->number).bind(prefix).bind(after).bind(unix_nanos(now));
    s.bind(static_cast<int64_t>(limit));
    for (;;) {
      TRY(bool row, s.step());
      if (!row || !s.bytes(0).starts_with(prefix)) return out;
      TRY(Record record, read_record(s, name_space));
      out.push_back(std::move(record));
    }
  };
  co_return co_await reader_.read(ctx, std::move(query));
}

Task<Result<bool>> SqliteRecords::remove(Context ctx, TenantId tenant, std::string name_space,
                                         std::string key) {
  CO_TRY_VOID(check_record_name(tenant, name_space, key));
  const WallTime now = ctx.loop().wall();
  auto job = [tenant, name_space, key, now](Db& db) {
    return remove_record(db, tenant, name_space, key, now);
  };
  co_return co_await writer_.write<bool>(ctx, 0, std::move(job));
}

Task<Result<void>> SqliteRecords::take_over(Context ctx, TenantId tenant,
                                            std::vector<Record> records) {
  auto puts = std::make_shared<std::vector<Put>>();
  size_t bytes = 0;
  for (Record& record : records) {
    CO_TRY(Put put, put_of(tenant, std::move(record)));
    bytes += size_of(put);
    puts->push_back(std::move(put));
  }
  auto job = [puts](Db& db) -> Result<bool> {
    for (const Put& put : *puts) TRY_VOID(take_over_record(db, put));
    return true;
  };
  CO_TRY(bool written, co_await writer_.write<bool>(ctx, bytes, std::move(job)));
  (void)written;
  co_return Result<void>();
}

Task<Result<uint64_t>> SqliteRecords::clear(Context ctx, TenantId tenant, std::string name_space) {
  auto job = [tenant, name_space](Db& db) { return clear_space(db, tenant, name_space); };
  co_return co_await writer_.write<uint64_t>(ctx, 0, std::move(job));
}

Task<Result<size_t>> SqliteRecords::remove_of(Context ctx, TenantId tenant, SessionId session) {
  auto job = [tenant, session](Db& db) { return remove_records_of(db, tenant, session); };
  co_return co_await writer_.write<size_t>(ctx, 0, std::move(job));
}

Task<Result<std::vector<Removed>>> SqliteRecords::remove_expired(Context ctx, WallTime until,
                                                                 size_t limit) {
  limit = std::min(limit, limits::kRecordRemovalSlice);
  auto job = [until, limit](Db& db) { return remove_due(db, until, limit); };
  co_return co_await writer_.write<std::vector<Removed>>(ctx, 0, std::move(job));
}

Task<Result<std::vector<Found>>> SqliteRecords::search(Context ctx, TenantId tenant,
                                                       std::string name_space, std::string query,
                                                       size_t limit) {
  limit = std::min(limit, limits::kMemorySearchResultsMax);
  auto work = [tenant, name_space, words = query_words(query), limit, now = ctx.loop().wall()](
                  Db& db) { return search_records(db, tenant, name_space, words, limit, now); };
  co_return co_await searcher_.read(ctx, std::move(work));
}

}  // namespace drover::store::sqlite
