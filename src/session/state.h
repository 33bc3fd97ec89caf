#pragma once
// The pure core's state: what a session's journal says, folded. Touches no clock, no random, no
// network, no disk: the same events always give the same state, and the same state always the
// same next effects (DESIGN.md, rule 1). Values.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "contract/chat.h"
#include "contract/event.h"
#include "session/agent.h"

namespace drover::session {

/// A model call that was decided and has no accepted result yet.
struct PendingModelCall {
  uint64_t sequence = 0;  // of its intent; names the effect
  uint32_t attempt = 1;
};

/// A tool call of the last turn.
struct PendingToolCall {
  contract::ToolCall call;
  uint64_t sequence = 0;  // of its intent
  uint32_t attempt = 1;
  /// Position among all tool calls of the session, from 0.
  uint64_t call_index = 0;
  bool done = false;
  std::string content;
  bool is_error = false;
};

enum class Status : uint8_t { kNew, kRunning, kWaiting, kEnded };

struct State {
  SessionId id;
  TenantId tenant;
  AgentSpec agent;
  Json labels;  // what the caller said of the session
  std::string trace_id;
  Status status = Status::kNew;
  /// What it waits for ("message", "limit", "model"), or why it ended.
  std::string reason;

  std::vector<contract::Message> messages;  // system first
  /// Messages that arrived during a turn; they follow it.
  std::vector<contract::Message> queued;
  /// SHA-256 (hex) chained over `messages`: names the prompt that a model call is made with.
  std::string prompt_hash;
  std::optional<PendingModelCall> model_call;
  std::vector<PendingToolCall> tool_calls;  // of the last assistant turn, until all are done
  /// A message arrived or the tools are done: the model should be called.
  bool model_due = false;

  int64_t steps = 0;  // model calls decided
  uint64_t tool_calls_total = 0;
  contract::Usage usage;  // summed
  Money cost;

  uint64_t last_sequence = 0;
  std::string last_hash;  // hex
};

/// Applies one event. Unknown kinds change nothing but the position. kDataLoss for an event that
/// cannot follow (wrong sequence, result without a call, second accepted result).
Result<void> fold(State& state, const contract::Event& event);

/// What the session wants next.
struct Effect {
  enum class Kind : uint8_t {
    kModelCall,  // ask the model with state.messages
    kToolCall,   // run `call`
    kEnd,        // end with `reason`
    kWait,       // nothing to do until something arrives: `reason` names it
  };
  Kind kind = Kind::kWait;
  contract::ToolCall call;
  uint64_t call_index = 0;
  std::string reason;
};

/// The next effects, in order. Those already pending are not among them.
std::vector<Effect> decide(const State& state);

std::string_view status_name(Status status);

}  // namespace drover::session
