#pragma once
// Hears the text of sessions' answers while it comes in, ahead of the journal, for showing it to
// somebody who sits there. The journal alone says what was answered: a piece that was heard may
// belong to an attempt that failed, and then the next attempt begins anew.
//
// Handed in by src/app, may be absent; outlives the sessions. Called on the loop thread, must not
// wait and keeps no reference to what it is given. Only agents with `stream: true` are heard.

#include <cstdint>
#include <string_view>

#include "base/ids.h"

namespace drover::session {

class LiveAnswers {
 public:
  virtual ~LiveAnswers() = default;
  /// An attempt begins: what an earlier one of this call said is void. `call` is the sequence of
  /// the call's intent in the journal.
  virtual void attempt(const SessionId& session, uint64_t call) = 0;
  virtual void text(const SessionId& session, uint64_t call, std::string_view piece) = 0;
};

}  // namespace drover::session
