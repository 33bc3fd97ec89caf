#pragma once
// The pure core's state: what a session's journal says, folded. Touches no clock, no random, no
// network, no disk: the same events always give the same state, and the same state always the
// same next drafts (DESIGN.md, rule 1). Time is the time of events. Values.
//
// Where to look: fold.cc takes events apart by kind (fold_turn.cc: models and tools, fold_waits.cc,
// fold_tree.cc: children, fold_budget.cc, fold_plan.cc, fold_work.cc); decide.cc says what to write
// next; snapshot.h keeps a state beside the journal so that a long one need not be read again.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/limits/session.h"
#include "contract/chat.h"
#include "contract/event.h"
#include "session/agent.h"
#include "session/draft.h"
#include "session/prompt_tally.h"
#include "session/subtask.h"

namespace drover::session {

/// An effect that was decided and has no accepted result yet; its intent's sequence names it.
struct PendingEffect {
  uint64_t sequence = 0;
  uint32_t attempt = 1;
  /// The last attempt brought no answer; another one follows when something wakes it.
  bool failed = false;
  /// Attempts of before a person last said to go on: the limit counts from there.
  uint32_t attempts_before = 0;
  /// A model call that was in a provider's batch: the wait for it began.
  bool batched = false;

  bool exhausted() const { return attempt - attempts_before >= limits::kEffectAttemptsMax; }
};

/// A budget that stopped the session, which goes on once it is lifted; or one that an effect is
/// held to, and cut by.
struct OverBudget {
  std::string budget;  // "steps", "tokens", "money", "time"
  std::string scope;   // "step", "subtask", "tree", "account"
  std::string limit;   // as it was then; "" where nothing says
  /// Of a subtask: the session above that has the limit; "": its own.
  std::string limit_of = {};

  /// Another session's journal has the limit, and its raise.
  bool elsewhere() const { return scope == "tree" || !limit_of.empty(); }
};

/// What a model call may use: the reservation made for it, and where it is cut.
struct Reservation {
  int64_t tokens = 0;
  Money cost;
  /// The output limit of the request; absent: the agent's own.
  std::optional<int64_t> output_tokens;
  /// Which budget left no more for it.
  std::optional<OverBudget> clamp;
  bool open = false;
};

/// A tool call of the last turn.
struct PendingToolCall {
  contract::ToolCall call;  // its arguments as they are used: edited ones after an approval
  /// Of the intent; of the wait that refused it, where a person did.
  uint64_t sequence = 0;
  uint32_t attempt = 1;
  /// Position among all tool calls of the session, from 0.
  uint64_t call_index = 0;
  std::string executor;   // as in the tool.call event
  bool approved = false;  // a person allowed it
  bool waiting = false;   // a wait or a group of children holds it up
  bool ready = false;     // content is known; its tool.result is still to be written
  bool done = false;
  bool failed = false;  // cut by a budget: another attempt follows once it is lifted
  std::string content;
  bool is_error = false;

  /// Workers do it; otherwise a tool server or Drover itself.
  bool on_worker() const;
};

/// An effect that workers do or did, for their late results.
struct LeasedWork {
  uint64_t sequence = 0;  // of its intent
  uint32_t attempt = 1;   // the last one
  bool plan = false;
  uint32_t told = 0;  // attempts with a result in the journal: bit n - 1 for attempt n

