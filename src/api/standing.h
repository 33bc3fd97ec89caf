#pragma once
// Where a session stands on its agent's downgrade ladder, as callers see it. Any thread.

#include "http/message.h"
#include "session/state.h"

namespace drover::api {

/// Where on the ladder the session's last call was made; nothing at its top.
void add_standing(http::Headers& headers, const session::Standing* standing);

}  // namespace drover::api
