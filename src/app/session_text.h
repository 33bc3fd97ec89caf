#pragma once
// Events of a session as lines for people: what `drover session events` and `drover run` print.
// Pure.

#include <string>

#include "base/json.h"

namespace drover::app {

/// What an event says, on one line: the message, the tool and its arguments, the reason. Not
/// `whole`: cut as fits on a screen, but for why something failed.
std::string event_summary(const Json& event, bool whole = false);
/// Why a session goes no further, as the API's `failure` says.
std::string failure_text(const Json& failure);
/// Whether a placement is one of an agent without models, whose planner asked for none.
bool needs_no_endpoint(const Json& placement);
/// What stands in place of the endpoints where a placement has none. `hint`: reasons are not
/// printed, and it says how to see them.
std::string no_endpoint_text(const Json& placement, bool hint);
/// The text of a message in an event's payload, whether it stands as text or in parts.
std::string message_text(const Json& message);
/// "find_order({"id": "7"}), find_user({})" of an assistant message; "" without calls.
std::string tool_calls_text(const Json& message);
/// Whether the error of a model.result says that a budget stopped the call, whosever it is: the
/// session then waits for more of it, and not for a model.
bool stopped_by_budget(const Json& error);

}  // namespace drover::app
