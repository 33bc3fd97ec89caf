#include "store/sqlite/sqlite_spans.h"

#include <cstring>

#include "base/bytes.h"

namespace drover::store::sqlite {
namespace {

template <size_t N>
std::string_view view(const std::array<uint8_t, N>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), N};
}

template <size_t N>
void copy_into(std::array<uint8_t, N>& out, std::string_view bytes) {
  if (bytes.size() == N) std::memcpy(out.data(), bytes.data(), N);
}

Result<void> insert_span(Db& db, const SpanRow& row) {
  TRY(Statement s,
      db.use("INSERT INTO spans (trace, span, parent, sampled, tenant, session, name, kind, start, "
             "duration, error, attributes, events) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)"));
  const std::string attributes = row.attributes.dump();
  const std::string events = row.events.dump();
  s.bind_blob(view(row.context.trace_id)).bind_blob(view(row.context.span_id));
  s.bind(row.parent_span_id).bind(int64_t{row.context.sampled}).bind(row.tenant.str());
  s.bind(row.session).bind(row.name).bind(row.span_kind).bind(unix_nanos(row.start));
  s.bind(int64_t{row.duration.count()}).bind(int64_t{row.error}).bind(attributes).bind(events);
  return s.run();
}

Result<SpanRow> read_span(const Statement& s) {
  SpanRow row;
  copy_into(row.context.trace_id, s.bytes(0));
  copy_into(row.context.span_id, s.bytes(1));
  row.parent_span_id = s.text(2);
  row.context.sampled = s.integer(3) != 0;
  row.tenant = TenantId(s.text(4));
  row.session = s.text(5);
  row.name = s.text(6);
  row.span_kind = s.text(7);
  row.start = wall_from_unix_nanos(s.integer(8));
  row.duration = Duration(s.integer(9));
  row.error = s.integer(10) != 0;
  TRY(row.attributes, Json::parse(s.bytes(11)));
  TRY(row.events, Json::parse(s.bytes(12)));
  return row;
}

Result<std::vector<SpanRow>> read_spans(Statement& s) {
  std::vector<SpanRow> out;
  for (;;) {
    TRY(bool found, s.step());
    if (!found) return out;
    TRY(SpanRow row, read_span(s));
    out.push_back(std::move(row));
  }
}

/// Looks at one slice from the front. Rows go from the front (all but), so the difference of the
/// numbers counts them; rows that go early by age make it too high, never too low.
Result<size_t> prune_slice(Db& db, WallTime oldest, size_t count_max, size_t slice) {
  int64_t first = 0;
  int64_t last = 0;
  {
    TRY(Statement ends, db.use("SELECT coalesce(min(number), 0), coalesce(max(number), -1) "
                               "FROM spans"));
    TRY(bool row, ends.step());
    if (!row) return 0;
    first = ends.integer(0);
    last = ends.integer(1);
  }
  const int64_t keep_from = last - static_cast<int64_t>(count_max) + 1;
  TRY(Statement s, db.use("DELETE FROM spans WHERE number < ?1 AND (number < ?2 OR start < ?3)"));
  s.bind(first + static_cast<int64_t>(slice)).bind(keep_from).bind(unix_nanos(oldest));
  const int64_t before = db.total_changes();
  TRY_VOID(s.run());
  return static_cast<size_t>(db.total_changes() - before);
}

/// Whether the front is too old or too far back: one row to look at, where a slice would be a
/// thousand. What is older behind a younger front goes when that does.
Result<bool> prune_due(Db& db, WallTime oldest, size_t count_max) {
  TRY(Statement s, db.use("SELECT number, start, (SELECT max(number) FROM spans) FROM spans "
                          "ORDER BY number LIMIT 1"));
  TRY(bool row, s.step());
  if (!row) return false;
  return s.integer(1) < unix_nanos(oldest) ||
         s.integer(2) - s.integer(0) >= static_cast<int64_t>(count_max);
}

constexpr std::string_view kByTrace =
    "SELECT trace, span, parent, sampled, tenant, session, name, kind, start, duration, error, "
    "attributes, events FROM spans WHERE trace = ? ORDER BY start, number LIMIT ?";
constexpr std::string_view kBySession =
    "SELECT trace, span, parent, sampled, tenant, session, name, kind, start, duration, error, "
    "attributes, events FROM spans WHERE session = ? AND session <> '' ORDER BY start, number "
    "LIMIT ?";

}  // namespace

Task<Result<void>> SqliteSpans::write(Context ctx, std::vector<SpanRow> spans) {
  const WallTime oldest = ctx.loop().wall() - limits_.age_max;
  const size_t count_max = limits_.count_max;
  const size_t bytes = spans.size() * 1024;
  auto job = [spans = std::move(spans), oldest, count_max](Db& db) -> Result<void> {
    for (const SpanRow& row : spans) TRY_VOID(insert_span(db, row));
    TRY(bool due, prune_due(db, oldest, count_max));
    if (!due) return {};
    TRY_VOID(prune_slice(db, oldest, count_max, spans.size() + limits::kSpanPruneSlice));
    return {};
  };
  co_return co_await writer_.write<void>(ctx, bytes, std::move(job));
}

Task<Result<std::vector<SpanRow>>> SqliteSpans::by_trace(Context ctx, std::string trace_id_hex) {
  auto query = [trace_id_hex](Db& db) -> Result<std::vector<SpanRow>> {
    TRY(std::string trace, from_hex(trace_id_hex));
    TRY(Statement s, db.use(kByTrace));
    s.bind_blob(trace).bind(static_cast<int64_t>(limits::kSpansPerAnswerMax));
    return read_spans(s);
  };
  co_return co_await reader_.read(ctx, std::move(query));
}

Task<Result<std::vector<SpanRow>>> SqliteSpans::by_session(Context ctx, SessionId session) {
  auto query = [session](Db& db) -> Result<std::vector<SpanRow>> {
    TRY(Statement s, db.use(kBySession));
    s.bind(session.str()).bind(static_cast<int64_t>(limits::kSpansPerAnswerMax));
    return read_spans(s);
  };
  co_return co_await reader_.read(ctx, std::move(query));
}

Task<Result<size_t>> SqliteSpans::prune(Context ctx) {
  const WallTime oldest = ctx.loop().wall() - limits_.age_max;
  const size_t count_max = limits_.count_max;
  auto job = [oldest, count_max](Db& db) {
    return prune_slice(db, oldest, count_max, limits::kSpanPruneSlice);
  };
  co_return co_await writer_.write<size_t>(ctx, 0, std::move(job));
}

}  // namespace drover::store::sqlite
