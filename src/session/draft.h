#pragma once
// A draft: what is to be written down, before it has its place in the journal (batch.h gives it
// one). Values.

#include <string>

#include "base/json.h"
#include "contract/event.h"

namespace drover::session {

struct Draft {
  std::string kind;
  Json payload;
  uint64_t causation = 0;
  uint32_t attempt = 0;
  contract::Actor actor;
  /// Of what it brings into the session; empty: nothing beyond the session's own.
  std::string data_class;
};

/// A draft of the runtime's own (actor "system").
inline Draft system_draft(std::string_view kind, Json payload, uint64_t causation = 0,
                          uint32_t attempt = 0) {
  return Draft{std::string(kind), std::move(payload), causation, attempt, {"system", {}}, {}};
}

}  // namespace drover::session
