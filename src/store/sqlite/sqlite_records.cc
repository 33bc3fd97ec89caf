#include "store/sqlite/sqlite_records.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/limits/memory.h"
#include "base/limits/store.h"
#include "store/bm25.h"
#include "store/sqlite/overwriting.h"
#include "store/sqlite/word_counts.h"

namespace drover::store::sqlite {
namespace {

struct Space {
  int64_t number = 0;
  int64_t records = 0;
  int64_t words = 0;
};

Result<std::optional<Space>> find_space(Db& db, const TenantId& tenant, std::string_view name) {
  TRY(Statement s,
      db.use("SELECT number, records, words FROM name_spaces WHERE tenant = ? AND name = ?"));
  s.bind(tenant.str()).bind(name);
  TRY(bool found, s.step());
  if (!found) return std::optional<Space>();
  Space out;
  out.number = s.integer(0);
  out.records = s.integer(1);
  out.words = s.integer(2);
  return std::optional<Space>(out);
}

Result<int64_t> make_space(Db& db, const TenantId& tenant, std::string_view name) {
  TRY(auto found, find_space(db, tenant, name));
  if (found) return found->number;
  TRY(Statement s, db.use("INSERT INTO name_spaces (tenant, name) VALUES (?, ?)"));
  s.bind(tenant.str()).bind(name);
  TRY_VOID(s.run());
  return db.last_row_id();
}

Result<void> count_in_space(Db& db, int64_t space, int64_t records, int64_t words) {
  TRY(Statement s, db.use("UPDATE name_spaces SET records = records + ?, words = words + ? "
                          "WHERE number = ?"));
  s.bind(records).bind(words).bind(space);
  return s.run();
}

/// The namespace as one word of the index's first column.
std::string scope_of(int64_t space) { return "n" + std::to_string(space); }

struct Existing {
  int64_t number = 0;
  uint64_t version = 0;
  int64_t words = 0;
  std::optional<int64_t> expires;

