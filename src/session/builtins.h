#pragma once
// Tools that the runtime itself gives an agent (its `builtins`): to sleep, to wait for a signal, to
// spawn children, to ask for more budget. A model calls them like any tool; the journal shows the
// call, the wait and the result. Pure: what they do follows from the arguments and the state.
//
// Arguments that cannot be read are answered to the model as an error result, never as a failure.

#include <string>
#include <string_view>
#include <vector>

#include "contract/chat.h"
#include "session/state.h"

namespace drover::session {

inline constexpr std::string_view kBuiltinExecutor = "builtin";
inline constexpr std::string_view kSleepTool = "drover_sleep";
inline constexpr std::string_view kSignalTool = "drover_wait_for_signal";
inline constexpr std::string_view kSpawnTool = "drover_spawn";
inline constexpr std::string_view kExtensionTool = "drover_request_extension";

/// "sleep", "wait_for_signal", "spawn", "request_extension".
bool is_builtin_name(std::string_view name);
std::string builtin_names();
/// True if this agent was given that tool.
bool is_builtin_tool(const AgentSpec& agent, std::string_view tool);
/// What the model is told of the agent's built-in tools.
std::vector<contract::ToolDefinition> builtin_definitions(const AgentSpec& agent);

/// The children that a drover_spawn call asks for.
Result<ChildGroup> spawn_group(std::string_view arguments);
/// Whether the budgets of its tasks can be read. Asked before the call is written down: what a
/// journal holds was taken once.
Result<void> check_spawn(std::string_view arguments);
/// What follows the tool.call of another built-in: the payload of a wait.started or of a
/// budget.extension_requested. `now` is the time of the last event.
struct BuiltinStep {
  std::string_view kind;
  Json payload;
};
Result<BuiltinStep> builtin_step(const PendingToolCall& call, WallTime now);

/// The payload of a budget.extension_requested, from a tool's arguments or a plan's effect.
Json extension_payload(const Json& body, const std::string& request_id);
/// When a wait that names seconds or a time is due.
std::optional<WallTime> due_of(const Json& body, std::string_view seconds, WallTime now);

}  // namespace drover::session
