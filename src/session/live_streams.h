#pragma once
// The text of sessions' model calls while it comes in: from the sinks of the calls into the stream
// log, and from there to followers (live_follower.h). Followers see only what the log has, so that
// a restart forgets nothing that somebody saw.
//
// One object a process, made and owned by src/app; outlives the sessions and the followers. Loop
// thread only. Text is gathered and written for all calls at once, every few milliseconds while
// somebody follows. If the log fails (a full disk), followers get that call's text when the journal
// has it: live output degrades, sessions do not. Limits: limits::kLive….

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "async/scope.h"
#include "async/sync.h"
#include "base/limits/live.h"
#include "providers/provider.h"
#include "session/live.h"
#include "store/stream_log.h"

namespace drover::session {

using async::Context;
using async::Task;

/// What followers of a session wait for.
struct LiveWatch {
  uint64_t journal = 0;  // grows with each commit of the session
  uint64_t text = 0;     // grows with each write of its text
  async::WaitQueue queue;
};

class LiveStreams {
 public:
  /// `log` outlives it, and so does `listener`, who hears all text at once, before the log has it;
  /// may be null.
  LiveStreams(const Context& parent, store::StreamLog& log, LiveAnswers* listener = nullptr);
  ~LiveStreams();
  LiveStreams(const LiveStreams&) = delete;
  LiveStreams& operator=(const LiveStreams&) = delete;

  /// One attempt's text on its way into the log.
  struct Call {
    store::StreamKey key;
    std::string tail;  // the newest text, from `begin` on
    uint64_t begin = 0;
    uint64_t written = 0;  // up to here the log has it
    bool queued = false;   // among those to be written
    bool open = true;      // its sink may bring more
    bool dropped = false;  // superseded, accepted, or the log failed: its text goes nowhere
    uint64_t end() const { return begin + tail.size(); }
  };

  // For the actor.
  /// The session's journal has grown; `sequence` and `attempt` name the model call that is pending
  /// now (0: none). What other calls streamed is in the journal, or void, and goes.
  void committed(const SessionId& session, uint64_t sequence, uint32_t attempt);

  // For LiveSink.
  std::shared_ptr<Call> open(store::StreamKey key);
  void append(const std::shared_ptr<Call>& call, std::string_view text);
  /// Waits while too much of the call's text is not written yet.
  Task<Result<void>> room(Context ctx, std::shared_ptr<Call> call);
  void close(const std::shared_ptr<Call>& call);

  // For followers.
  /// kResourceExhausted beyond limits::kLiveFollowedMax sessions followed; kUnavailable while
  /// stopping.
  Result<std::shared_ptr<LiveWatch>> watch(const SessionId& session);
  /// An attempt's text from `offset`; empty if there is none yet.
  Task<Result<std::string>> read(Context ctx, store::StreamKey key, uint64_t offset,
                                 size_t bytes_max);
  /// Followers end, so that their connections do not hold up the end of the process.
  void release_followers();
  bool stopping() const { return stopping_; }

  /// Writes what is left.
  Task<void> stop();

 private:
  using Watches = std::map<SessionId, std::weak_ptr<LiveWatch>>;

  void arm(Duration wait);
  void start_flush();
  Task<void> flush();
  void flushed(Call& call, const Result<void>& done);
  std::shared_ptr<LiveWatch> watched(const SessionId& session) const;

  store::StreamLog& log_;
  LiveAnswers* const listener_;
  async::Scope scope_;
  std::map<SessionId, std::shared_ptr<Call>> calls_;  // the last attempt of each session
  std::shared_ptr<Watches> watches_;
  std::vector<std::shared_ptr<Call>> queue_;
  async::Loop& loop_;
  async::Loop::TimerId timer_ = 0;
  MonoTime due_{};
  bool flushing_ = false;
  bool stopping_ = false;
  bool failing_ = false;  // the log's last write failed
  async::WaitQueue room_;
};

/// The sink of one attempt at a session's model call. The session takes the whole answer at its
/// end; what comes before is for those who follow it.
class LiveSink final : public providers::Sink {
 public:
  /// `live` may be null: then nothing is kept.
  LiveSink(LiveStreams* live, store::StreamKey key);
  ~LiveSink() override;
  Task<Result<void>> delta(Context ctx, const contract::StreamDelta& delta) override;

 private:
  LiveStreams* live_;
  std::shared_ptr<LiveStreams::Call> call_;
};

}  // namespace drover::session
