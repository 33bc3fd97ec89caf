#pragma once
// An agent: the versioned description that a session runs. A session keeps the description it
// began with in its journal until it is moved to another version (an agent.changed event).
//
// YAML or JSON form:
//   name: support
//   version: "3"                 # default: a hash of the rest
//   instructions: You help …
//   models: [claude-sonnet, gpt-4o]   # the ladder, first choice first
//   tools: [orders, flights]     # names of tool servers in drover.yaml
//   builtins: [sleep, wait_for_signal, spawn, request_extension]   # session/builtins.h
//   approvals: [refund, "delete_*"]   # tool calls that wait for a person
//   memory: {namespace: customers, tools: true}
//   planner: {url: "http://127.0.0.1:9000/plan", timeout_s: 30}   # or {queue: name, tools: ["*"]}
//   limits: {steps: 40, at_limit: pause, output_tokens: 1024}
//   step_budget: {tokens: 20000, time_s: 120}
//   extensions: {auto: {tokens: 40000, time_s: 300, requests: 2}, otherwise: ask}
//   tree: {depth: 4, width: 16, spawns: 256, steps: 2000, tokens: 1000000, cost_usd: "20"}
//   parameters: {temperature: 0, stream: true}
//   data: {residency: eu, sensitivity: confidential}   # or a class's name; contract/data_class.h
//   prefer: cheapest             # what orders endpoints of a model; road/preference.h
//   service_class: slow          # fast, slow or auto; road/service_class.h
//   batch: {within: 24h}         # slow calls may lie in a provider's batch; road/batch_road.h
//   downgrade: [{models: [claude-haiku]}, {context_tokens: 32000}]   # road/downgrade.h
//   needs: {vision: true, hardware: [h200]}   # of each step's endpoint; policy/needs.h
//
// Values.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/json.h"
#include "base/limits/batch.h"
#include "base/limits/session.h"
#include "base/money.h"
#include "base/result.h"
#include "base/time.h"
#include "policy/needs.h"
#include "road/downgrade.h"
#include "road/preference.h"
#include "road/service_class.h"

namespace drover::session {

/// Who decides what is next, in place of the built-in loop. At most one of url and queue is set.
struct PlannerSpec {
  /// An HTTP endpoint that is asked (session/planner.h).
  std::string url;
  std::map<std::string, std::string> headers;
  /// A queue whose workers lease the question (session/work_queue.h).
  std::string queue;
  /// Globs of the tool calls that the queue's workers run too; absent: all, if the agent has no
  /// other tools.
  std::optional<std::vector<std::string>> tools;
  Duration timeout = limits::kPlannerTimeout;

  bool set() const { return !url.empty() || !queue.empty(); }
  /// "http" or "queue:<name>", as events name it; "" for the built-in loop.
  std::string name() const;
};

/// What one step (a model call and the tool calls that it asks for) may use.
struct StepBudget {
  std::optional<int64_t> tokens;  // input and output of the model call
  std::optional<Duration> time;   // of whatever is under way; for workers their queue included
};

/// Who decides on a request for more than the step budget: a rule up to its limits, then a person
/// or nobody.
struct ExtensionRules {
  int64_t auto_tokens = 0;  // granted without asking, in all of a session
  Duration auto_time{};
  int64_t auto_requests = 0;
  /// Beyond the rule a person is asked; otherwise it is refused.
  bool ask = true;
};

/// What a session and all its descendants may use together. Always finite.
struct TreeLimits {
  int64_t depth = limits::kTreeDepthMax;    // levels below the root
  int64_t width = limits::kTreeWidthMax;    // open children of one session; more queue
  int64_t spawns = limits::kTreeSpawnsMax;  // children in all; more are refused
  int64_t steps = limits::kTreeStepsMax;
  int64_t tokens = limits::kTreeTokensMax;
  Money cost = Money::from_usd(limits::kTreeCostUsdMax);
  Duration time = limits::kTreeTimeMax;  // from the root's start

  Json to_json() const;
  /// Absent members keep the default. `where` names the object in errors.
  static Result<TreeLimits> from_json(const Json& json, const std::string& where);
  bool operator==(const TreeLimits&) const = default;
};

struct AgentSpec {
  enum class AtLimit : uint8_t { kPause, kEnd };

  std::string name;
  std::string version;
  std::string instructions;
  std::vector<std::string> models;
  std::vector<std::string> tools;
  std::vector<std::string> builtins;
  /// Globs ("*" and "?") of tool names whose calls wait for a person.
  std::vector<std::string> approvals;
  /// Namespace of the agent's memory; empty: no memory tools.
  std::string memory_namespace;
  PlannerSpec planner;
  int64_t steps_max = limits::kSessionStepsMax;
  AtLimit at_limit = AtLimit::kPause;
  std::optional<int64_t> output_tokens_max;
  StepBudget step_budget;
  ExtensionRules extensions;
  TreeLimits tree;
  std::optional<double> temperature;
  std::optional<double> top_p;
  std::optional<int64_t> seed;
  bool stream = false;
  /// Of all that its sessions hold, as text; what comes in may make it stricter.
  std::string data_class;
  /// Empty: the operator's.
  std::optional<road::Preference> prefer;
  /// Empty: what the operator's policy says.
  std::optional<road::ServiceClass> service_class;
  /// How long its calls may lie in a provider's batch; empty: they never do.
  std::optional<Duration> batch_within;
  /// What it gives up while there is not enough; null: nothing.
  std::shared_ptr<const road::DowngradeLadder> downgrade;
  /// Of each of its steps; a plan may add to them.
  policy::Needs needs;
  /// End the session when the model has answered without asking for a tool.
  bool end_after_answer = false;
  /// A streamed answer that breaks off may be continued by another endpoint.
  bool continue_cut = false;

  bool has_builtin(std::string_view builtin) const;
  bool needs_approval(std::string_view tool) const;
  /// True if calls of that tool are leased to the workers of the planner's queue.
  bool runs_on_worker(std::string_view tool) const;
  /// Its models, and those that it may come down to.
  std::vector<std::string> all_models() const;

  /// Unknown members are an error that names them (a typing mistake must not be silent).
  static Result<AgentSpec> from_json(const Json& json);
  Json to_json() const;
};

/// Where the agent comes from that a new session or a spawn names.
class AgentSource {
 public:
  virtual ~AgentSource() = default;
  /// "name" or "name@version"; kNotFound names those there are.
  virtual Result<AgentSpec> resolve(const TenantId& tenant, std::string_view reference) const = 0;
};

/// "*" stands for any text, "?" for one character.
bool glob_matches(std::string_view glob, std::string_view text);

}  // namespace drover::session
