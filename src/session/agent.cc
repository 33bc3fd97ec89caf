#include "session/agent.h"

#include <algorithm>

#include "base/limits/session.h"
#include "contract/data_class.h"
#include "crypto/sha256.h"
#include "session/agent_read.h"
#include "session/builtins.h"

namespace drover::session {
namespace {

using read::bad;

Result<void> read_limits(const Json& limits, AgentSpec& spec) {
  TRY_VOID(read::members(limits, "limits", {"steps", "at_limit", "output_tokens"}));
  TRY(auto steps, read::positive(limits, "steps"));
  if (steps) spec.steps_max = *steps;
  TRY(spec.output_tokens_max, read::positive(limits, "output_tokens"));
  TRY(std::string at, read::text(limits, "at_limit", "pause"));
  if (at != "pause" && at != "end") return bad("at_limit must be pause or end");
  spec.at_limit = at == "end" ? AgentSpec::AtLimit::kEnd : AgentSpec::AtLimit::kPause;
  return {};
}

Result<void> read_parameters(const Json& parameters, AgentSpec& spec) {
  TRY_VOID(read::members(parameters, "parameters", {"temperature", "top_p", "seed", "stream"}));
  TRY(spec.temperature, read::number(parameters, "temperature", 2));
  TRY(spec.top_p, read::number(parameters, "top_p", 1));
  if (const Json* seed = parameters.find("seed"); seed != nullptr && !seed->is_null()) {
    spec.seed = seed->integer();
    if (!spec.seed) return bad("seed must be a whole number");
  }
  TRY(spec.stream, read::flag(parameters, "stream", false));
  return {};
}

Result<PlannerSpec> read_planner(const Json& json) {
  TRY_VOID(read::members(json, "planner", {"url", "headers", "queue", "tools", "timeout_s"}));
  PlannerSpec out;
  TRY(out.url, read::text(json, "url", ""));
  TRY(out.queue, read::text(json, "queue", ""));
  if (out.url.empty() == out.queue.empty()) {
    return bad("planner needs either a url or a queue");
  }
  if (json.find("tools") != nullptr) {
    if (out.queue.empty()) return bad("planner.tools are run by a queue's workers: name the queue");
    TRY(out.tools, read::names(json, "tools"));
  }
  if (out.queue.size() > limits::kLabelBytesMax) return bad("the planner's queue name is too long");
  if (const Json* headers = json.find("headers"); headers != nullptr && !headers->is_null()) {
    if (!headers->is_object()) return bad("planner headers must be an object");
    for (const Json::Member& m : *headers->members()) {
      const std::string* value = m.second.string();
      if (value == nullptr) return bad("planner header '" + m.first + "' must be text");
      out.headers.emplace(m.first, *value);
    }
  }
  TRY(auto timeout, read::seconds(json, "timeout_s"));
  if (timeout) out.timeout = *timeout;
  return out;
}

Result<StepBudget> read_step_budget(const Json& json) {
  TRY_VOID(read::members(json, "step_budget", {"tokens", "time_s"}));
  StepBudget out;
  TRY(out.tokens, read::positive(json, "tokens"));
  TRY(out.time, read::seconds(json, "time_s"));
  return out;
}

Result<ExtensionRules> read_extensions(const Json& json) {
  TRY_VOID(read::members(json, "extensions", {"auto", "otherwise"}));
  ExtensionRules out;
  if (const Json* rule = json.find("auto"); rule != nullptr && !rule->is_null()) {
    TRY_VOID(read::members(*rule, "extensions.auto", {"tokens", "time_s", "requests"}));
    TRY(auto tokens, read::positive(*rule, "tokens"));
    TRY(auto time, read::seconds(*rule, "time_s"));
    TRY(auto requests, read::positive(*rule, "requests"));
    out.auto_tokens = tokens.value_or(0);
    out.auto_time = time.value_or(Duration{});
    out.auto_requests = requests.value_or(1);
  }
  TRY(std::string otherwise, read::text(json, "otherwise", "ask"));
  if (otherwise != "ask" && otherwise != "refuse") {
    return bad("extensions.otherwise must be ask or refuse");
  }
  out.ask = otherwise == "ask";
  return out;
}

Result<void> read_budgets(const Json& json, AgentSpec& spec) {
  if (const Json* v = json.find("planner"); v != nullptr && !v->is_null()) {
    TRY(spec.planner, read_planner(*v));
  }
  if (const Json* v = json.find("step_budget"); v != nullptr && !v->is_null()) {
    TRY(spec.step_budget, read_step_budget(*v));
  }
  if (const Json* v = json.find("extensions"); v != nullptr && !v->is_null()) {
    TRY(spec.extensions, read_extensions(*v));
  }
  if (const Json* v = json.find("tree"); v != nullptr && !v->is_null()) {
    TRY(spec.tree, TreeLimits::from_json(*v, "tree"));
  }
  return {};
}

Result<void> read_names(const Json& json, AgentSpec& spec) {
  TRY(spec.models, read::names(json, "models"));
  TRY(std::string model, read::text(json, "model", ""));
  if (!model.empty()) spec.models.insert(spec.models.begin(), model);
  if (spec.models.empty() && !spec.planner.set()) {
    return bad("models is missing: name at least one model");
  }
  TRY(spec.tools, read::names(json, "tools"));
  TRY(spec.approvals, read::names(json, "approvals"));
  TRY(spec.builtins, read::names(json, "builtins"));
  for (const std::string& name : spec.builtins) {
    if (!is_builtin_name(name)) {
      return bad("there is no builtin '" + name + "' (there are: " + builtin_names() + ")");
    }
  }
  return {};
}

/// After the class and the parameters, which it goes together with.
Result<void> read_batch(const Json& json, AgentSpec& spec) {
  const Json* batch = json.find("batch");
  if (batch == nullptr || batch->is_null()) return {};
  TRY_VOID(read::members(*batch, "batch", {"within"}));
  TRY(std::string within, read::text(*batch, "within", ""));
  auto time = parse_duration(within);
  if (!time || *time < limits::kBatchWithinMin || *time > limits::kBatchWithinMax) {
    return bad("batch.within is a time from 10m to 24h: how long a call may lie in a batch");
  }
  spec.batch_within = std::chrono::floor<std::chrono::seconds>(*time);
  if (spec.service_class != road::ServiceClass::kSlow) {
    return bad("batch needs service_class: slow, for whoever waits for it waits for hours");
  }
  if (spec.stream) return bad("batch and parameters.stream exclude each other");
  return {};
}

Result<void> read_placing(const Json& json, AgentSpec& spec) {
  if (const Json* data = json.find("data"); data != nullptr && !data->is_null()) {
    auto read = contract::DataClass::from_json(*data);
    if (!read) return bad("data: " + read.error().message);
    spec.data_class = read->text();
  }
  TRY(std::string service_class, read::text(json, "service_class", ""));
  if (!service_class.empty()) {
    spec.service_class = road::parse_service_class(service_class);
    if (!spec.service_class) return bad("service_class must be fast, slow or auto");
  }
  if (const Json* rungs = json.find("downgrade"); rungs != nullptr && !rungs->is_null()) {
    auto ladder = road::DowngradeLadder::from_json(*rungs);
    if (!ladder) return bad(ladder.error().message);
    spec.downgrade = std::make_shared<const road::DowngradeLadder>(std::move(*ladder));
  }
  if (const Json* needs = json.find("needs"); needs != nullptr && !needs->is_null()) {
    auto read = policy::Needs::from_json(*needs);
    if (!read) return bad(read.error().message);
    spec.needs = std::move(*read);
  }
  TRY(std::string prefer, read::text(json, "prefer", ""));
  if (prefer.empty()) return {};
  spec.prefer = road::parse_preference(prefer);
  if (!spec.prefer) {
    return bad("prefer must be listed, balanced, cheapest, fastest, greenest or spare");
  }
  return {};
}

void put_names(Json& out, const char* key, const std::vector<std::string>& names) {
  if (names.empty()) return;
  Json list = Json::array();
  for (const std::string& n : names) list.push(n);
  out.set(key, std::move(list));
}

Json planner_json(const PlannerSpec& planner) {
  Json out = Json::object();
  if (!planner.url.empty()) out.set("url", planner.url);
  if (!planner.queue.empty()) out.set("queue", planner.queue);
  if (planner.tools) {
    Json globs = Json::array();
    for (const std::string& g : *planner.tools) globs.push(g);
    out.set("tools", std::move(globs));
  }
  if (!planner.headers.empty()) {
    Json headers = Json::object();
    for (const auto& [name, value] : planner.headers) headers.set(name, value);
    out.set("headers", std::move(headers));
  }
  if (planner.timeout != limits::kPlannerTimeout) {
    out.set("timeout_s", read::seconds_json(planner.timeout));
  }
  return out;
}

void put_budgets(Json& out, const AgentSpec& spec) {
  if (spec.planner.set()) out.set("planner", planner_json(spec.planner));
  if (spec.step_budget.tokens || spec.step_budget.time) {
    Json step = Json::object();
    if (spec.step_budget.tokens) step.set("tokens", *spec.step_budget.tokens);
    if (spec.step_budget.time) step.set("time_s", read::seconds_json(*spec.step_budget.time));
    out.set("step_budget", std::move(step));
  }
  const ExtensionRules& rules = spec.extensions;
  if (rules.auto_requests > 0 || !rules.ask) {
    Json extensions = Json::object();
    if (rules.auto_requests > 0) {
      Json rule = Json::object();
      if (rules.auto_tokens > 0) rule.set("tokens", rules.auto_tokens);
      if (rules.auto_time > Duration{}) rule.set("time_s", read::seconds_json(rules.auto_time));
      rule.set("requests", rules.auto_requests);
      extensions.set("auto", std::move(rule));
    }
    extensions.set("otherwise", rules.ask ? "ask" : "refuse");
    out.set("extensions", std::move(extensions));
  }
  if (!(spec.tree == TreeLimits())) out.set("tree", spec.tree.to_json());
}

}  // namespace

std::string PlannerSpec::name() const {
  if (!url.empty()) return "http";
  return queue.empty() ? std::string() : "queue:" + queue;
}

Json TreeLimits::to_json() const {
  Json out = Json::object();
  out.set("depth", depth).set("width", width).set("spawns", spawns);
  out.set("steps", steps).set("tokens", tokens).set("cost_usd", cost.usd());
  out.set("time_s", read::seconds_json(time));
  return out;
}

Result<TreeLimits> TreeLimits::from_json(const Json& json, const std::string& where) {
  TRY_VOID(read::members(json, where,
                         {"depth", "width", "spawns", "steps", "tokens", "cost_usd", "time_s"}));
  TreeLimits out;
  struct Count {
    const char* name;
    int64_t TreeLimits::* field;
  };
  constexpr Count kCounts[] = {{"width", &TreeLimits::width},
                               {"spawns", &TreeLimits::spawns},
                               {"steps", &TreeLimits::steps},
                               {"tokens", &TreeLimits::tokens}};
  for (const Count& count : kCounts) {
    TRY(auto n, read::positive(json, count.name));
    if (n) out.*count.field = *n;
  }
  if (const Json* depth = json.find("depth"); depth != nullptr && !depth->is_null()) {
    auto n = depth->integer();
    if (!n || *n < 0) return bad(where + ".depth must be a whole number of at least 0");
    out.depth = *n;
  }
  TRY(std::string cost, read::text(json, "cost_usd", ""));
  if (!cost.empty()) {
    auto money = Money::parse_usd(cost);
    if (!money || *money <= Money()) return bad(where + ".cost_usd must be dollars above 0");
    out.cost = *money;
  }
  TRY(auto time, read::seconds(json, "time_s"));
  if (time) out.time = *time;
  return out;
}

bool glob_matches(std::string_view glob, std::string_view text) {
  // The usual two pointers: remember the last star and how far it reached.
  size_t g = 0, t = 0, star = std::string_view::npos, reached = 0;
  while (t < text.size()) {
    if (g < glob.size() && (glob[g] == '?' || glob[g] == text[t]) && glob[g] != '*') {
      ++g, ++t;
    } else if (g < glob.size() && glob[g] == '*') {
      star = g++;
      reached = t;
    } else if (star != std::string_view::npos) {
      g = star + 1;
      t = ++reached;
    } else {
      return false;
    }
  }
  while (g < glob.size() && glob[g] == '*') ++g;
  return g == glob.size();
}

bool AgentSpec::has_builtin(std::string_view builtin) const {
  return std::find(builtins.begin(), builtins.end(), builtin) != builtins.end();
}

bool AgentSpec::needs_approval(std::string_view tool) const {
  return std::any_of(approvals.begin(), approvals.end(),
                     [&](const std::string& glob) { return glob_matches(glob, tool); });
}

bool AgentSpec::runs_on_worker(std::string_view tool) const {
  if (planner.queue.empty()) return false;
  if (!planner.tools) return tools.empty() && memory_namespace.empty();
  return std::any_of(planner.tools->begin(), planner.tools->end(),
                     [&](const std::string& glob) { return glob_matches(glob, tool); });
}

std::vector<std::string> AgentSpec::all_models() const {
  std::vector<std::string> out = models;
  if (downgrade == nullptr) return out;
  for (const road::Rung& rung : downgrade->rungs) {
    out.insert(out.end(), rung.models.begin(), rung.models.end());
  }
  return out;
}

Result<AgentSpec> AgentSpec::from_json(const Json& json) {
  TRY_VOID(read::members(
      json, "the agent",
      {"name",         "version",     "instructions",  "models",    "model",  "tools",
       "builtins",     "approvals",   "memory",        "planner",   "limits", "step_budget",
       "extensions",   "tree",        "parameters",    "data",      "prefer", "end_after_answer",
       "continue_cut", "description", "service_class", "downgrade", "needs",  "batch"}));
  AgentSpec spec;
  TRY(spec.name, read::text(json, "name", ""));
  if (spec.name.empty()) return bad("name is missing");
  if (spec.name.size() > 128) return bad("name is longer than 128 bytes");
  TRY(spec.instructions, read::text(json, "instructions", ""));
  TRY_VOID(read_budgets(json, spec));
  TRY_VOID(read_names(json, spec));
  if (const Json* memory = json.find("memory"); memory != nullptr && !memory->is_null()) {
    TRY_VOID(read::members(*memory, "memory", {"namespace"}));
    TRY(spec.memory_namespace, read::text(*memory, "namespace", spec.name));
  }
  if (const Json* limits = json.find("limits"); limits != nullptr && !limits->is_null()) {
    TRY_VOID(read_limits(*limits, spec));
  }
  if (const Json* p = json.find("parameters"); p != nullptr && !p->is_null()) {
    TRY_VOID(read_parameters(*p, spec));
  }
  TRY_VOID(read_placing(json, spec));
  TRY_VOID(read_batch(json, spec));
  TRY(spec.end_after_answer, read::flag(json, "end_after_answer", false));
  TRY(spec.continue_cut, read::flag(json, "continue_cut", false));
  TRY(spec.version, read::text(json, "version", ""));
  if (spec.version.empty()) {
    spec.version = crypto::sha256(spec.to_json().dump()).hex().substr(0, 12);
  }
  return spec;
}

Json AgentSpec::to_json() const {
  Json out = Json::object();
  out.set("name", name);
  if (!version.empty()) out.set("version", version);
  if (!instructions.empty()) out.set("instructions", instructions);
  if (!models.empty() || !planner.set()) {
    Json ladder = Json::array();
    for (const std::string& m : models) ladder.push(m);
    out.set("models", std::move(ladder));
  }
  put_names(out, "tools", tools);
  put_names(out, "builtins", builtins);
  put_names(out, "approvals", approvals);
  if (!memory_namespace.empty()) {
    out.set("memory", Json::object().set("namespace", memory_namespace));
  }
  Json limits = Json::object();
  limits.set("steps", steps_max);
  limits.set("at_limit", at_limit == AtLimit::kEnd ? "end" : "pause");
  if (output_tokens_max) limits.set("output_tokens", *output_tokens_max);
  out.set("limits", std::move(limits));
  put_budgets(out, *this);
  Json parameters = Json::object();
  if (temperature) parameters.set("temperature", *temperature);
  if (top_p) parameters.set("top_p", *top_p);
  if (seed) parameters.set("seed", *seed);
  if (stream) parameters.set("stream", true);
  if (!parameters.members()->empty()) out.set("parameters", std::move(parameters));
  if (!data_class.empty()) out.set("data", data_class);
  if (prefer) out.set("prefer", road::preference_name(*prefer));
  if (service_class) out.set("service_class", road::service_class_name(*service_class));
  if (batch_within) {
    const int64_t seconds = batch_within->count() / 1'000'000'000;
    out.set("batch", Json::object().set("within", std::to_string(seconds) + "s"));
  }
  if (downgrade != nullptr) out.set("downgrade", downgrade->to_json());
  if (!needs.empty()) out.set("needs", needs.to_json());
  if (end_after_answer) out.set("end_after_answer", true);
  if (continue_cut) out.set("continue_cut", true);
  return out;
}

}  // namespace drover::session
