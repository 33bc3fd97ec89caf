#include "store/batch_signer.h"

#include "base/limits/store.h"
#include "base/log.h"

namespace drover::store {

void BatchSigner::durable(const SessionId& session, uint64_t sequence, std::string hash) {
  auto it = heads_.find(session.str());
  if (it == heads_.end()) {
    if (heads_.size() >= limits::kHeadsWaitingMax) return;
    it = heads_.emplace(session.str(), Place()).first;
  }
  if (sequence < it->second.sequence) return;
  it->second.sequence = sequence;
  it->second.hash = std::move(hash);
  if (heads_.size() >= limits::kHeadsWaitingMax / 2) hurry_.wake_all();
  if (std::exchange(running_, true)) return;
  scope_.spawn(run());
}

std::vector<Head> BatchSigner::take() {
  std::vector<Head> out;
  out.reserve(heads_.size());
  for (auto& [session, place] : heads_) {
    Head head;
    head.session = SessionId(session);
    head.sequence = place.sequence;
    head.hash = std::move(place.hash);
    out.push_back(std::move(head));
  }
  heads_.clear();
  return out;
}

void BatchSigner::put_back(std::vector<Head> heads) {
  for (Head& head : heads) {
    if (heads_.size() >= limits::kHeadsWaitingMax) return;
    Place place;
    place.sequence = head.sequence;
    place.hash = std::move(head.hash);
    heads_.emplace(head.session.str(), std::move(place));  // unless there is a newer one
  }
}

Task<void> BatchSigner::run() {
  const Context& ctx = scope_.context();
  while (!heads_.empty()) {
    Context pause = ctx.with_timeout(limits::kSignaturePause);
    async::Wake woken = co_await hurry_.wait(pause);
    (void)woken;
    auto heads = std::make_shared<std::vector<Head>>(take());
    const WallTime now = ctx.loop().wall();
    auto work = [files = files_.get(), heads, now] { return files->append(*heads, now); };
    writing_ = true;
    Result<void> done = co_await async::run_blocking(ctx, executor_, std::move(work));
    writing_ = false;
    if (done) {
      ++batches_;
    } else {
      put_back(std::move(*heads));
    }
    if (!done && !std::exchange(failing_, true)) {
      LOG_WARN("journals are not signed: {}", done.error().to_string());
    }
    if (done) failing_ = false;
    ++rounds_;
    done_.wake_all();
    if (!done) {
      if (ctx.cancelled()) break;
      auto slept = co_await async::sleep_for(ctx, 10 * limits::kSignaturePause);
      (void)slept;
    }
  }
  running_ = false;
  done_.wake_all();
}

Task<Result<void>> BatchSigner::flushed(Context ctx) {
  const uint64_t until = rounds_ + (writing_ ? 2 : 1);
  while (running_ && rounds_ < until) {
    hurry_.wake_all();
    async::Wake woken = co_await done_.wait(ctx);
    if (woken != async::Wake::kWoken) co_return fail(async::wake_error(woken, ctx));
  }
  co_return Result<void>();
}

Task<BatchSigner::Found> BatchSigner::find(Context ctx, SessionId session, uint64_t most,
                                           std::optional<WallTime> about) {
  auto work = [files = files_.get(), session, most, about] {
    return files->find(session, most, about);
  };
  co_return co_await async::run_blocking(ctx, executor_, std::move(work));
}

Task<Result<HeadProof>> BatchSigner::prove(Context ctx, Head newest, WallTime updated) {
  CO_TRY(auto found, co_await find(ctx, newest.session, newest.sequence, updated));
  if (found && found->head == newest) co_return std::move(*found);
  durable(newest.session, newest.sequence, newest.hash);
  CO_TRY_VOID(co_await flushed(ctx));
  const WallTime now = ctx.loop().wall();
  CO_TRY(found, co_await find(ctx, newest.session, newest.sequence, now));
  if (found && found->head == newest) co_return std::move(*found);
  co_return fail(Code::kUnavailable, "the session's last event could not be signed now",
                 Retry::kAfter);
}

Task<Result<HeadProof>> BatchSigner::prove_up_to(Context ctx, SessionId session, uint64_t most) {
  CO_TRY(auto found, co_await find(ctx, session, most, std::nullopt));
  if (found) co_return std::move(*found);
  co_return fail(Code::kNotFound,
                 "no event of the session up to " + std::to_string(most) + " was signed");
}

Task<void> BatchSigner::stop() {
  scope_.cancel("stopping");
  co_await scope_.join();
  auto synced = files_->sync();
  if (!synced) LOG_WARN("the signatures are not synced: {}", synced.error().to_string());
}

}  // namespace drover::store
