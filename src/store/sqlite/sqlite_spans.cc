#include "store/sqlite/sqlite_spans.h"

#include <algorithm>
#include <optional>

#include "base/bytes.h"
#include "base/limits/store.h"
#include "store/sqlite/overwriting.h"
#include "store/sqlite/span_pack.h"

namespace drover::store::sqlite {
namespace {

/// How many spans were ever written (or since the table was last empty).
Result<int64_t> written_so_far(Db& db) {
  TRY(Statement s, db.use("SELECT up_to FROM span_packs ORDER BY number DESC LIMIT 1"));
  TRY(bool row, s.step());
  return row ? s.integer(0) : 0;
}

Result<void> insert_pack(Db& db, const SpanBatch& batch) {
  if (batch.empty()) return {};
  TRY(int64_t before, written_so_far(db));
  const std::string keys = span_keys(batch);
  const RawBytes bytes = pack_spans(batch);
  const auto count = static_cast<int64_t>(batch.count());
  {
    TRY(Statement s,
        db.use("INSERT INTO span_packs (up_to, spans, newest, keys) VALUES (?,?,?,?)"));
    s.bind(before + count).bind(count).bind(unix_nanos(batch.newest())).bind_blob(keys);
    TRY_VOID(s.run());
  }
  TRY(Statement s, db.use("INSERT INTO span_rows (number, bytes) VALUES (?,?)"));
  s.bind(db.last_row_id()).bind_blob(bytes.view());
  return s.run();
}

struct Front {
  int64_t number = 0;
  int64_t up_to = 0;
  int64_t spans = 0;
  int64_t newest = 0;
};

Result<std::optional<Front>> front_pack(Db& db) {
  TRY(Statement s,
      db.use("SELECT number, up_to, spans, newest FROM span_packs ORDER BY number LIMIT 1"));
  TRY(bool row, s.step());
  std::optional<Front> out;
  if (row) out = Front{s.integer(0), s.integer(1), s.integer(2), s.integer(3)};
  return out;
}

Result<void> remove_pack(Db& db, int64_t number) {
  for (std::string_view sql :
       {"DELETE FROM span_rows WHERE number = ?", "DELETE FROM span_packs WHERE number = ?"}) {
    TRY(Statement s, db.use(sql));
    s.bind(number);
    TRY_VOID(s.run());
  }
  return {};
}

/// Removes whole packs from the front, until about `slice` spans are gone: those whose spans are
/// all too old, and those without which there are still count_max spans. What is older behind a
/// younger front goes when that does.
Result<size_t> prune_slice(Db& db, WallTime oldest, size_t count_max, size_t slice) {
  TRY(int64_t last, written_so_far(db));
  size_t gone = 0;
  while (gone < slice) {
    TRY(std::optional<Front> front, front_pack(db));
    if (!front) break;
    const bool too_many = last - front->up_to >= static_cast<int64_t>(count_max);
    if (!too_many && front->newest >= unix_nanos(oldest)) break;
    TRY_VOID(remove_pack(db, front->number));
    gone += static_cast<size_t>(front->spans);
  }
  return gone;
}

/// The batch without the session's spans in its place.
Result<void> replace_pack(Db& db, int64_t number, const std::vector<SpanRow>& kept) {
  auto batch = batch_of(kept);
  const std::string keys = span_keys(*batch);
  const RawBytes bytes = pack_spans(*batch);
  {
    TRY(Statement s, db.use("UPDATE span_rows SET bytes = ? WHERE number = ?"));
    s.bind_blob(bytes.view()).bind(number);
    TRY_VOID(s.run());
  }
  // Its count stays: positions are counted over all spans ever written.
  TRY(Statement s, db.use("UPDATE span_packs SET keys = ? WHERE number = ?"));
  s.bind_blob(keys).bind(number);
  return s.run();
}

/// The numbers of the packs that may hold what is asked for.
Result<std::vector<int64_t>> packs_with(Db& db, const SpanQuery& query) {
  std::vector<int64_t> out;
  TRY(Statement packs, db.use("SELECT number, keys FROM span_packs ORDER BY number"));
  for (;;) {
    TRY(bool more, packs.step());
    if (!more) return out;
    if (may_hold(packs.bytes(1), query)) out.push_back(packs.integer(0));
  }
}

Result<void> remove_spans(Db& db, const SpanQuery& query) {
  TRY(std::vector<int64_t> numbers, packs_with(db, query));
  if (numbers.empty()) return {};
  TRY(auto overwriting, Overwriting::begin(db));
  for (int64_t number : numbers) {
    std::vector<SpanRow> rows;
    {
      TRY(Statement s, db.use("SELECT bytes FROM span_rows WHERE number = ?"));
      s.bind(number);
      TRY(bool found, s.step());
      if (!found) continue;
      // A damaged one is nothing that anybody can read.
      if (!unpack_spans(s.bytes(0), SpanQuery(), rows)) rows.clear();
    }
    std::erase_if(rows, [&](const SpanRow& row) { return row.session == query.session; });
    TRY_VOID(replace_pack(db, number, rows));
  }
  return {};
}

/// By start, and no more than one answer holds.
void put_in_order(std::vector<SpanRow>& rows) {
  std::stable_sort(rows.begin(), rows.end(),
                   [](const SpanRow& a, const SpanRow& b) { return a.start < b.start; });
  if (rows.size() > limits::kSpansPerAnswerMax) rows.resize(limits::kSpansPerAnswerMax);
}

Result<std::vector<SpanRow>> find_spans(Db& db, const SpanQuery& query) {
  std::vector<SpanRow> out;
  TRY(Statement packs, db.use("SELECT number, keys FROM span_packs ORDER BY number"));
  for (;;) {
    TRY(bool more, packs.step());
    if (!more) break;
    if (!may_hold(packs.bytes(1), query)) continue;
    TRY(Statement rows, db.use("SELECT bytes FROM span_rows WHERE number = ?"));
    rows.bind(packs.integer(0));
    TRY(bool found, rows.step());
    if (found) TRY_VOID(unpack_spans(rows.bytes(0), query, out));
    // The memory of a question is bounded, whatever a session has left behind.
    if (out.size() >= 2 * limits::kSpansPerAnswerMax) put_in_order(out);
  }
  put_in_order(out);
  return out;
}

}  // namespace

Task<Result<void>> SqliteSpans::write(Context ctx, std::shared_ptr<const SpanBatch> batch) {
  const WallTime oldest = ctx.loop().wall() - limits_.age_max;
  const size_t count_max = limits_.count_max;
  const size_t bytes = batch->bytes().size();
  auto job = [batch = std::move(batch), oldest, count_max](Db& db) -> Result<void> {
    TRY_VOID(insert_pack(db, *batch));
    TRY_VOID(prune_slice(db, oldest, count_max, batch->count() + limits::kSpanPruneSlice));
    return {};
  };
  // A power cut may take the last spans, as it takes those that were not yet given to the store.
  co_return co_await writer_.write<void>(ctx, bytes, std::move(job), Durable::kLater);
}

Task<Result<std::vector<SpanRow>>> SqliteSpans::by_trace(Context ctx, std::string trace_id_hex) {
  CO_TRY(std::string trace, from_hex(trace_id_hex));
  if (trace.size() != sizeof(SpanContext::trace_id)) co_return std::vector<SpanRow>();
  SpanQuery wanted;
  wanted.trace = std::move(trace);
  auto query = [wanted](Db& db) { return find_spans(db, wanted); };
  co_return co_await reader_.read(ctx, std::move(query));
}

Task<Result<std::vector<SpanRow>>> SqliteSpans::by_session(Context ctx, SessionId session) {
  if (session.empty()) co_return std::vector<SpanRow>();
  SpanQuery wanted;
  wanted.session = session.str();
  auto query = [wanted](Db& db) { return find_spans(db, wanted); };
  co_return co_await reader_.read(ctx, std::move(query));
}

Task<Result<void>> SqliteSpans::remove_of(Context ctx, SessionId session) {
  SpanQuery query;
  query.session = session.str();
  auto job = [query](Db& db) { return remove_spans(db, query); };
  co_return co_await writer_.write<void>(ctx, 0, std::move(job));
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