  bool expired(WallTime now) const { return expires && *expires <= unix_nanos(now); }
};

Result<Existing> find_existing(Db& db, int64_t space, std::string_view key) {
  TRY(Statement s,
      db.use(
          "SELECT number, version, words, expires FROM records WHERE name_space = ? AND key = ?"));
  s.bind(space).bind(key);
  TRY(bool found, s.step());
  Existing out;
  if (!found) return out;
  out.number = s.integer(0);
  out.version = static_cast<uint64_t>(s.integer(1));
  out.words = s.integer(2);
  if (!s.is_null(3)) out.expires = s.integer(3);
  return out;
}

struct Doomed {
  int64_t number = 0;
  int64_t space = 0;
  int64_t words = 0;
};

/// Also forgets what records said that were written over since.
Result<void> remove_all(Db& db, const std::vector<Doomed>& doomed) {
  const bool overwritten = db.take_overwritten();
  if (doomed.empty() && !overwritten) return {};
  TRY(auto overwriting, Overwriting::begin(db));
  for (const Doomed& one : doomed) {
    TRY_VOID(count_in_space(db, one.space, -1, -one.words));
    TRY(Statement s, db.use("DELETE FROM records WHERE number = ?"));
    s.bind(one.number);
    TRY_VOID(s.run());
  }
  // The index forgets the words of a removed text when its parts are merged: a piece of that now.
  TRY(Statement merge,
      db.use("INSERT INTO records_text (records_text, rank) VALUES ('merge', -200)"));
  return merge.run();
}

struct Put {
  TenantId tenant;
  Record record;  // with the version and the times that it is to have
  std::string value;
  std::optional<uint64_t> expected;
  int64_t words = 0;
};

void bind_time(Statement& s, const std::optional<WallTime>& time) {
  if (time) {
    s.bind(unix_nanos(*time));
  } else {
    s.bind_null();
  }
}

Result<void> insert_record(Db& db, int64_t space, const Put& put) {
  TRY(Statement s,
      db.use("INSERT INTO records (name_space, key, scope, text, words, value, version, created, "
             "updated, source, data_class, expires) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"));
  const std::string scope = scope_of(space);
  s.bind(space).bind(put.record.key).bind(scope).bind(put.record.text).bind(put.words);
  s.bind(put.value).bind(put.record.version);
  s.bind(unix_nanos(put.record.created)).bind(unix_nanos(put.record.updated));
  s.bind(put.record.source.str()).bind(put.record.data_class);
  bind_time(s, put.record.expires);
  return s.run();
}

Result<void> update_record(Db& db, const Existing& before, const Put& put) {
  TRY(auto overwriting, Overwriting::begin_for_sweep(db));
  TRY(Statement s, db.use("UPDATE records SET text = ?, words = ?, value = ?, version = ?, "
                          "updated = ?, source = ?, data_class = ?, expires = ? WHERE number = ?"));
  s.bind(put.record.text).bind(put.words).bind(put.value).bind(before.version + 1);
  s.bind(unix_nanos(put.record.updated)).bind(put.record.source.str());
  s.bind(put.record.data_class);
  bind_time(s, put.record.expires);
  s.bind(before.number);
  return s.run();
}

Result<uint64_t> run_put(Db& db, const Put& put) {
  // The fence first: a lost compare-and-set must not have changed anything.
  TRY(auto known, find_space(db, put.tenant, put.record.name_space));
  Existing before;
  if (known) {
    TRY(before, find_existing(db, known->number, put.record.key));
  }
  const bool gone = before.expired(put.record.updated);
  const uint64_t version = gone ? 0 : before.version;
  if (put.expected && *put.expected != version) {
    return fail(version_conflict(put.record.key, *put.expected, version));
  }
  if (gone) {
    TRY_VOID(remove_all(db, {Doomed{before.number, known->number, before.words}}));
    before = Existing();
  }
  TRY(int64_t space, make_space(db, put.tenant, put.record.name_space));
  TRY_VOID(count_in_space(db, space, before.number == 0 ? 1 : 0, put.words - before.words));
  if (before.number == 0) {
    TRY_VOID(insert_record(db, space, put));
  } else {
    TRY_VOID(update_record(db, before, put));
  }
  return before.version + 1;
}

Result<void> run_take_over(Db& db, const Put& put) {
  TRY(int64_t space, make_space(db, put.tenant, put.record.name_space));
  TRY(Existing before, find_existing(db, space, put.record.key));
  if (before.number != 0) {
    TRY(auto overwriting, Overwriting::begin_for_sweep(db));
    TRY(Statement s, db.use("DELETE FROM records WHERE number = ?"));
    s.bind(before.number);
    TRY_VOID(s.run());
  }
  TRY_VOID(count_in_space(db, space, before.number == 0 ? 1 : 0, put.words - before.words));
  return insert_record(db, space, put);
}

constexpr std::string_view kGet =
    "SELECT key, text, value, version, created, updated, source, data_class, expires FROM records "
    "WHERE name_space = ? AND key = ? AND (expires IS NULL OR expires > ?)";
constexpr std::string_view kByNumber =
    "SELECT key, text, value, version, created, updated, source, data_class, expires FROM records "
    "WHERE "
    "number = ?";
constexpr std::string_view kNewest =
    "SELECT key, text, value, version, created, updated, source, data_class, expires FROM records "
    "WHERE name_space = ? AND (expires IS NULL OR expires > ?) "
    "ORDER BY updated DESC, number DESC LIMIT ?";
constexpr std::string_view kFrom =
    "SELECT key, text, value, version, created, updated, source, data_class, expires FROM records "
    "WHERE name_space = ?1 AND key >= ?2 AND key > ?3 AND (expires IS NULL OR expires > ?4) "
    "ORDER BY key LIMIT ?5";

Result<Record> read_record(const Statement& s, const std::string& name_space) {
  Record out;
  out.name_space = name_space;
  out.key = s.text(0);
  out.text = s.text(1);
  TRY(out.value, Json::parse(s.bytes(2)));
  out.version = static_cast<uint64_t>(s.integer(3));
  out.created = wall_from_unix_nanos(s.integer(4));
  out.updated = wall_from_unix_nanos(s.integer(5));
  out.source = SessionId(s.text(6));
  out.data_class = s.text(7);
  if (!s.is_null(8)) out.expires = wall_from_unix_nanos(s.integer(8));
  return out;
}

Result<std::vector<Doomed>> read_doomed(Statement& s) {
  std::vector<Doomed> out;
  for (;;) {
    TRY(bool row, s.step());
    if (!row) return out;
    out.push_back(Doomed{s.integer(0), s.integer(1), s.integer(2)});
  }
}

Result<std::vector<Doomed>> doomed_of(Db& db, const TenantId& tenant, const SessionId& session) {
  TRY(Statement s,
      db.use("SELECT r.number, r.name_space, r.words FROM records r JOIN name_spaces n ON "
             "n.number = r.name_space WHERE r.source = ?1 AND n.tenant = ?2 "
             "UNION SELECT r.number, r.name_space, r.words FROM name_spaces n JOIN records r ON "
             "r.name_space = n.number WHERE n.tenant = ?2 AND instr(n.name, ?1) > 0 LIMIT ?3"));
  s.bind(session.str()).bind(tenant.str()).bind(static_cast<int64_t>(limits::kRecordRemovalSlice));
  return read_doomed(s);
}

/// All of a namespace; it stays known.
Result<uint64_t> run_clear(Db& db, const TenantId& tenant, const std::string& name) {
  TRY(auto space, find_space(db, tenant, name));
  if (!space || space->records == 0) return uint64_t{0};
  std::vector<Doomed> doomed;
  {
    TRY(Statement s, db.use("SELECT number, name_space, words FROM records WHERE name_space = ?"));
    s.bind(space->number);
    TRY(doomed, read_doomed(s));
  }
  TRY_VOID(remove_all(db, doomed));
  return static_cast<uint64_t>(doomed.size());
}

Result<std::vector<Removed>> remove_due(Db& db, WallTime until, size_t limit) {
  std::vector<Doomed> doomed;
  {
    TRY(Statement s, db.use("SELECT number, name_space, words FROM records WHERE expires <= ? "
                            "ORDER BY expires LIMIT ?"));
    s.bind(unix_nanos(until)).bind(static_cast<int64_t>(limit));
    TRY(doomed, read_doomed(s));
  }
  std::map<int64_t, Removed> by_space;
  for (const Doomed& one : doomed) {
    Removed& removed = by_space[one.space];
    if (removed.records++ > 0) continue;
    TRY(Statement s, db.use("SELECT tenant, name FROM name_spaces WHERE number = ?"));
    s.bind(one.space);
    TRY_VOID(s.step());
    removed.tenant = TenantId(s.text(0));
    removed.name_space = s.text(1);
  }
  TRY_VOID(remove_all(db, doomed));
  std::vector<Removed> out;
  for (auto& [space, removed] : by_space) out.push_back(std::move(removed));
  return out;
}

/// {scope} : "n12" AND {text} : ("word" OR "word"). Words hold no quote (fold_words).
std::string match_of(int64_t space, const std::vector<std::string>& words) {
  std::string out = "{scope} : \"" + scope_of(space) + "\" AND {text} : (";
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += " OR ";
    out += '"' + words[i] + '"';
  }
  return out + ")";
}

/// Records of the namespace that have expired and wait for the sweep.
Result<std::set<int64_t>> expired_in(Db& db, int64_t space, WallTime now) {
  TRY(Statement s, db.use("SELECT number FROM records WHERE expires <= ? AND name_space = ?"));
  s.bind(unix_nanos(now)).bind(space);
  std::set<int64_t> out;
  for (;;) {
    TRY(bool row, s.step());
    if (!row) return out;
    out.insert(s.integer(0));
  }
}

Result<Bm25> rank(Db& db, const Space& space, const std::vector<std::string>& words, WallTime now) {
  TRY(const std::set<int64_t> expired, expired_in(db, space.number, now));
  TRY(Statement s, db.use("SELECT rowid, drover_counts(records_text) FROM records_text "
                          "WHERE records_text MATCH ?"));
  const std::string match = match_of(space.number, words);
  s.bind(match);
  Bm25 out(words.size(), space.records, space.words);
  for (;;) {
    TRY(bool row, s.step());
    if (!row) return out;
    if (expired.count(s.integer(0)) > 0) continue;
    std::vector<uint32_t> counts = read_word_counts(s.bytes(1));
    // First the length, then the scope's own phrase, then the words.
    if (counts.size() != words.size() + 2) {
      return fail(Code::kInternal, "the full-text index gave an unexpected number of phrases");
    }
    const int64_t length = counts[0];
    counts.erase(counts.begin(), counts.begin() + 2);
    out.add(s.integer(0), length, counts);
  }
}

Result<std::vector<Found>> select_newest(Db& db, int64_t space, const std::string& name_space,
                                         size_t limit, WallTime now) {
  TRY(Statement s, db.use(kNewest));
  s.bind(space).bind(unix_nanos(now)).bind(static_cast<int64_t>(limit));
  std::vector<Found> out;
  for (;;) {
    TRY(bool row, s.step());
    if (!row) return out;
    Found found;
    TRY(found.record, read_record(s, name_space));
    out.push_back(std::move(found));
  }
}

Result<std::vector<Found>> select_found(Db& db, const TenantId& tenant,
                                        const std::string& name_space,
                                        const std::vector<std::string>& words, size_t limit,
                                        WallTime now) {
  TRY(auto space, find_space(db, tenant, name_space));
  if (!space) return std::vector<Found>();
  if (words.empty()) return select_newest(db, space->number, name_space, limit, now);
  TRY(Bm25 ranking, rank(db, *space, words, now));
  std::vector<Found> out;
  for (const auto& [number, score] : ranking.best(limit)) {
    TRY(Statement s, db.use(kByNumber));
    s.bind(number);
    TRY(bool there, s.step());
    if (!there) continue;
    Found found;
    TRY(found.record, read_record(s, name_space));
    found.score = score;
    out.push_back(std::move(found));
  }
  return out;
}

}  // namespace

