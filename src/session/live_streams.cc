#include "session/live_streams.h"

#include <algorithm>

#include "base/limits/live.h"
#include "base/log.h"

namespace drover::session {

LiveStreams::LiveStreams(const Context& parent, store::StreamLog& log, LiveAnswers* listener)
    : log_(log),
      listener_(listener),
      scope_(parent),
      watches_(std::make_shared<Watches>()),
      loop_(parent.loop()) {}

LiveStreams::~LiveStreams() { loop_.cancel_timer(timer_); }

std::shared_ptr<LiveStreams::Call> LiveStreams::open(store::StreamKey key) {
  auto call = std::make_shared<Call>();
  call->key = std::move(key);
  std::shared_ptr<Call>& place = calls_[call->key.session];
  if (place != nullptr) place->dropped = true;
  place = call;
  if (listener_ != nullptr) listener_->attempt(call->key.session, call->key.sequence);
  return call;
}

void LiveStreams::append(const std::shared_ptr<Call>& call, std::string_view text) {
  if (listener_ != nullptr) listener_->text(call->key.session, call->key.sequence, text);
  if (call->dropped) return;
  call->tail += text;
  if (call->queued) return;  // its write is due already
  call->queued = true;
  queue_.push_back(call);
  arm(watched(call->key.session) != nullptr ? limits::kLiveFlushInterval
                                            : limits::kLiveUnwatchedInterval);
}

/// A write is due after `wait` at the latest.
void LiveStreams::arm(Duration wait) {
  if (flushing_) return;  // what has come meanwhile is looked at after it
  const MonoTime due = loop_.mono() + wait;
  if (timer_ != 0 && due_ <= due) return;
  loop_.cancel_timer(timer_);
  due_ = due;
  timer_ = loop_.call_at(due, [this] { start_flush(); });
}

void LiveStreams::start_flush() {
  timer_ = 0;
  scope_.spawn(flush());
}

Task<void> LiveStreams::flush() {
  if (flushing_) co_return;
  flushing_ = true;
  std::vector<std::shared_ptr<Call>> calls = std::move(queue_);
  queue_.clear();
  std::vector<store::StreamChunk> chunks;
  for (const std::shared_ptr<Call>& call : calls) {
    call->queued = false;
    if (call->dropped) continue;
    store::StreamChunk chunk;
    chunk.key = call->key;
    chunk.offset = call->written;
    chunk.text = call->tail.substr(call->written - call->begin);
    chunks.push_back(std::move(chunk));
  }
  std::erase_if(calls, [](const auto& call) { return call->dropped; });
  std::vector<uint64_t> ends;
  for (const std::shared_ptr<Call>& call : calls) ends.push_back(call->end());
  Result<void> done;
  Context ctx = scope_.context();
  if (!chunks.empty()) done = co_await log_.append(ctx, std::move(chunks));
  if (!done && !failing_) LOG_WARN("live output pauses: {}", done.error().to_string());
  failing_ = !done;
  for (size_t i = 0; i < calls.size(); ++i) {
    if (done) calls[i]->written = ends[i];
    flushed(*calls[i], done);
  }
  flushing_ = false;
  room_.wake_all();
  bool followed = std::any_of(queue_.begin(), queue_.end(), [this](const auto& call) {
    return watched(call->key.session) != nullptr;
  });
  if (followed) {
    arm(limits::kLiveFlushInterval);
  } else if (!queue_.empty()) {
    arm(limits::kLiveUnwatchedInterval);
  }
}

/// After a write of some of the call's text, or the failure of it.
void LiveStreams::flushed(Call& call, const Result<void>& done) {
  if (!done || call.dropped) {
    // What came meanwhile cannot follow; what was written is of no use.
    log_.forget(call.key);
    call.dropped = true;
    call.tail.clear();
    call.tail.shrink_to_fit();
  } else if (call.tail.size() > limits::kLiveTailBytesMax) {
    const uint64_t most = call.end() - limits::kLiveTailBytesMax / 2;
    const uint64_t begin = std::min(most, call.written);
    call.tail.erase(0, begin - call.begin);
    call.begin = begin;
  }
  if (auto watch = watched(call.key.session)) {
    ++watch->text;
    watch->queue.wake_all();
  }
  auto it = calls_.find(call.key.session);
  bool over = call.dropped || (!call.open && !call.queued);
  if (over && it != calls_.end() && it->second.get() == &call) calls_.erase(it);
}

Task<Result<void>> LiveStreams::room(Context ctx, std::shared_ptr<Call> call) {
  while (!call->dropped && call->end() - call->written > limits::kLivePendingBytesMax) {
    if (!flushing_) arm(Duration::zero());
    async::Wake wake = co_await room_.wait(ctx);
    if (wake != async::Wake::kWoken) co_return fail(async::wake_error(wake, ctx));
  }
  co_return Result<void>();
}

void LiveStreams::close(const std::shared_ptr<Call>& call) {
  call->open = false;
  if (call->queued || (flushing_ && call->written < call->end())) return;  // flushed() ends it
  auto it = calls_.find(call->key.session);
  if (it != calls_.end() && it->second == call) calls_.erase(it);
}

void LiveStreams::committed(const SessionId& session, uint64_t sequence, uint32_t attempt) {
  auto it = calls_.find(session);
  if (it != calls_.end() &&
      (it->second->key.sequence != sequence || it->second->key.attempt != attempt)) {
    it->second->dropped = true;
    calls_.erase(it);
  }
  log_.release(session, sequence, attempt);
  if (auto watch = watched(session)) {
    ++watch->journal;
    watch->queue.wake_all();
  }
}

std::shared_ptr<LiveWatch> LiveStreams::watched(const SessionId& session) const {
  if (watches_->empty()) return nullptr;
  auto it = watches_->find(session);
  return it == watches_->end() ? nullptr : it->second.lock();
}

Result<std::shared_ptr<LiveWatch>> LiveStreams::watch(const SessionId& session) {
  if (stopping_) return fail(Code::kUnavailable, "the server is stopping", Retry::kSameTarget);
  if (auto there = watched(session)) return there;
  if (watches_->size() >= limits::kLiveFollowedMax) {
    return fail(Code::kResourceExhausted, "too many sessions are followed; try again later",
                Retry::kAfter);
  }
  // The last follower of a session takes its entry with it.
  std::weak_ptr<Watches> all = watches_;
  auto forget = [all, session](LiveWatch* watch) {
    delete watch;
    if (auto map = all.lock()) map->erase(session);
  };
  std::shared_ptr<LiveWatch> made(new LiveWatch(), forget);
  (*watches_)[session] = made;
  auto call = calls_.find(session);
  if (call != calls_.end() && call->second->queued) arm(limits::kLiveFlushInterval);
  return made;
}

Task<Result<std::string>> LiveStreams::read(Context ctx, store::StreamKey key, uint64_t offset,
                                            size_t bytes_max) {
  auto it = calls_.find(key.session);
  if (it != calls_.end() && it->second->key == key) {
    const Call& call = *it->second;
    if (offset >= call.written) co_return std::string();
    if (offset >= call.begin) {
      size_t bytes = std::min<size_t>(bytes_max, call.written - offset);
      co_return call.tail.substr(offset - call.begin, bytes);
    }
  }
  co_return co_await log_.read(ctx, std::move(key), offset, bytes_max);
}

void LiveStreams::release_followers() {
  stopping_ = true;
  for (auto& [session, weak] : Watches(*watches_)) {
    if (auto watch = weak.lock()) watch->queue.wake_all();
  }
}

Task<void> LiveStreams::stop() {
  release_followers();
  loop_.cancel_timer(timer_);
  timer_ = 0;
  co_await scope_.join();
  co_await flush();
  loop_.cancel_timer(timer_);
  timer_ = 0;
}

LiveSink::LiveSink(LiveStreams* live, store::StreamKey key) : live_(live) {
  if (live_ != nullptr) call_ = live_->open(std::move(key));
}

LiveSink::~LiveSink() {
  if (call_ != nullptr) live_->close(call_);
}

Task<Result<void>> LiveSink::delta(Context ctx, const contract::StreamDelta& delta) {
  const auto* text = std::get_if<contract::TextDelta>(&delta);
  if (text == nullptr || call_ == nullptr || text->text.empty()) co_return Result<void>();
  live_->append(call_, text->text);
  if (call_->end() - call_->written <= limits::kLivePendingBytesMax) co_return Result<void>();
  co_return co_await live_->room(ctx, call_);
}

}  // namespace drover::session
