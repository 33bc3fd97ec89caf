#pragma once
// The way back of an answer: its bytes go through the codecs that run in production, and what they
// make of it is what Drover sees. Bytes may be damaged on the way: half of them, a flipped bit, an
// end that is another's, or nothing but garbage.
//
// Pure, but for the random handed in.

#include <string>

#include "base/random.h"
#include "contract/chat.h"
#include "tools/tool_set.h"

namespace drover::world {

std::string damaged(std::string bytes, Random& random);

/// What comes back for one call: `damage` stays nullptr for bytes that arrive as they were sent.
Result<Json> planner_over_wire(const Json& plan, Random* damage);
/// As OpenAI's dialect has it.
Result<contract::ChatResponse> model_over_wire(const contract::ChatResponse& answer,
                                               Random* damage);
/// As an MCP server's answer to tools/call.
Result<tools::ToolOutcome> tool_over_wire(const tools::ToolOutcome& outcome, Random* damage);

}  // namespace drover::world
