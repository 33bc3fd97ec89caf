#pragma once
// How an effect is done: each function makes one attempt and returns what is to be written down,
// always ending with the result event. Nothing here touches the session's state or its journal.

#include <memory>
#include <string>
#include <vector>

#include "session/draft.h"
#include "session/services.h"
#include "session/state.h"
#include "session/time_left.h"

namespace drover::session {

/// What a model call needs of the state, taken when it starts.
struct ModelTask {
  SessionId session;
  SessionId root;  // of its tree
  TenantId tenant;
  std::string key;  // whose budgets it counts against
  AgentSpec agent;
  std::vector<std::string> models;
  std::vector<contract::Message> messages;
  std::string prompt_hash;
  policy::Needs needs;     // of the endpoint that serves it
  std::string data_class;  // of the session, as text
  Standing standing;       // as the journal has it
  Json labels;
  std::string scratch_store;  // where its scratch data lies: scratch_hop.h
  uint64_t sequence = 0;
  uint32_t attempt = 1;
  /// The output limit: the agent's, or less where a budget has no more.
  std::optional<int64_t> output_tokens_max;
  /// The budget that set that limit: an answer that reaches it is cut, not finished.
  std::optional<OverBudget> clamp;
  /// Time that the budgets leave; absent: no limit.
  std::optional<TimeLeft> time_left;
  bool batched = false;  // it was in a batch
};

struct ToolTask {
  SessionId session;
  TenantId tenant;
  std::string key;  // of whoever began the session
  /// Filled in by the call; may be null.
  tools::CallReport* report = nullptr;
  std::string agent_name;
  std::string memory_namespace;
  std::string scratch_store;  // where its scratch data lies
  std::vector<std::string> servers;
  std::vector<std::string> models;  // that will read the result
  std::string data_class;           // of the session, as text
  Json labels;
  contract::ToolCall call;
  uint64_t call_index = 0;
  uint64_t sequence = 0;
  uint32_t attempt = 1;
  std::optional<TimeLeft> time_left;
  /// The rules keep the data from whoever was to do it: that is its result.
  std::optional<Error> refused;
};

struct PlanTask {
  SessionId session;
  TenantId tenant;
  PlannerSpec planner;
  std::string data_class;  // of the session, as text
  Json question;
  uint64_t sequence = 0;
  uint32_t attempt = 1;
  std::optional<TimeLeft> time_left;
  std::optional<Error> refused;  // as a tool's
};

struct EffectResult {
  std::vector<Draft> drafts;
  /// No answer was had and another attempt may get one.
  bool retry = false;
  /// It lies in a provider's batch: the session waits, and what was reserved stays so.
  bool parked = false;
  /// What a model call used and cost, answered or not.
  int64_t tokens = 0;
  Money cost;
  bool estimated = false;
  /// The budget that cut the attempt, of its step or its tree; scope "account": one of the server
  /// (road/accounts.h) refused it.
  std::optional<OverBudget> cut;
  std::string cut_why;  // for people
};

Task<EffectResult> run_model_call(Context ctx, Services services, ModelTask task);
Task<EffectResult> run_tool_call(Context ctx, Services services, ToolTask task);
Task<EffectResult> run_plan(Context ctx, Services services, PlanTask task);

/// An error as results carry it.
Json error_json(const Error& error);

/// A plan that asks for more waits than the session may have counts as a failed answer.
void refuse_overfull(const State& state, EffectResult& planned);

/// What a planner is asked (contract/README.md), but for the events since its last plan: whoever
/// hands the question out adds them (add_events).
Json question_head(const State& state);
/// What a worker is told: of that tool call, or, where it is null, of the question that is pending
/// (the same, its events apart).
Json work_body(const State& state, const PendingToolCall* call);
Task<Result<void>> add_events(Context ctx, store::Journal* journal, SessionId session,
                              uint64_t from, Json* question);

}  // namespace drover::session
