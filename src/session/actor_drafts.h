#pragma once
// Small helpers of the actor's handlers: drafts in somebody's name. Values.

#include "session/draft.h"

namespace drover::session {

/// A draft in the name of whoever did it.
inline Draft by(std::string_view kind, Json payload, contract::Actor actor,
                uint64_t causation = 0) {
  Draft d = system_draft(kind, std::move(payload), causation);
  d.actor = std::move(actor);
  return d;
}

/// Takes a member out of a payload; null if there is none.
inline Json take_member(Json& payload, std::string_view key) {
  Json* found = payload.find(key);
  if (found == nullptr) return Json();
  Json out = std::move(*found);
  payload.erase(key);
  return out;
}

}  // namespace drover::session
