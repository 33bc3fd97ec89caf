#include "session/builtins.h"

#include <algorithm>

#include "base/limits/session.h"
#include "session/plan.h"

namespace drover::session {
namespace {

struct Builtin {
  std::string_view name;
  std::string_view tool;
  std::string_view description;
  std::string_view parameters;
};

constexpr Builtin kBuiltins[] = {
    {"sleep", kSleepTool,
     "Pause for some time, or until a time. Costs nothing while it lasts; seconds to years.",
     R"({"type":"object","properties":{"seconds":{"type":"number","exclusiveMinimum":0},)"
     R"("until":{"type":"string","description":"RFC 3339 time"}}})"},
    {"wait_for_signal", kSignalTool,
     "Wait until a signal of that name is sent to this session from outside; returns its payload.",
     R"({"type":"object","properties":{"name":{"type":"string"},"timeout_s":{"type":"number",)"
     R"("exclusiveMinimum":0}},"required":["name"]})"},
    {"spawn", kSpawnTool,
     "Give tasks to child agents that work side by side, and wait for their results.",
     R"({"type":"object","properties":{"tasks":{"type":"array","minItems":1,"items":{"type":)"
     R"("object","properties":{"agent":{"type":"string","description":"Name of an agent; absent: )"
     R"(one like yourself"},"message":{"type":"string"},"budget":{"type":"object","description":)"
     R"("The most that it may use","properties":{"tokens":{"type":"integer","minimum":1},"time_s":)"
     R"({"type":"number","exclusiveMinimum":0}}}},"required":["message"]}},"wait":{)"
     R"("description":"all, any, or how many results to wait for"}},"required":["tasks"]})"},
    {"request_extension", kExtensionTool,
     "Ask for more tokens, more time or both than your step budget before you need them, saying "
     "why, and what they are expected to bring.",
     R"({"type":"object","properties":{"reason_code":{"type":"string","description":"One word"},)"
     R"("explanation":{"type":"string"},"tokens":{"type":"integer","minimum":0,"description":)"
     R"("Wanted; this, time_s or both"},"time_s":{"type":"number","minimum":0,"description":)"
     R"("Seconds wanted"},"expected_gain":{"type":"string","description":"What they bring"}},)"
     R"("required":["reason_code","explanation","expected_gain"]})"},
};

const Builtin* find_tool(std::string_view tool) {
  for (const Builtin& b : kBuiltins) {
    if (b.tool == tool) return &b;
  }
  return nullptr;
}

Failure bad_call(std::string message) { return fail(Code::kInvalidArgument, std::move(message)); }

Result<Json> read_arguments(std::string_view arguments) {
  if (arguments.empty()) return Json::object();
  auto parsed = Json::parse(arguments);
  if (!parsed || !parsed->is_object()) return bad_call("the arguments must be a JSON object");
  return std::move(*parsed);
}

Result<BuiltinStep> sleep_step(const Json& arguments, const PendingToolCall& call, WallTime now) {
  auto until = due_of(arguments, "seconds", now);
  if (!until) return bad_call("'seconds' must be a number above 0, or 'until' an RFC 3339 time");
  BuiltinStep out;
  out.kind = contract::kind::kWaitStarted;
  out.payload.set("for", "timer").set("until", format_rfc3339(*until));
  out.payload.set("call_index", call.call_index);
  return out;
}

Result<BuiltinStep> signal_step(const Json& arguments, const PendingToolCall& call, WallTime now) {
  std::string name(arguments.get_string("name").value_or(""));
  if (name.empty() || name.size() > limits::kLabelBytesMax)
    return bad_call("'name' names the signal");
  BuiltinStep out;
  out.kind = contract::kind::kWaitStarted;
  out.payload.set("for", "signal").set("name", std::move(name));
  if (arguments.find("timeout_s") != nullptr) {
    auto until = due_of(arguments, "timeout_s", now);
    if (!until) return bad_call("'timeout_s' must be a number above 0");
    out.payload.set("until", format_rfc3339(*until));
  }
  out.payload.set("call_index", call.call_index);
  return out;
}

Result<BuiltinStep> extension_step(Json arguments, const PendingToolCall& call) {
  arguments.set("kind", "request_extension");
  Json effects = Json::array();
  effects.push(arguments);
  auto checked = check_new_plan(Json::object().set("effects", std::move(effects)));
  if (!checked) return bad_call(checked.error().message);
  BuiltinStep out;
  out.kind = contract::kind::kBudgetExtensionRequested;
  out.payload = extension_payload(arguments, "x" + std::to_string(call.sequence));
  return out;
}

}  // namespace

bool is_builtin_name(std::string_view name) {
  return std::any_of(std::begin(kBuiltins), std::end(kBuiltins),
                     [&](const Builtin& b) { return b.name == name; });
}

std::string builtin_names() {
  std::string out;
  for (const Builtin& b : kBuiltins) out += (out.empty() ? "" : ", ") + std::string(b.name);
  return out;
}

bool is_builtin_tool(const AgentSpec& agent, std::string_view tool) {
  const Builtin* b = find_tool(tool);
  return b != nullptr && agent.has_builtin(b->name);
}

std::vector<contract::ToolDefinition> builtin_definitions(const AgentSpec& agent) {
  std::vector<contract::ToolDefinition> out;
  for (const Builtin& b : kBuiltins) {
    if (!agent.has_builtin(b.name)) continue;
    contract::ToolDefinition d;
    d.name = std::string(b.tool);
    d.description = std::string(b.description);
    d.parameters = Json::parse(b.parameters).value_or(Json());
    out.push_back(std::move(d));
  }
  return out;
}

Result<ChildGroup> spawn_group(std::string_view arguments) {
  TRY(Json body, read_arguments(arguments));
  return plan_group(body);
}

Result<void> check_spawn(std::string_view arguments) {
  auto body = read_arguments(arguments);
  if (!body) return {};  // spawn_group() says so
  return check_task_budgets(*body);
}

Result<BuiltinStep> builtin_step(const PendingToolCall& call, WallTime now) {
  TRY(Json arguments, read_arguments(call.call.arguments));
  if (call.call.name == kSleepTool) return sleep_step(arguments, call, now);
  if (call.call.name == kSignalTool) return signal_step(arguments, call, now);
  return extension_step(std::move(arguments), call);
}

Json extension_payload(const Json& body, const std::string& request_id) {
  int64_t tokens = body.get_int("tokens").value_or(0);
  double seconds = body.get_number("time_s").value_or(0);
  Json out = Json::object();
  out.set("request_id", request_id).set("budget", "step");
  out.set("amount", std::to_string(tokens) + " tokens, " +
                        std::to_string(static_cast<int64_t>(seconds)) + " s");
  out.set("tokens", tokens).set("time_ms", static_cast<int64_t>(seconds * 1000));
  for (const char* key : {"reason_code", "explanation", "expected_gain"}) {
    if (auto value = body.get_string(key)) out.set(key, *value);
  }
  return out;
}

std::optional<WallTime> due_of(const Json& body, std::string_view seconds, WallTime now) {
  constexpr double kMost = 100.0 * 366 * 24 * 3600;
  if (auto written = body.get_string("until")) {
    auto parsed = parse_rfc3339(*written);
    if (parsed) return *parsed;
    return std::nullopt;
  }
  auto n = body.get_number(seconds);
  if (!n || *n <= 0 || *n > kMost) return std::nullopt;
  return now + Duration(static_cast<int64_t>(*n * 1e9));
}

}  // namespace drover::session
