#include "world/node_journal.h"

#include "world/plants.h"
#include "world/world.h"

namespace drover::world {
namespace {

/// Nothing was written: the store has said so.
bool refused(const Error& error) {
  return error.code == Code::kAborted || error.code == Code::kAlreadyExists ||
         error.code == Code::kInvalidArgument || error.code == Code::kResourceExhausted;
}

}  // namespace

Task<Result<void>> NodeJournal::append(Context ctx, store::SessionRow row, uint64_t expected_last,
                                       std::vector<contract::Event> events) {
  if (life_.dead()) co_return fail(Life::error());
  if (world_.machine().full()) {
    co_return fail(Code::kResourceExhausted, "the disk is full", Retry::kAfter);
  }
  if (world_.strike(Point::kBeforeAppend, node_)) co_return fail(co_await life_.hang(ctx));
  // Struck while the disk is at it: at some moment of the time that a sync takes.
  world_.strike(Point::kDuringSync, node_, world_.machine().sync_time());
  world_.book().uncertain(row.id);
  if (world_.options().plant == Plant::kDoubleSettle) row = settle_twice(std::move(row), events);
  store::SessionRow row_copy = row;
  std::vector<contract::Event> events_copy = events;
  auto done = co_await write(ctx, std::move(row_copy), expected_last, std::move(events_copy));
  bool unanswered = life_.dead() || (!done && !refused(done.error()));
  if (unanswered) co_await find_out(ctx, row.id, std::move(events));
  if (life_.dead()) co_return fail(Life::error());
  if (!done) {
    if (refused(done.error())) world_.book().refused(row.id);
    world_.verdict().note("node {}: append to {} after {} failed: {}", node_, row.id.str(),
                          expected_last, done.error().to_string());
    co_return done;
  }
  if (world_.strike(Point::kAfterSync, node_)) co_return fail(co_await life_.hang(ctx));
  co_return co_await settle(ctx, std::move(row), expected_last, std::move(events));
}

Task<Result<void>> NodeJournal::write(Context ctx, store::SessionRow row, uint64_t expected_last,
                                      std::vector<contract::Event> events) {
  if (world_.options().plant == Plant::kMissingFence) {
    co_return co_await append_without_fence(ctx, journal(), std::move(row), expected_last,
                                            std::move(events));
  }
  co_return co_await journal().append(ctx, std::move(row), expected_last, std::move(events));
}

/// An append without an answer: if it is in the journal it is durable, and whoever reads it builds
/// on it.
Task<void> NodeJournal::find_out(Context ctx, SessionId session,
                                 std::vector<contract::Event> events) {
  if (events.empty()) co_return;
  Book& book = world_.book();
  uint64_t known = book.last(session);
  uint64_t last = events.back().sequence;
  if (known >= last) co_return;
  auto found = co_await journal().read(ctx.detached(), session, known + 1, last - known);
  // Another process may have read it in the meantime, and the book with it.
  if (!found || book.last(session) != known) co_return;
  bool there = found->size() == last - known && found->back().hash == events.back().hash;
  if (there) book.adopt(session, *found);
}

/// The append is durable: the book takes it in, after what its writer must have read before.
Task<Result<void>> NodeJournal::settle(Context ctx, store::SessionRow row, uint64_t expected_last,
                                       std::vector<contract::Event> events) {
  Book& book = world_.book();
  uint64_t known = book.last(row.id);
  if (known < expected_last && book.is_uncertain(row.id)) {
    auto missed = co_await journal().read(ctx.detached(), row.id, known + 1, expected_last - known);
    if (life_.dead()) co_return fail(Life::error());
    if (missed) book.adopt(row.id, *missed);
  }
  book.committed(node_, row, expected_last, events);
  co_return Result<void>();
}

template <typename T>
Task<Result<T>> NodeJournal::alive(Task<Result<T>> work) {
  if (life_.dead()) co_return fail(Life::error());
  Result<T> out = co_await std::move(work);
  if (life_.dead()) co_return fail(Life::error());
  co_return out;
}

Task<Result<std::vector<contract::Event>>> NodeJournal::read(Context ctx, SessionId session,
                                                             uint64_t from, size_t max_events) {
  if (world_.faults().read_fails()) {
    co_return fail(Code::kUnavailable, "the disk could not be read", Retry::kSameTarget);
  }
  co_return co_await alive(journal().read(ctx, std::move(session), from, max_events));
}

Task<Result<store::SessionRow>> NodeJournal::find(Context ctx, SessionId session) {
  return alive(journal().find(ctx, std::move(session)));
}

Task<Result<std::vector<store::SessionRow>>> NodeJournal::list(Context ctx,
                                                               store::SessionFilter filter) {
  return alive(journal().list(ctx, std::move(filter)));
}

Task<Result<std::vector<store::SessionRow>>> NodeJournal::due(Context ctx, WallTime until,
                                                              size_t limit) {
  return alive(journal().due(ctx, until, limit));
}

Task<Result<store::TreeTotals>> NodeJournal::tree(Context ctx, SessionId root) {
  return alive(journal().tree(ctx, std::move(root)));
}

Task<Result<void>> NodeJournal::save_snapshot(Context ctx, SessionId session,
                                              store::Snapshot snapshot) {
  return alive(journal().save_snapshot(ctx, std::move(session), std::move(snapshot)));
}

Task<Result<std::optional<store::Snapshot>>> NodeJournal::load_snapshot(Context ctx,
                                                                        SessionId session) {
  return alive(journal().load_snapshot(ctx, std::move(session)));
}

Task<Result<void>> NodeJournal::erase(Context ctx, SessionId session) {
  if (life_.dead()) co_return fail(Life::error());
  co_return co_await alive(journal().erase(ctx, std::move(session)));
}

store::Journal& NodeJournal::journal() { return world_.machine().journal(); }

}  // namespace drover::world