Task<Result<uint64_t>> SqliteRecords::put(Context ctx, TenantId tenant, Record record,
                                          std::optional<uint64_t> expected_version) {
  auto put = std::make_shared<Put>();
  put->value = record.value.dump();
  CO_TRY_VOID(check_record(tenant, record, put->value.size()));
  put->tenant = std::move(tenant);
  put->record = std::move(record);
  put->expected = expected_version;
  put->words = static_cast<int64_t>(fold_words(put->record.text).size());
  put->record.version = 1;
  put->record.created = put->record.updated = ctx.loop().wall();
  const size_t bytes = put->value.size() + put->record.text.size() + sizeof(Put);
  auto job = [put](Db& db) { return run_put(db, *put); };
  co_return co_await writer_.write<uint64_t>(ctx, bytes, std::move(job));
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
  auto job = [tenant, name_space, key, now](Db& db) -> Result<bool> {
    TRY(auto space, find_space(db, tenant, name_space));
    if (!space) return false;
    TRY(Existing before, find_existing(db, space->number, key));
    if (before.number == 0) return false;
    TRY_VOID(
        remove_all(db, std::vector<Doomed>(1, Doomed{before.number, space->number, before.words})));
    return !before.expired(now);
  };
  co_return co_await writer_.write<bool>(ctx, 0, std::move(job));
}