  /// Whether a late result of that attempt is still to be recorded. Each is once, so that a worker
  /// that repeats itself does not lengthen the journal.
  bool untold(uint32_t n) const {
    return n >= 1 && n <= attempt && n <= 32 && (told & (uint32_t{1} << (n - 1))) == 0;
  }
};

/// Something the session waits for; open until its wait.resolved.
struct Wait {
  uint64_t sequence = 0;
  std::string what;  // "timer", "approval", "signal", "children", "budget", "limit", …
  std::optional<WallTime> until;
  std::string name;                    // of the signal
  std::optional<uint64_t> call_index;  // the tool call that it holds up
  std::string request_id;              // budget: the extension that a person decides
};

struct Signal {
  uint64_t sequence = 0;
  std::string name;
  Json payload;
};

/// A task of a group; a child once it was spawned.
struct ChildTask {
  uint64_t index = 0;  // among all tasks of the session, from 0
  std::string agent;   // "": the parent's own
  std::string message;
  SubtaskBudget budget;  // as it was given; once spawned as the child has it
  SessionId child;
  uint64_t sequence = 0;  // of its child.spawned; 0: waits for a place
  bool ended = false;
  std::string reason;
  std::string result;
  Json spec;  // the child's agent, while it is open
};

/// Children that are awaited together: of one drover_spawn call, or of one effect of a plan.
struct ChildGroup {
  std::optional<uint64_t> call_index;
  size_t needed = 0;      // ended children that satisfy it
  bool resolved = false;  // satisfied: no more are spawned, those still open are cancelled
  std::vector<ChildTask> tasks;
};

/// A request for more than the step budget.
struct Extension {
  uint64_t sequence = 0;
  std::string request_id;
  int64_t tokens = 0;
  Duration time{};
  std::optional<uint64_t> call_index;  // asked for by this tool call
  bool asked = false;                  // a person is asked: a wait for "budget" is open
};

/// What the current step has used, and what it was granted beyond the agent's step budget.
struct StepUse {
  int64_t tokens = 0;  // settled in this step; of an attempt that was lost its input only
  int64_t tokens_granted = 0;
  Duration time_granted{};
  /// When the step began: the time of its model.call. Paused time does not count.
  WallTime started{};
  Duration paused{};
  /// Granted while no model call was pending: for the step to come.
  int64_t next_tokens = 0;
  Duration next_time{};
};

/// Where on its agent's downgrade ladder the last model call was made (road/downgrade.h).
struct Standing {
  int64_t level = 0;
  std::string what;  // is given up; "" on top
  std::string why;
  bool serial = false;  // one tool call, and one child, at a time
};

/// An effect of a plan that was not begun yet.
struct PlannedEffect {
  std::string kind;
  Json body;
};

enum class Status : uint8_t { kNew, kRunning, kWaiting, kEnded };

struct State {
  SessionId id;
  TenantId tenant;
  AgentSpec agent;
  Json labels;  // what the caller said of the session
  std::string trace_id;
  /// That began it, or its tree, or imported it: whose budgets its calls count against.
  std::string key;
  /// Of all that is in it: the join of what the agent and the events said. As text, see
  /// contract/data_class.h; what is derived from the session (calls, results, memory, children)
  /// has this class.
  std::string data_class;
  SessionId root;  // of its tree; itself when it has no parent
  SessionId parent;
  uint64_t parent_sequence = 0;  // of the parent's child.spawned
  int64_t depth = 0;
  /// What the tree may use: of the root, raises included; for a child as it was at its start.
  TreeLimits tree;
  SubtaskBudget subtask;  // its own, raises included; for a child that was given one
  Status status = Status::kNew;
  /// What it waits for ("message", "limit", "model", "timer", …), or why it ended.
  std::string reason;
  std::string result;  // what it reports to its parent, once ended

  std::vector<contract::Message> messages;  // system first
  /// Messages that arrived during a turn; they follow it.
  std::vector<contract::Message> queued;
  /// Of `messages`, which only grow: counted when it is asked for.
  mutable PromptTally prompt;
  /// How many bytes of them the last answer's usage counted, and as how many tokens.
  int64_t counted_bytes = 0;
  int64_t counted_tokens = 0;
  std::optional<PendingEffect> model_call;
  Reservation reservation;                  // of model_call
  std::vector<PendingToolCall> tool_calls;  // of the last assistant turn, until all are done
  /// A message arrived or the tools are done: the model should be called.
  bool model_due = false;
  /// What a plan said of the next model call.
  std::vector<std::string> planned_models;
  std::optional<int64_t> planned_output_tokens;
  policy::Needs planned_needs;

  std::optional<PendingEffect> plan;  // the planner is asked
  bool plan_due = false;
  std::vector<PlannedEffect> planned;  // of the last plan, in order, not begun yet
  /// The last plan asked for effects: once all of them are done the planner is asked again.
  bool plan_running = false;
  /// The sequence of the last accepted plan: a planner is told what came after it.
  uint64_t planned_at = 0;

