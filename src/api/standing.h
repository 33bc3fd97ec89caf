#pragma once
// Where on an agent's downgrade ladder a call was made, as callers see it: a header, and nothing at
// the ladder's top. Any thread.

#include "http/message.h"
#include "road/downgrade.h"
#include "session/state.h"

namespace drover::api {

void add_downgrade(http::Headers& headers, const road::Downgraded& down);
/// Of a session's last call.
void add_standing(http::Headers& headers, const session::Standing* standing);

}  // namespace drover::api
