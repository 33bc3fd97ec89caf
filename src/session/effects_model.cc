#include "contract/chat.h"
#include "session/builtins.h"
#include "session/scratch_hop.h"

namespace drover::session {
namespace {

int64_t micros(Duration d) { return d.count() / 1000; }

Json latency_json(const road::LatencyParts& parts) {
  Json out = Json::object();
  out.set("queue", micros(parts.queue));
  out.set("placement", micros(parts.placement));
  out.set("network", micros(parts.network));
  out.set("model", micros(parts.model));
  out.set("tool", micros(parts.tool));
  out.set("store", micros(parts.store));
  out.set("sync", micros(parts.sync));
  out.set("other", micros(parts.other));
  return out;
}

Draft model_draft(const ModelTask& task, std::string_view kind, Json payload) {
  Draft d;
  d.kind = std::string(kind);
  d.payload = std::move(payload);
  d.causation = task.sequence;
  d.attempt = task.attempt;
  d.actor.type = "system";
  return d;
}

Json placement_json(const road::Placement& placement, const std::string& data_class) {
  const road::Placement::Notes& notes = *placement.notes;
  Json endpoints = Json::array();
  for (const catalog::Endpoint* e : placement.endpoints) endpoints.push(e->id);
  Json rejected = Json::array();
  for (const road::Rejection& r : notes.rejected) {
    Json one = Json::object().set("endpoint", r.endpoint).set("reason", r.reason);
    if (!r.rule.empty()) one.set("rule", r.rule);
    rejected.push(std::move(one));
  }
  Json out = Json::object();
  out.set("endpoints", std::move(endpoints)).set("rejected", std::move(rejected));
  if (notes.removed > 0) out.set("removed", notes.removed);
  if (!data_class.empty()) out.set("data_class", data_class);
  if (!notes.needs.empty()) out.set("needs", notes.needs);
  if (notes.holds_images || notes.input_tokens > 0) {
    Json shown = Json::object();
    if (notes.holds_images) shown.set("images", true);
    if (notes.input_tokens > 0) shown.set("input_tokens", notes.input_tokens);
    out.set("request", std::move(shown));
  }
  if (!placement.epochs().catalog.empty()) {
    Json epochs = Json::object();
    epochs.set("catalog", placement.epochs().catalog).set("policy", placement.epochs().policy);
    out.set("epochs", epochs.set("health", placement.epochs().health));
  }
  return out;
}

/// Written when the rung is another than the journal has.
void add_downgrade(const ModelTask& task, const road::Downgraded& now, std::vector<Draft>& out) {
  // A call that was refused before that says nothing.
  if (!now.decided) return;
  const std::string what = now.rung.text();
  auto level = static_cast<int64_t>(now.level);
  if (level == task.standing.level && what == task.standing.what) return;
  constexpr const char* kAsDescribed = "as described";
  Json payload = Json::object();
  payload.set("from", task.standing.level == 0 ? kAsDescribed : task.standing.what);
  payload.set("to", level == 0 ? kAsDescribed : what);
  const bool up = level < task.standing.level || now.why.empty();
  payload.set("reason", up ? now.why_up : now.why);
  payload.set("level", level);
  if (!now.signal.empty()) payload.set("signal", now.signal);
  if (!now.zone.empty()) payload.set("zone", now.zone);
  if (!now.rung.models.empty()) {
    Json models = Json::array();
    for (const std::string& model : now.rung.models) models.push(model);
    payload.set("models", std::move(models));
  }
  if (now.rung.context_tokens) payload.set("context_tokens", *now.rung.context_tokens);
  if (now.rung.serial) payload.set("parallel_tool_calls", false);
  if (now.rung.service_class) {
    payload.set("service_class", road::service_class_name(*now.rung.service_class));
  }
  out.push_back(model_draft(task, contract::kind::kDowngrade, std::move(payload)));
}

/// One failover event for each failed attempt that another one followed.
void add_failovers(const ModelTask& task, const road::AttemptRecords& attempts,
                   std::vector<Draft>& out) {
  for (size_t i = 0; i + 1 < attempts.size(); ++i) {
    if (attempts[i].ok) continue;
    Json payload = Json::object();
    payload.set("from", attempts[i].endpoint->id);
    payload.set("to", attempts[i + 1].endpoint->id);
    payload.set("error", error_json(*attempts[i].error));
    payload.set("took_us", micros(attempts[i].took));
    if (attempts[i].continued) payload.set("continued", true);
    out.push_back(model_draft(task, contract::kind::kFailover, std::move(payload)));
  }
}

Json model_result_json(const ModelTask& task, const road::ModelOutcome& outcome) {
  const contract::ChatResponse& response = outcome.answer->response;
  Json out = Json::object();
  out.set("message", contract::to_json(response.message));
  out.set("finish_reason", contract::finish_reason_name(response.finish_reason));
  out.set("model", response.model);
  out.set("provider", outcome.provider);
  out.set("endpoint", outcome.endpoint->id);
  out.set("region", outcome.endpoint->region);
  if (!response.id.empty()) out.set("response_id", response.id);
  if (!response.request_id.empty()) out.set("request_id", response.request_id);
  if (!response.system_fingerprint.empty()) {
    out.set("system_fingerprint", response.system_fingerprint);
  }
  out.set("prompt_hash", task.prompt_hash);
  out.set("usage", contract::to_json(response.usage));
  if (outcome.cost_known) out.set("cost_usd", outcome.cost.usd());
  out.set("first_token_us", micros(outcome.first_token));
  out.set("latency_us", latency_json(outcome.latency));
  if (outcome.served.path == road::ServiceClass::kSlow) out.set("service_class", "slow");
  out.set("attempts", static_cast<int64_t>(outcome.attempts.size()));
  if (outcome.downgraded->left_out > 0) out.set("messages_left_out", outcome.downgraded->left_out);
  return out;
}

contract::ChatRequest make_request(ModelTask& task, std::vector<contract::ToolDefinition> tools) {
  contract::ChatRequest request;
  request.model = task.models.front();
  request.messages = std::move(task.messages);
  request.tools = std::move(tools);
  request.max_tokens = task.output_tokens_max;
  request.temperature = task.agent.temperature;
  request.top_p = task.agent.top_p;
  request.seed = task.agent.seed;
  request.stream = task.agent.stream;
  request.include_usage = task.agent.stream;
  return request;
}

/// What cannot be read is a class that no place satisfies.
contract::DataClass data_class_of(const std::string& text) {
  contract::DataClass unreadable;
  unreadable.names = {"unreadable"};
  return contract::DataClass::parse(text).value_or(unreadable);
}

int64_t tokens_of(const contract::Usage& usage) {
  return usage.input_tokens.value_or(0) + usage.output_tokens.value_or(0);
}

/// An answer that ran into a limit which a budget had set is not finished: the step is cut.
bool cut_by_budget(const ModelTask& task, const contract::ChatResponse& response) {
  return task.clamp && response.finish_reason == contract::FinishReason::kLength;
}

Error cut_error(const OverBudget& by, std::string what) {
  return Error(Code::kResourceExhausted, std::move(what)).with_reason(by.scope + "_budget");
}

EffectResult failed(const ModelTask& task, const Error& error, EffectResult out,
                    Json billed = Json::object()) {
  Json payload = std::move(billed);
  payload.set("error", error_json(error));
  out.drafts.push_back(model_draft(task, contract::kind::kModelResult, std::move(payload)));
  out.retry = error.retry != Retry::kNever;
  return out;
}

/// No result yet: the session waits, and another attempt takes the answer once it is there.
EffectResult parked(const ModelTask& task, const Error& error, WallTime until) {
  EffectResult out;
  out.parked = true;
  Json payload = Json::object();
  payload.set("for", "batch").set("explanation", error.message);
  payload.set("until", format_rfc3339(until));
  out.drafts.push_back(model_draft(task, contract::kind::kWaitStarted, std::move(payload)));
  return out;
}

}  // namespace

Json error_json(const Error& error) {
  Json out = Json::object();
  out.set("code", code_name(error.code));
  if (!error.reason.empty()) out.set("reason", error.reason);
  out.set("message", error.message);
  out.set("retry", retry_name(error.retry));
  return out;
}

Task<EffectResult> run_model_call(Context ctx, Services services, ModelTask task) {
  EffectResult out;
  if (task.models.empty()) {
    Error error(Code::kFailedPrecondition, "neither the agent nor its planner names a model");
    co_return failed(task, error, std::move(out));
  }
  std::vector<contract::ToolDefinition> tools;
  if (!task.agent.tools.empty()) {
    auto listed = co_await services.tools->list(ctx, task.agent.tools);
    if (!listed) {
      Error error = std::move(listed).error();
      error.note("listing the agent's tools");
      co_return failed(task, error, std::move(out));
    }
    for (tools::BoundTool& tool : *listed) tools.push_back(std::move(tool.definition));
  }
  if (services.memory != nullptr && !task.agent.memory_namespace.empty()) {
    for (contract::ToolDefinition& d : services.memory->definitions())
      tools.push_back(std::move(d));
  }
  for (contract::ToolDefinition& d : builtin_definitions(task.agent)) tools.push_back(std::move(d));
  identity::Principal principal = identity::Principal::system(task.tenant);
  principal.key = KeyId(task.key);
  road::ModelCall call{std::move(principal), task.models,
                       providers::Prompt::from_chat(make_request(task, std::move(tools))),
                       idempotency_key(task.session, task.sequence),
                       static_cast<int>(task.attempt)};
  call.party = road::Party{task.session.str(), task.agent.name, task.root.str()};
  call.continue_cut = task.agent.continue_cut;
  call.data_class = data_class_of(task.data_class);
  call.needs = std::move(task.needs);
  call.preference = task.agent.prefer;
  call.service_class = task.agent.service_class;
  call.batch_within = task.agent.batch_within;
  call.was_batched = task.batched;
  // Models that a planner asked for are not exchanged for others.
  if (task.models == task.agent.models) call.downgrade = task.agent.downgrade;
  call.reasons = true;
  if (has_scratch(services, task.agent.memory_namespace)) {
    std::optional<road::ScratchAt> before = co_await scratch_before(ctx, services, &task);
    if (before) call.scratch = std::move(*before);
  }
  const Rare<road::ScratchAt> scratch = call.scratch;
  store::StreamKey key;
  key.session = task.session;
  key.sequence = task.sequence;
  key.attempt = task.attempt;
  LiveSink live(task.agent.stream ? services.live : nullptr, std::move(key));
  providers::Sink* sink = task.agent.stream ? &live : nullptr;
  Context bounded = task.time_left ? ctx.with_timeout(task.time_left->left) : ctx;
  auto outcome = co_await services.road->call_model(bounded, std::move(call), sink);
  if (!outcome) {
    const road::ModelFailure& failure = outcome.error();
    if (failure.error.reason == road::kBatched) {
      const Duration most = failure.error.retry_after.value_or(Duration::zero());
      co_return parked(task, failure.error, services.loop->wall() + most);
    }
    out.tokens = tokens_of(failure.usage);
    out.cost = failure.cost;
    out.estimated = failure.usage.estimated;
    out.drafts.push_back(model_draft(task, contract::kind::kPlacementDecided,
                                     placement_json(failure.placement, task.data_class)));
    add_downgrade(task, *failure.downgraded, out.drafts);
    add_failovers(task, failure.attempts, out.drafts);
    bool out_of_time = bounded.remaining() == Duration{} && ctx.check().has_value();
    if (out_of_time && task.time_left) {
      out.cut = task.time_left->budget();
      Error cut =
          cut_error(*out.cut, "the " + out.cut->scope + "'s time budget ran out during the call");
      co_return failed(task, cut, std::move(out));
    }
    // A cap pauses the session; it does not end it.
    if (failure.error.reason == "budget_exceeded") {
      out.cut = OverBudget{"account", "account", ""};
      out.cut_why = failure.error.message;
    }
    co_return failed(task, failure.error, std::move(out));
  }
  out.tokens = tokens_of(outcome->answer->response.usage);
  out.cost = outcome->cost;
  out.estimated = outcome->answer->response.usage.estimated;
  Json placed = placement_json(outcome->placement, task.data_class);
  if (scratch) {
    Json where = co_await scratch_after(ctx, services, &task, *scratch, *outcome->scratch);
    if (!where.is_null()) placed.set("scratch", std::move(where));
  }
  out.drafts.push_back(model_draft(task, contract::kind::kPlacementDecided, std::move(placed)));
  add_downgrade(task, *outcome->downgraded, out.drafts);
  add_failovers(task, outcome->attempts, out.drafts);
  if (cut_by_budget(task, outcome->answer->response)) {
    out.cut = task.clamp;
    Error cut = cut_error(
        *out.cut, "the answer reached what the " + out.cut->scope + "'s budget left for it");
    Json billed = Json::object();
    billed.set("provider", outcome->provider).set("endpoint", outcome->endpoint->id);
    const std::string& request = outcome->answer->response.request_id;
    if (!request.empty()) billed.set("request_id", request);
    billed.set("usage", contract::to_json(outcome->answer->response.usage));
    if (outcome->cost_known) billed.set("cost_usd", outcome->cost.usd());
    co_return failed(task, cut, std::move(out), std::move(billed));
  }
  Draft result = model_draft(task, contract::kind::kModelResult, model_result_json(task, *outcome));
  result.actor.type = "agent";
  result.actor.id = task.agent.name;
  out.drafts.push_back(std::move(result));
  co_return out;
}

}  // namespace drover::session
