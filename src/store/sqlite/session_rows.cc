#include "store/sqlite/session_rows.h"

#include <limits>

#include "base/json.h"
#include "store/journal_rules.h"
#include "store/sqlite/overwriting.h"

namespace drover::store::sqlite {
namespace {

/// The columns in the order in which read_row takes them.
constexpr std::string_view kColumns =
    "id, tenant, agent, agent_version, status, end_reason, created, updated, last_sequence, "
    "last_hash, trace_id, root, parent, depth, waiting_for, due, steps, tokens, cost, spawns, "
    "reserved_tokens, reserved_cost, pending, key";
constexpr int kAfterColumns = 24;

std::string select(std::string_view rest) {
  return "SELECT " + std::string(kColumns) + " FROM sessions " + std::string(rest);
}

Money read_money(const Statement& row, int column) {
  if (row.is_text(column)) return Money::parse_usd(row.bytes(column)).value_or(Money());
  return Money::from_pico_usd(row.integer(column));
}

SessionRow read_row(const Statement& row) {
  SessionRow out;
  out.id = SessionId(row.text(0));
  out.tenant = TenantId(row.text(1));
  out.agent = row.text(2);
  out.agent_version = row.text(3);
  out.status = row.text(4);
  out.end_reason = row.text(5);
  out.created = wall_from_unix_nanos(row.integer(6));
  out.updated = wall_from_unix_nanos(row.integer(7));
  out.last_sequence = static_cast<uint64_t>(row.integer(8));
  out.last_hash = row.text_or_hex(9);
  out.trace_id = row.text(10);
  out.root = row.bytes(11).empty() ? out.id : SessionId(row.text(11));
  out.parent = SessionId(row.text(12));
  out.depth = static_cast<uint32_t>(row.integer(13));
  out.waiting_for = row.text(14);
  if (!row.is_null(15)) out.due = wall_from_unix_nanos(row.integer(15));
  out.spent.steps = row.integer(16);
  out.spent.tokens = row.integer(17);
  out.spent.cost = read_money(row, 18);
  out.spent.spawns = row.integer(19);
  out.reserved.tokens = row.integer(20);
  out.reserved.cost = read_money(row, 21);
  out.pending = static_cast<uint32_t>(row.integer(22));
  if (!row.is_null(23)) out.key = KeyId(row.text(23));
  return out;
}

Result<std::vector<SessionRow>> read_rows(Statement& s) {
  std::vector<SessionRow> out;
  for (;;) {
    TRY(bool row, s.step());
    if (!row) return out;
    out.push_back(read_row(s));
  }
}

/// Money as bound: a number where it fits, `text` (which must outlive the last step) otherwise.
void bind_money(Statement& s, Money money, std::string& text) {
  const __int128 pico = money.pico_usd();
  if (pico >= std::numeric_limits<int64_t>::min() && pico <= std::numeric_limits<int64_t>::max()) {
    s.bind(static_cast<int64_t>(pico));
    return;
  }
  text = money.usd();
  s.bind(text);
}

/// What both an insert and an update write, in this order.
constexpr std::string_view kChanging =
    "agent, agent_version, status, end_reason, updated, last_sequence, last_hash, trace_id, "
    "waiting_for, due, steps, tokens, cost, spawns, reserved_tokens, reserved_cost, pending";
constexpr std::string_view kChangingMarks = "?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?";

struct MoneyTexts {
  std::string cost;
  std::string reserved;
};

void bind_changing(Statement& s, const SessionRow& row, MoneyTexts& texts) {
  s.bind(row.agent).bind(row.agent_version).bind(row.status).bind(row.end_reason);
  s.bind(unix_nanos(row.updated)).bind(row.last_sequence).bind_hex(row.last_hash);
  s.bind(row.trace_id).bind(row.waiting_for);
  if (row.due) {
    s.bind(unix_nanos(*row.due));
  } else {
    s.bind_null();
  }
  s.bind(row.spent.steps).bind(row.spent.tokens);
  bind_money(s, row.spent.cost, texts.cost);
  s.bind(row.spent.spawns).bind(row.reserved.tokens);
  bind_money(s, row.reserved.cost, texts.reserved);
  s.bind(static_cast<int64_t>(row.pending));
}

/// What is written once, in the order of bind_fixed.
constexpr std::string_view kFixed = "id, tenant, created, root, parent, depth, key";
constexpr std::string_view kFixedMarks = "?,?,?,?,?,?,?";

void bind_fixed(Statement& s, const SessionRow& row) {
  s.bind(row.id.str()).bind(row.tenant.str()).bind(unix_nanos(row.created));
  s.bind(row.root == row.id ? std::string_view() : row.root.str()).bind(row.parent.str());
  s.bind(static_cast<int64_t>(row.depth));
  if (row.key) {
    s.bind(row.key->str());
  } else {
    s.bind_null();
  }
}

/// "a, b" as "excluded.a, excluded.b".
std::string excluded(std::string_view columns) {
  std::string out = "excluded.";
  for (const char c : columns) {
    out.push_back(c);
    if (c == ' ') out += "excluded.";
  }
  return out;
}

/// The members of a bound JSON array: one statement for any number of them.
constexpr std::string_view kEachOf = "(SELECT value FROM json_each(?))";

std::string json_of(const std::set<SessionId>& ids) {
  if (ids.empty()) return {};
  Json out = Json::array();
  for (const SessionId& id : ids) out.push(id.str());
  return out.dump();
}

std::string where_of(const SessionFilter& filter) {
  // The conditions beside a parameter are those of the partial indexes: SQLite takes such an index
  // only where it sees its condition.
  std::string sql = "WHERE id < ?";
  // Hardly any session has work pending or is named, and nearly all of them may have the one
  // status: the sign keeps SQLite from the index of that. It would read a million parked sessions
  // at each start.
  const bool few = filter.pending != 0 || !filter.ids.empty() || !filter.roots.empty();
  const std::string_view equal = few ? " AND +" : " AND ";
  if (filter.tenant) sql.append(equal).append("tenant = ?");
  if (!filter.status.empty()) sql.append(equal).append("status = ?");
  if (!filter.agent.empty()) sql += " AND agent = ?";
  if (!filter.agent_version.empty()) sql += " AND agent_version = ?";
  if (!filter.waiting_for.empty()) sql += " AND waiting_for = ? AND waiting_for <> ''";
  if (!filter.root.empty()) sql += " AND ((root = ? AND root <> '') OR id = ?)";
  if (!filter.parent.empty()) sql += " AND parent = ? AND parent <> ''";
  if (!filter.ids.empty()) sql.append(" AND id IN ").append(kEachOf);
  if (!filter.roots.empty()) {
    sql.append(" AND ((root IN ").append(kEachOf).append(" AND root <> '')");
    sql.append(" OR (id IN ").append(kEachOf).append(" AND root = ''))");
  }
  if (filter.open) sql += " AND status <> 'ended'";
  if (filter.pending != 0) sql += " AND (pending & ?) <> 0 AND pending <> 0";
  return sql + " ORDER BY id DESC LIMIT ?";
}

}  // namespace

Result<std::optional<StoredSession>> find_stored(Db& db, const SessionId& id) {
  static const std::string sql =
      "SELECT " + std::string(kColumns) + ", number FROM sessions WHERE id = ?";
  TRY(Statement s, db.use(sql));
  s.bind(id.str());
  TRY(bool found, s.step());
  if (!found) return std::nullopt;
  return StoredSession{s.integer(kAfterColumns), read_row(s)};
}

Result<int64_t> insert_session(Db& db, const SessionRow& row) {
  static const std::string sql = "INSERT INTO sessions (" + std::string(kChanging) + ", " +
                                 std::string(kFixed) + ") VALUES (" + std::string(kChangingMarks) +
                                 "," + std::string(kFixedMarks) + ")";
  TRY(Statement s, db.use(sql));
  MoneyTexts texts;
  bind_changing(s, row, texts);
  bind_fixed(s, row);
  TRY_VOID(s.run());
  return db.last_row_id();
}

Result<void> update_session(Db& db, int64_t number, const SessionRow& row) {
  static const std::string sql = "UPDATE sessions SET (" + std::string(kChanging) + ") = (" +
                                 std::string(kChangingMarks) + ") WHERE number = ?";
  TRY(Statement s, db.use(sql));
  MoneyTexts texts;
  bind_changing(s, row, texts);
  s.bind(number);
  return s.run();
}

Result<void> upsert_at(Db& db, const SessionRow& row, uint64_t position) {
  // "excluded" is the row that could not be inserted.
  static const std::string sql = "INSERT INTO sessions (" + std::string(kChanging) +
                                 ", position, " + std::string(kFixed) + ") VALUES (" +
                                 std::string(kChangingMarks) + ",?," + std::string(kFixedMarks) +
                                 ") ON CONFLICT (id) DO UPDATE SET (" + std::string(kChanging) +
                                 ", position) = (" + excluded(kChanging) + ", excluded.position)";
  TRY(Statement s, db.use(sql));
  MoneyTexts texts;
  bind_changing(s, row, texts);
  s.bind(position);
  bind_fixed(s, row);
  return s.run();
}

Result<std::optional<std::pair<SessionRow, uint64_t>>> find_at(Db& db, const SessionId& id) {
  static const std::string sql =
      "SELECT " + std::string(kColumns) + ", position FROM sessions WHERE id = ?";
  TRY(Statement s, db.use(sql));
  s.bind(id.str());
  TRY(bool found, s.step());
  if (!found) return std::nullopt;
  return std::make_pair(read_row(s), static_cast<uint64_t>(s.integer(kAfterColumns)));
}

Result<std::vector<SessionRow>> select_sessions(Db& db, const SessionFilter& filter) {
  const std::string ids = json_of(filter.ids);
  const std::string roots = json_of(filter.roots);
  TRY(Statement s, db.use(select(where_of(filter))));
  // Above every id: ids are ASCII.
  s.bind(filter.before.empty() ? std::string_view("\x7f") : filter.before.str());
  if (filter.tenant) s.bind(filter.tenant->str());
  if (!filter.status.empty()) s.bind(filter.status);
  if (!filter.agent.empty()) s.bind(filter.agent);
  if (!filter.agent_version.empty()) s.bind(filter.agent_version);
  if (!filter.waiting_for.empty()) s.bind(filter.waiting_for);
  if (!filter.root.empty()) s.bind(filter.root.str()).bind(filter.root.str());
  if (!filter.parent.empty()) s.bind(filter.parent.str());
  if (!filter.ids.empty()) s.bind(ids);
  if (!filter.roots.empty()) s.bind(roots).bind(roots);
  if (filter.pending != 0) s.bind(static_cast<int64_t>(filter.pending));
  s.bind(static_cast<int64_t>(filter.limit));
  return read_rows(s);
}

Result<std::vector<SessionRow>> select_due(Db& db, WallTime until, size_t limit) {
  static const std::string sql =
      select("WHERE due <= ? AND due IS NOT NULL ORDER BY due, id LIMIT ?");
  TRY(Statement s, db.use(sql));
  s.bind(unix_nanos(until)).bind(static_cast<int64_t>(limit));
  return read_rows(s);
}

Result<std::vector<SessionRow>> select_tree(Db& db, const SessionId& root) {
  static const std::string sql =
      select("WHERE id = ?1 AND root = '' UNION ALL ") + select("WHERE root = ?1 AND root <> ''");
  TRY(Statement s, db.use(sql));
  s.bind(root.str());
  return read_rows(s);
}

Result<void> write_snapshot(Db& db, const SessionId& session, const Snapshot& snapshot) {
  TRY(auto stored, find_stored(db, session));
  if (!stored) return fail(no_such_session(session));
  TRY(Statement s, db.use("INSERT OR REPLACE INTO snapshots (session, sequence, hash, bytes) "
                          "VALUES (?,?,?,?)"));
  s.bind(stored->number).bind(snapshot.sequence).bind_hex(snapshot.hash);
  s.bind_blob(snapshot.bytes);
  return s.run();
}

Result<std::optional<Snapshot>> read_snapshot(Db& db, const SessionId& session) {
  TRY(Statement s, db.use("SELECT sequence, hash, bytes FROM snapshots WHERE session = "
                          "(SELECT number FROM sessions WHERE id = ?)"));
  s.bind(session.str());
  TRY(bool found, s.step());
  if (!found) return std::nullopt;
  return Snapshot{static_cast<uint64_t>(s.integer(0)), s.text_or_hex(1), s.text(2)};
}

Result<void> erase_session(Db& db, const SessionId& session) {
  TRY(auto stored, find_stored(db, session));
  if (!stored) return fail(no_such_session(session));
  TRY_VOID(check_erase(stored->row));
  TRY(auto overwriting, Overwriting::begin(db));
  {
    TRY(Statement s, db.use("DELETE FROM events WHERE session = ? AND sequence < ?"));
    s.bind(stored->number).bind(stored->row.last_sequence);
    TRY_VOID(s.run());
  }
  TRY(Statement s, db.use("DELETE FROM snapshots WHERE session = ?"));
  s.bind(stored->number);
  return s.run();
}

}  // namespace drover::store::sqlite