Task<Result<void>> SqliteRecords::take_over(Context ctx, TenantId tenant,
                                            std::vector<Record> records) {
  auto puts = std::make_shared<std::vector<Put>>();
  size_t bytes = 0;
  for (Record& record : records) {
    Put put;
    put.value = record.value.dump();
    CO_TRY_VOID(check_record(tenant, record, put.value.size()));
    put.tenant = tenant;
    put.words = static_cast<int64_t>(fold_words(record.text).size());
    bytes += put.value.size() + record.text.size() + sizeof(Put);
    put.record = std::move(record);
    puts->push_back(std::move(put));
  }
  auto job = [puts](Db& db) -> Result<bool> {
    for (const Put& put : *puts) TRY_VOID(run_take_over(db, put));
    return true;
  };
  CO_TRY(bool written, co_await writer_.write<bool>(ctx, bytes, std::move(job)));
  (void)written;
  co_return Result<void>();
}

Task<Result<uint64_t>> SqliteRecords::clear(Context ctx, TenantId tenant, std::string name_space) {
  auto job = [tenant, name_space](Db& db) { return run_clear(db, tenant, name_space); };
  co_return co_await writer_.write<uint64_t>(ctx, 0, std::move(job));
}

Task<Result<size_t>> SqliteRecords::remove_of(Context ctx, TenantId tenant, SessionId session) {
  auto job = [tenant, session](Db& db) -> Result<size_t> {
    TRY(auto doomed, doomed_of(db, tenant, session));
    TRY_VOID(remove_all(db, doomed));
    return doomed.size();
  };
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
                  Db& db) { return select_found(db, tenant, name_space, words, limit, now); };
  co_return co_await searcher_.read(ctx, std::move(work));
}

}  // namespace drover::store::sqlite