  std::vector<LeasedWork> leased;  // the latest, oldest first: limits::kLateWorkMax
  std::vector<Wait> waits;
  std::vector<Signal> signals;  // not taken yet
  std::vector<ChildGroup> groups;
  std::vector<Extension> extensions;  // undecided
  StepUse step;
  std::optional<OverBudget> over_budget;
  /// Since when that has stopped it, and how long earlier ones had.
  std::optional<WallTime> stopped_since;
  Duration stopped{};
  Standing standing;
  /// Where the session's scratch data lies, as of the last placement; "": in this server's own
  /// store, where it began.
  std::string scratch_store;
  bool last_extension_granted = false;
  int64_t extensions_granted = 0;  // by rule, in all
  int64_t extension_tokens_granted = 0;
  Duration extension_time_granted{};

  int64_t steps = 0;   // model calls and plans decided
  int64_t spawns = 0;  // children in all, refused ones not counted
  uint64_t tool_calls_total = 0;
  uint64_t tasks_total = 0;
  contract::Usage usage;  // summed
  int64_t tokens = 0;     // settled: input and output
  Money cost;             // settled

  WallTime started{};
  WallTime waiting_since{};  // while the status is waiting
  WallTime last_time{};
  uint64_t last_sequence = 0;
  std::string last_hash;  // hex

  /// Names the prompt that a model call is made with.
  const std::string& prompt_hash() const;
  /// Of `messages` as JSON.
  int64_t prompt_bytes() const;
  const Wait* find_wait(std::string_view what) const;
  const Wait* find_wait(uint64_t sequence) const;
  PendingToolCall* find_call(uint64_t call_index);
  const LeasedWork* find_leased(uint64_t sequence) const;
  /// How many waits may still be opened: limits::kWaitsMax.
  size_t waits_left() const;
  /// Not begun: it needs a person's word, and so many are asked for already that it cannot even
  /// ask.
  bool held_up(const PendingToolCall& call) const;
  /// The same of the next effect of a plan.
  bool plan_held_up() const;
  /// The earliest time at which a wait is due.
  std::optional<WallTime> due() const;
  /// When its class's retention ends, as of its last event. An open session for whose work alone it
  /// may be kept ("none", "session") has none yet, unless it is "none" and nobody works: a session
  /// that only waits would otherwise keep for ever what may be kept least of all.
  std::optional<WallTime> kept_until() const;
  /// The earlier of both: when it is to be looked at.
  std::optional<WallTime> look_at() const;
  /// Children that were spawned and have not ended, and how many may be open at once.
  size_t open_children() const;
  int64_t width() const { return standing.serial ? 1 : tree.width; }
  /// About how many input tokens the next model call has: what the last usage said, and what came
  /// since.
  int64_t input_tokens_estimate() const;
  /// The least that the next model call needs.
  int64_t next_call_tokens() const { return input_tokens_estimate() + limits::kOutputTokensMin; }
  /// Tokens and time that the current step may still use; absent: no limit.
  std::optional<int64_t> step_tokens_max() const;
  /// Of the next model call's endpoint: the agent's needs and the plan's.
  policy::Needs step_needs() const;
  std::optional<Duration> step_time_max() const;
};

/// "w12": the id of the wait whose wait.started has that sequence.
std::string wait_id(uint64_t sequence);
/// 0 if the text is no such id.
uint64_t parse_wait_id(std::string_view id);
/// "ses_…/12": the same over all attempts at an effect.
std::string idempotency_key(const SessionId& session, uint64_t sequence);

/// Applies one event. Unknown kinds change nothing but the position. kDataLoss for an event that
/// cannot follow (wrong sequence, result without a call, second accepted result).
Result<void> fold(State& state, const contract::Event& event);

/// The same with the payload at hand, as the event holds it.
Result<void> fold(State& state, const contract::Event& event, const Json& payload);

/// What is to be written next, in order: intents, waits, ends, and results that need no world.
/// What is pending already is not among them; empty: nothing until something arrives. Where a draft
/// needs what only the shell has (a child's id and description, a reservation), the shell adds it.
std::vector<Draft> decide(const State& state);

std::string_view status_name(Status status);

}  // namespace drover::session
