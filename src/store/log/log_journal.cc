#include "store/log/log_journal.h"

#include <algorithm>

#include "base/assert.h"
#include "base/limits/store.h"
#include "base/log.h"
#include "store/journal_rules.h"
#include "store/log/catch_up.h"
#include "store/log/erase.h"

namespace drover::store::log {
namespace {

/// Newest commits larger than this are read from the log again.
constexpr size_t kTailBytesEach = 32u << 10;

/// Removes what the overlay knows better.
void drop_overlaid(std::vector<SessionRow>& rows, const RowCache& cache) {
  std::erase_if(rows, [&](const SessionRow& row) { return cache.overlays(row.id); });
}

bool by_id(const IndexedSession& a, const IndexedSession& b) { return a.row.id < b.row.id; }

bool earlier(const SessionRow& a, const SessionRow& b) {
  return *a.due != *b.due ? *a.due < *b.due : a.id < b.id;
}

}  // namespace

Result<std::unique_ptr<LogJournal>> LogJournal::open(LogParts parts) {
  SessionIndex* index = parts.index;
  const auto known_durable = [index](const std::string& id) { return index->covered(id); };
  TRY(auto log, Log::open(*parts.disk, parts.log, *parts.random, known_durable));
  TRY_VOID(catch_up(*log, *index));
  TRY(SessionId newest, index->newest());
  return std::unique_ptr<LogJournal>(
      new LogJournal(std::move(parts), std::move(log), std::move(newest)));
}

LogJournal::LogJournal(LogParts parts, std::unique_ptr<Log> log, SessionId newest)
    : parts_(std::move(parts)),
      log_(std::move(log)),
      writer_(*log_, *parts_.writer, *parts_.clock, parts_.direct_sync_max),
      chains_(*log_),
      old_ids_up_to_(newest),
      newest_id_(std::move(newest)),
      committed_(log_->end()) {
  writer_.after_direct(parts_.after_direct);
}

LogJournal::~LogJournal() {
  if (index_timer_ != 0) loop_->cancel_timer(index_timer_);
}

bool LogJournal::surely_new(const SessionId& id) const {
  return id > old_ids_up_to_ && !recent_ids_.contains(std::hash<SessionId>()(id));
}

void LogJournal::remember_new(const SessionId& id) {
  newest_id_ = std::max(newest_id_, id);
  recent_ids_.insert(std::hash<SessionId>()(id));
  if (recent_ids_.size() < limits::kLogRecentIdsMax) return;
  old_ids_up_to_ = newest_id_;
  recent_ids_.clear();
}

Task<Result<void>> LogJournal::put_blobs(Context ctx, Commit* commit) {
  // Before the append, so that no frame ever names a blob that is not there. A crash in between
  // leaves a blob without a frame, which goes with its session.
  for (size_t i = 0; i < commit->events.size(); ++i) {
    const contract::Event& event = commit->events[i];
    if (event.payload.size() <= parts_.inline_payload_bytes_max) continue;
    CO_TRY(commit->blob_refs[i], co_await parts_.blobs->put(ctx, event.session, event.payload));
  }
  co_return Result<void>();
}

Task<Result<void>> LogJournal::append(Context ctx, SessionRow row, uint64_t expected_last,
                                      std::vector<contract::Event> events) {
  CO_TRY_VOID(check_append(row, expected_last, events));
  auto commit = std::make_shared<Commit>();
  commit->row = std::move(row);
  commit->expected_last = expected_last;
  commit->events = std::move(events);
  commit->blob_refs.resize(commit->events.size());
  const bool large = std::any_of(
      commit->events.begin(), commit->events.end(),
      [this](const auto& e) { return e.payload.size() > parts_.inline_payload_bytes_max; });
  if (large) CO_TRY_VOID(co_await put_blobs(ctx, commit.get()));
  SessionId id = commit->row.id;
  EntryPtr entry = cache_.try_hold(id);
  if (entry == nullptr) entry = co_await cache_.hold(ctx, id);
  Result<void> done = co_await append_held(ctx, entry, std::move(commit));
  cache_.release(entry);
  co_return done;
}

Task<Result<void>> LogJournal::append_held(Context ctx, EntryPtr entry,
                                           std::shared_ptr<Commit> commit) {
  if (!entry->loaded) {
    if (!surely_new(entry->id)) {
      CO_TRY(entry->now, co_await look_up(ctx, entry->id));
    }
    entry->loaded = true;
  }
  const SessionRow* before = entry->now ? &entry->now->row : nullptr;
  CO_TRY_VOID(check_fence(before, commit->row, commit->expected_last));
  if (entry->change == 0 && cache_.overlay().size() >= limits::kLogIndexRowsMax) {
    co_return fail(Code::kUnavailable, "the index of sessions is behind the journal",
                   Retry::kAfter);
  }
  complete_row(before, commit->expected_last, commit->events, commit->row);
  commit->previous = entry->now ? entry->now->position : 0;
  auto job = std::make_shared<LogWriter::Job>();
  job->frame = encode_commit(*commit, before);
  if (job->frame.size() > limits::kLogCommitBytesMax) {
    co_return fail(Code::kInvalidArgument, "one commit of " + entry->id.str() + " has more than " +
                                               std::to_string(limits::kLogCommitBytesMax) +
                                               " bytes");
  }
  job->crc = body_crc(job->frame);
  loop_ = &ctx.loop();
  job->finish = [this, entry, commit](LogWriter::Job& self) {
    if (self.result) committed(entry, *commit, self);
  };
  CO_TRY_VOID(writer_.add(*loop_, job));
  if (!job->done.ready()) {
    Context quiet = ctx.detached();
    auto waited = co_await job->done.wait(quiet);
    (void)waited;
  }
  co_return job->result;
}

void LogJournal::committed(const EntryPtr& entry, Commit& commit, LogWriter::Job& job) {
  committed_ = job.position + job.frame.size();
  if (!entry->now) remember_new(entry->id);
  IndexedSession now{std::move(commit.row), job.position};
  std::optional<Tail> tail;
  if (!commit.events.empty()) {
    tail.emplace();
    if (job.frame.size() <= kTailBytesEach) {
      tail->frame = std::make_shared<const std::string>(std::move(job.frame));
      tail->first = commit.expected_last + 1;
    }
  }
  cache_.changed(entry, std::move(now), std::move(tail));
  plan_index(*loop_);
}

Task<Result<std::optional<IndexedSession>>> LogJournal::look_up(Context ctx, SessionId id) {
  SessionIndex* index = parts_.index;
  auto work = [index, id = std::move(id)] { return index->find(id); };
  co_return co_await async::run_blocking(ctx, *parts_.reader, std::move(work));
}

Task<Result<std::optional<IndexedSession>>> LogJournal::locate(Context ctx, SessionId id) {
  EntryPtr entry = cache_.find(id);
  if (entry != nullptr && entry->loaded) co_return entry->now;
  if (surely_new(id)) co_return std::optional<IndexedSession>();
  const uint64_t before = indexed_times_;
  CO_TRY(auto found, co_await look_up(ctx, id));
  entry = cache_.find(id);
  if (entry != nullptr && entry->loaded) co_return entry->now;
  // If nothing went into the index meanwhile, whatever changed is still in the cache; so this did
  // not.
  if (found && before == indexed_times_) cache_.remember(*found);
  co_return found;
}

Task<Result<SessionRow>> LogJournal::find(Context ctx, SessionId session) {
  CO_TRY(auto found, co_await locate(ctx, session));
  if (!found) co_return fail(no_such_session(session));
  co_return std::move(found->row);
}

Task<Result<std::vector<contract::Event>>> LogJournal::read(Context ctx, SessionId session,
                                                            uint64_t from, size_t max_events) {
  CO_TRY(auto found, co_await locate(ctx, session));
  if (!found) co_return fail(no_such_session(session));
  const uint64_t last = found->row.last_sequence;
  from = std::max<uint64_t>(from, purged(found->row) ? last : 1);
  std::vector<contract::Event> out;
  if (from > last || max_events == 0) co_return out;
  const uint64_t to = max_events > last - from ? last : from + max_events - 1;
  EntryPtr entry = cache_.find(session);
  const Tail tail = entry == nullptr ? Tail() : entry->tail;
  if (tail.frame != nullptr && tail.first <= from) {
    CO_TRY(auto newest, decode_body(std::string_view(*tail.frame).substr(kFrameHeadBytes)));
    DROVER_ASSERT(newest.has_value());
    std::vector<Commit> commits;
    commits.push_back(std::move(*newest));
    co_return co_await events_of(ctx, std::move(commits), from, to);
  }
  ChainReader* chains = &chains_;
  const Position position = found->position;
  auto work = [chains, session, position, from, to] {
    return chains->read(session, position, from, to);
  };
  CO_TRY(auto commits, co_await async::run_blocking(ctx, *parts_.reader, std::move(work)));
  co_return co_await events_of(ctx, std::move(commits), from, to);
}

Task<Result<std::vector<contract::Event>>> LogJournal::events_of(Context ctx,
                                                                 std::vector<Commit> commits,
                                                                 uint64_t from, uint64_t to) {
  std::vector<contract::Event> out;
  for (Commit& commit : commits) {
    for (size_t i = 0; i < commit.events.size(); ++i) {
      contract::Event& event = commit.events[i];
      if (event.sequence < from || event.sequence > to) continue;
      if (!commit.blob_refs[i].empty()) {
        auto payload = co_await parts_.blobs->get(ctx, event.session, commit.blob_refs[i]);
        if (!payload && payload.error().code == Code::kNotFound) {
          co_return fail(Code::kDataLoss,
                         "the payload of event " + std::to_string(event.sequence) + " of " +
                             event.session.str() +
                             " is missing in the blobs folder: restore it from a backup");
        }
        CO_TRY(event.payload, std::move(payload));
      }
      out.push_back(std::move(event));
    }
  }
  co_return out;
}

template <typename F>
Task<Result<std::vector<SessionRow>>> LogJournal::query(Context ctx, F fn) {
  // A row that left the overlay for the index after the index was asked would be seen as it was
  // before: then it is asked again.
  constexpr int kTriesMax = 4;
  for (int tries = 1;; ++tries) {
    const uint64_t before = indexed_times_;
    F copy = fn;
    auto rows = co_await async::run_blocking(ctx, *parts_.reader, std::move(copy));
    if (!rows || before == indexed_times_ || tries == kTriesMax) co_return rows;
  }
}

Task<Result<std::vector<SessionRow>>> LogJournal::list(Context ctx, SessionFilter filter) {
  const size_t limit = std::min(filter.limit, limits::kStoreRowsMax);
  SessionIndex* index = parts_.index;
  std::vector<SessionRow> rows;
  for (size_t want = limit + 64;; want *= 4) {
    filter.limit = want;
    auto ask = [index, filter] { return index->list(filter); };
    CO_TRY(rows, co_await query(ctx, std::move(ask)));
    const bool all = rows.size() < want;
    drop_overlaid(rows, cache_);
    if (all || rows.size() >= limit) break;
  }
  for (const EntryPtr& entry : cache_.overlay()) {
    if (matches(filter, entry->now->row)) rows.push_back(entry->now->row);
  }
  std::sort(rows.begin(), rows.end(),
            [](const SessionRow& a, const SessionRow& b) { return a.id > b.id; });
  if (rows.size() > limit) rows.resize(limit);
  co_return rows;
}

Task<Result<std::vector<SessionRow>>> LogJournal::due(Context ctx, WallTime until, size_t limit) {
  limit = std::min(limit, limits::kStoreRowsMax);
  SessionIndex* index = parts_.index;
  std::vector<SessionRow> rows;
  for (size_t want = limit + 64;; want *= 4) {
    auto ask = [index, until, want] { return index->due(until, want); };
    CO_TRY(rows, co_await query(ctx, std::move(ask)));
    const bool all = rows.size() < want;
    drop_overlaid(rows, cache_);
    if (all || rows.size() >= limit) break;
  }
  for (const EntryPtr& entry : cache_.overlay()) {
    const SessionRow& row = entry->now->row;
    if (row.due && *row.due <= until) rows.push_back(row);
  }
  std::sort(rows.begin(), rows.end(), earlier);
  if (rows.size() > limit) rows.resize(limit);
  co_return rows;
}

Task<Result<TreeTotals>> LogJournal::tree(Context ctx, SessionId root) {
  SessionIndex* index = parts_.index;
  auto ask = [index, root] { return index->tree(root); };
  CO_TRY(auto rows, co_await query(ctx, std::move(ask)));
  drop_overlaid(rows, cache_);
  TreeTotals totals;
  for (const SessionRow& row : rows) add_to_tree(row, totals);
  for (const EntryPtr& entry : cache_.overlay()) {
    if (entry->now->row.root == root) add_to_tree(entry->now->row, totals);
  }
  co_return totals;
}

Task<Result<void>> LogJournal::save_snapshot(Context ctx, SessionId session, Snapshot snapshot) {
  CO_TRY_VOID(check_snapshot(session, snapshot));
  CO_TRY(auto found, co_await locate(ctx, session));
  if (!found) co_return fail(no_such_session(session));
  SessionIndex* index = parts_.index;
  auto work = [index, session, snapshot = std::move(snapshot)] {
    return index->save_snapshot(session, snapshot);
  };
  co_return co_await async::run_blocking(ctx, *parts_.upkeep, std::move(work));
}

Task<Result<std::optional<Snapshot>>> LogJournal::load_snapshot(Context ctx, SessionId session) {
  if (surely_new(session)) co_return std::optional<Snapshot>();
  SessionIndex* index = parts_.index;
  auto work = [index, session] { return index->load_snapshot(session); };
  co_return co_await async::run_blocking(ctx, *parts_.reader, std::move(work));
}

Task<Result<void>> LogJournal::erase(Context ctx, SessionId session) {
  CO_TRY(auto found, co_await locate(ctx, session));
  if (!found) co_return fail(no_such_session(session));
  CO_TRY_VOID(check_erase(found->row));
  // The blobs first: the frames name them, and a copy of the log is checked against them.
  CO_TRY_VOID(co_await parts_.blobs->remove_all(ctx, session));
  SessionIndex* index = parts_.index;
  Disk* disk = parts_.disk;
  const Log* log = log_.get();
  const Position position = found->position;
  const uint64_t last = found->row.last_sequence;
  auto work = [index, disk, log, session, position, last]() -> Result<void> {
    TRY_VOID(index->remove_snapshot(session));
    return erase_before(*disk, *log, session, position, last);
  };
  co_return co_await async::run_blocking(ctx, *parts_.upkeep, std::move(work));
}

void LogJournal::plan_index(async::Loop& loop) {
  if (indexing_) return;
  if (cache_.overlay().size() >= limits::kLogIndexRowsTarget && !index_failing_) {
    start_index(loop);
    return;
  }
  if (index_timer_ != 0) return;
  index_timer_ = loop.call_after(limits::kLogIndexInterval, [this, &loop] {
    index_timer_ = 0;
    start_index(loop);
  });
}

void LogJournal::start_index(async::Loop& loop) {
  if (indexing_ || cache_.overlay().empty()) return;
  indexing_ = true;
  auto rows = std::make_shared<std::vector<IndexedSession>>();
  rows->reserve(cache_.overlay().size());
  for (const EntryPtr& entry : cache_.overlay()) rows->push_back(*entry->now);
  const uint64_t change = cache_.last_change();
  const Position covered = committed_;
  std::weak_ptr<int> alive = alive_;
  SessionIndex* index = parts_.index;
  parts_.upkeep->submit([this, alive, index, rows, change, covered, &loop] {
    // In the order of the index, whose pages are then each touched once.
    std::sort(rows->begin(), rows->end(), by_id);
    auto done = std::make_shared<Result<void>>(index->apply(*rows, covered));
    loop.post([this, alive, change, done] {
      if (!alive.expired()) finish_index(change, *done);
    });
  });
}

void LogJournal::finish_index(uint64_t change, const Result<void>& done) {
  indexing_ = false;
  if (done) {
    cache_.indexed(change);
    ++indexed_times_;
    if (std::exchange(index_failing_, false)) LOG_INFO("the index of sessions is written again");
  } else if (!std::exchange(index_failing_, true)) {
    // No loss: the log has everything, and the overlay keeps it until this works again.
    LOG_WARN("the index of sessions could not be written: {}", done.error().to_string());
  }
  if (!cache_.overlay().empty()) plan_index(*loop_);
}

Result<void> LogJournal::close() {
  std::vector<IndexedSession> rows;
  for (const EntryPtr& entry : cache_.overlay()) rows.push_back(*entry->now);
  TRY_VOID(log_->close());
  return parts_.index->apply(rows, log_->end());
}

}  // namespace drover::store::log
