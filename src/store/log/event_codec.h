#pragma once
// Events in the log's compact form (FORMAT.md, "Events"): exact in both directions. What the frame
// or the event before says already is left out. Pure; any thread.

#include <string>
#include <string_view>

#include "contract/event.h"
#include "store/log/wire.h"

namespace drover::store::log {

/// What an event's form leans on: the frame's time, and the event before it in the frame.
struct EventContext {
  SessionId session;
  WallTime base;
  uint64_t sequence = 0;
  std::string previous_hash;  // of the event before in this frame; empty for the first
};

/// `blob_ref` names the blob that holds the payload; empty: the payload stands here.
void encode_event(WireWriter& out, const EventContext& context, const contract::Event& event,
                  std::string_view blob_ref);
/// Fails the reader on nonsense. *blob_ref is set when the payload is in a blob.
contract::Event decode_event(WireReader& in, const EventContext& context, std::string* blob_ref);

}  // namespace drover::store::log
