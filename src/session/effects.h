#pragma once
// How an effect is done: each function makes one attempt and returns what is to be written down,
// always ending with the result event. Nothing here touches the session's state or its journal.

#include <memory>
#include <vector>

#include "session/draft.h"
#include "session/services.h"

namespace drover::session {

/// What a model call needs of the state, taken when it starts.
struct ModelTask {
  SessionId session;
  TenantId tenant;
  AgentSpec agent;
  std::vector<contract::Message> messages;
  std::string prompt_hash;
  uint64_t sequence = 0;
  uint32_t attempt = 1;
};

struct ToolTask {
  SessionId session;
  TenantId tenant;
  std::string agent_name;
  std::string memory_namespace;
  std::vector<std::string> servers;
  Json labels;
  contract::ToolCall call;
  uint64_t call_index = 0;
  uint64_t sequence = 0;
  uint32_t attempt = 1;
};

struct EffectResult {
  std::vector<Draft> drafts;
  /// No answer was had and another attempt may get one.
  bool retry = false;
};

/// "ses_…/12": the same over all attempts at an effect.
std::string idempotency_key(const SessionId& session, uint64_t sequence);

Task<EffectResult> run_model_call(Context ctx, Services services, ModelTask task);
Task<EffectResult> run_tool_call(Context ctx, Services services, ToolTask task);

}  // namespace drover::session
