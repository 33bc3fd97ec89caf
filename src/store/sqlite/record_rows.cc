#include "store/sqlite/record_rows.h"

#include <map>

#include "base/limits/store.h"
#include "store/sqlite/overwriting.h"

namespace drover::store::sqlite {
namespace {

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

}  // namespace

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

std::string scope_of(int64_t space) { return "n" + std::to_string(space); }

Result<uint64_t> put_record(Db& db, const Put& put) {
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

Result<void> take_over_record(Db& db, const Put& put) {
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

Result<bool> remove_record(Db& db, const TenantId& tenant, const std::string& name_space,
                           const std::string& key, WallTime now) {
  TRY(auto space, find_space(db, tenant, name_space));
  if (!space) return false;
  TRY(Existing before, find_existing(db, space->number, key));
  if (before.number == 0) return false;
  TRY_VOID(
      remove_all(db, std::vector<Doomed>(1, Doomed{before.number, space->number, before.words})));
  return !before.expired(now);
}

Result<size_t> remove_records_of(Db& db, const TenantId& tenant, const SessionId& session) {
  TRY(auto doomed, doomed_of(db, tenant, session));
  TRY_VOID(remove_all(db, doomed));
  return doomed.size();
}

Result<uint64_t> clear_space(Db& db, const TenantId& tenant, const std::string& name) {
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

}  // namespace drover::store::sqlite
