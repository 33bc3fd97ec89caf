#pragma once
// Follows a session's live output: what its model says while it says it, then the accepted answer,
// the tools it asks for, and why it waits or ended. One object a client; it holds no more than the
// piece at hand, so a slow client costs nothing but its own time: it reads the stream log, or the
// journal once that has the answer.
//
// Positions are (sequence, attempt, offset). Of text: the sequence of the call's intent (the first
// model.call), the attempt, and the bytes of its text so far; of everything else the sequence of
// its event. A client that comes back with its last position misses nothing and gets nothing twice
// within an attempt; where an attempt was replaced, a reset says from where the text is void.
//
// Loop thread only. The manager and the streams outlive it.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "session/live_streams.h"
#include "session/manager.h"

namespace drover::session {

struct LivePosition {
  uint64_t sequence = 0;
  uint32_t attempt = 0;
  uint64_t offset = 0;
  /// "12.1.340"
  std::string text() const;
  static Result<LivePosition> parse(std::string_view text);
  bool operator==(const LivePosition&) const = default;
};

/// One thing told to a client; `data` is JSON.
///   delta      {"text"}: goes on where the one before ended
///   reset      {"from","attempt"}: the text from that position on is void
///   message    {"message","finish_reason","model"}: the accepted answer, or what a planner says
///   tool_call  {"name","call_id","arguments"}
///   waiting    {"for", …}: what the session waits for, with the error of a failed model call.
///   Without a position where the journal has no
///              event of its own for it: told again to a client that comes back
///   ended      {"reason", …}: nothing follows
struct LiveEvent {
  std::string_view name;
  std::optional<LivePosition> position;
  std::string data;
};

class LiveFollower {
 public:
  LiveFollower(SessionManager& sessions, LiveStreams& live, identity::Principal who, SessionId id)
      : sessions_(sessions), live_(live), who_(std::move(who)), id_(std::move(id)) {}

  /// Begins with the event of that sequence.
  Task<Result<void>> begin_at(Context ctx, uint64_t sequence);
  /// Begins after what the client has seen. kOutOfRange beyond the journal's end.
  Task<Result<void>> begin_after(Context ctx, LivePosition seen);
  /// The session has ended and all of it was told.
  bool over() const { return over_; }
  /// The next things to tell, at least one; empty once it is over.
  Task<Result<std::vector<LiveEvent>>> next(Context ctx);

 private:
  using Out = std::vector<LiveEvent>;
  Task<Result<void>> read_journal(Context ctx, Out* out, uint64_t version);
  Task<Result<void>> read_text(Context ctx, Out* out);
  Task<Result<void>> read_state(Context ctx, Out* out);
  Result<void> take(const contract::Event& event, Out& out);
  void take_model_call(const contract::Event& event, Out& out);
  void take_answer(const contract::Event& event, const Json& payload, const Json& message,
                   Out& out);
  void take_plan(const contract::Event& event, const Json& payload, Out& out);
  void reset(uint32_t attempt, Out& out);
  void tell_text(std::string_view text, Out& out);

  SessionManager& sessions_;
  LiveStreams& live_;
  identity::Principal who_;
  SessionId id_;
  std::shared_ptr<LiveWatch> watch_;
  uint64_t cursor_ = 1;               // the next sequence to read
  std::optional<LivePosition> open_;  // in a call's text: how much of it was told
  std::optional<uint64_t> read_;      // the watch's `journal` when all was read
  /// Told of a wait that has no event of its own.
  Json wait_ = Json::object().set("for", "message");
  bool wait_told_ = false;
  bool state_read_ = false;
  bool over_ = false;
};

}  // namespace drover::session
