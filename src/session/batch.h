#pragma once
// Drafts become events: the batch gives each its place in the journal (id, sequence, time, salt,
// hashes) and folds it into the state at once, so that decide() sees it and its consequences
// commit together with it (DESIGN.md, rule 3).

#include <optional>
#include <vector>

#include "base/random.h"
#include "crypto/sha256.h"
#include "session/state.h"

namespace drover::session {

class Batch {
 public:
  Batch(State& state, Clock& clock, Random& random)
      : state_(state), clock_(clock), random_(random), first_(state.last_sequence) {}

  /// Makes the event and folds it. After an error the state must be discarded. Times never go
  /// backwards within a session, whatever the clock does.
  Result<uint64_t> add(Draft&& draft);
  bool empty() const { return events_.empty(); }
  /// The sequence before the batch: the journal's fence.
  uint64_t expected_last() const { return first_; }
  const std::vector<contract::Event>& events() const { return events_; }
  std::vector<contract::Event> take() { return std::move(events_); }

 private:
  Result<void> make(contract::Event& event, Draft&& draft);

  State& state_;
  Clock& clock_;
  Random& random_;
  uint64_t first_;
  std::vector<contract::Event> events_;
  std::optional<crypto::Digest> last_hash_;  // of the state, once an event was added
};

/// Checks an event's hashes; also that it follows the event whose hash that is, unless it is empty.
/// The message does not name the event. Purged payloads (no payload, no salt) are taken on their
/// commitment.
Result<void> verify_event(const SessionId& session, const contract::Event& event,
                          std::string_view previous_hash);
/// Checks numbering and the hash chain of a session's events from its beginning: kDataLoss with
/// the first bad sequence.
Result<void> verify_chain(const SessionId& session, const std::vector<contract::Event>& events);

}  // namespace drover::session
