#include "session/plan.h"

#include <algorithm>
#include <array>

#include "base/limits/session.h"

namespace drover::session {
namespace {

Failure bad_plan(std::string message) {
  return Failure(Error(Code::kInvalidArgument, std::move(message)).with_reason("invalid_plan"));
}

bool has_text(const Json& body, std::string_view key) {
  auto value = body.get_string(key);
  return value && !value->empty();
}

/// A count in an effect, if it is there: whole, from 1 to what budgets are counted in.
bool good_count(const Json& body, std::string_view key) {
  const Json* value = body.find(key);
  if (value == nullptr || value->is_null()) return true;
  auto n = value->integer();
  return n && *n >= 1 && *n <= limits::kBudgetAmountMax;
}

/// Seconds of an effect: a number above 0 and at most 100 years.
bool good_seconds(const Json& body, std::string_view key) {
  constexpr double kMost = 100.0 * 366 * 24 * 3600;
  auto n = body.get_number(key);
  return n && *n > 0 && *n <= kMost;
}

Result<void> check_wait(const Json& body) {
  std::string what(body.get_string("for").value_or(""));
  if (what == "message") return {};
  bool until = has_text(body, "until");
  if (until && !parse_rfc3339(*body.get_string("until"))) {
    return bad_plan("'until' must be an RFC 3339 time");
  }
  if (body.find("seconds") != nullptr && !good_seconds(body, "seconds")) {
    return bad_plan("'seconds' must be a number above 0");
  }
  if (what == "timer") {
    if (!until && body.find("seconds") == nullptr)
      return bad_plan("a timer needs 'seconds' or 'until'");
    return {};
  }
  if (what == "signal")
    return has_text(body, "name") ? Result<void>() : bad_plan("a signal needs a 'name'");
  if (what == "approval") {
    return has_text(body, "question") ? Result<void>() : bad_plan("an approval needs a 'question'");
  }
  return bad_plan("'for' must be message, timer, signal or approval");
}

Result<void> check_extension(const Json& body) {
  if (!has_text(body, "reason_code") || !has_text(body, "explanation")) {
    return bad_plan("a request_extension needs 'reason_code' and 'explanation'");
  }
  // Nought of one beside the other is as good as none.
  const Json* tokens = body.find("tokens");
  const Json* time = body.find("time_s");
  bool some_tokens = tokens != nullptr && !tokens->is_null() && tokens->integer() != 0;
  bool some_time = time != nullptr && !time->is_null() && time->number() != 0;
  if (some_tokens && !good_count(body, "tokens")) {
    return bad_plan("'tokens' must be a whole number from 0 to " +
                    std::to_string(limits::kBudgetAmountMax));
  }
  if (some_time && !good_seconds(body, "time_s")) {
    return bad_plan("'time_s' must be a number of seconds from 0 to 100 years");
  }
  if (!some_time && !some_tokens) {
    return bad_plan("a request_extension needs 'tokens' or 'time_s' above 0");
  }
  return {};
}

/// What a request says that is made now; journals have some that were made before it was asked for.
Result<void> check_new_extension(const Json& body) {
  if (has_text(body, "expected_gain")) return {};
  return bad_plan("a request_extension needs 'expected_gain': what the tokens or the time bring");
}

Result<void> check_model_call_members(const Json& body) {
  for (const Json::Member& m : *body.members()) {
    constexpr std::array<std::string_view, 4> kKnown = {"kind", "models", "output_tokens", "needs"};
    if (std::find(kKnown.begin(), kKnown.end(), m.first) != kKnown.end()) continue;
    return bad_plan("unknown member '" + m.first +
                    "' (a model_call has models, output_tokens and needs)");
  }
  return {};
}

Result<void> check_model_call(const Json& body) {
  if (!good_count(body, "output_tokens")) {
    return bad_plan("'output_tokens' must be a whole number of at least 1");
  }
  if (const Json* needs = body.find("needs"); needs != nullptr && !needs->is_null()) {
    auto read = policy::Needs::from_json(*needs);
    if (!read) return bad_plan(read.error().message);
  }
  const Json* models = body.find("models");
  if (models == nullptr || models->is_null()) return {};
  const Json::Array* names = models->array_items();
  auto is_name = [](const Json& m) { return m.string() != nullptr && !m.string()->empty(); };
  if (names == nullptr || !std::all_of(names->begin(), names->end(), is_name)) {
    return bad_plan("'models' must be a list of names");
  }
  return {};
}

Result<void> check_tool_call(const Json& body) {
  if (!has_text(body, "name")) return bad_plan("a tool_call needs a 'name'");
  const Json* arguments = body.find("arguments");
  if (arguments == nullptr || arguments->is_null() || arguments->is_object()) return {};
  const std::string* written = arguments->string();
  if (written == nullptr || !Json::parse(*written)) {
    return bad_plan("'arguments' must be an object or JSON text");
  }
  return {};
}

Result<void> check_effect(std::string_view kind, const Json& body) {
  if (kind == "end") return {};
  if (kind == "model_call") return check_model_call(body);
  if (kind == "tool_call") return check_tool_call(body);
  if (kind == "say") {
    return body.get_string("text") ? Result<void>() : bad_plan("a say needs a 'text'");
  }
  if (kind == "wait") return check_wait(body);
  if (kind == "spawn") {
    TRY(ChildGroup group, plan_group(body));
    return {};
  }
  if (kind == "request_extension") return check_extension(body);
  return bad_plan("unknown kind '" + std::string(kind) +
                  "' (known: model_call, tool_call, say, wait, spawn, request_extension, end)");
}

/// What is asked of effects from outside beside check_effect.
Result<void> check_new_effect(std::string_view kind, const Json& body) {
  if (kind == "model_call") return check_model_call_members(body);
  if (kind == "request_extension") return check_new_extension(body);
  if (kind == "spawn") return check_task_budgets(body);
  return {};
}

Failure bad_effect(size_t position, const std::string& message) {
  return bad_plan("effect " + std::to_string(position + 1) + ": " + message);
}

/// "call_7": what a call without an id is given (fold_plan.cc).
bool like_a_given_id(std::string_view id) {
  constexpr std::string_view kHead = "call_";
  auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return id.starts_with(kHead) && std::all_of(id.begin() + kHead.size(), id.end(), digit);
}

/// A model tells the results of a turn apart by the ids of their calls.
Result<void> check_call_ids(const Json::Array& effects) {
  std::vector<std::string_view> ids;
  std::optional<size_t> given;
  bool unnamed = false;
  for (size_t i = 0; i < effects.size(); ++i) {
    if (effects[i].get_string("kind") != "tool_call") continue;
    const Json* id = effects[i].find("id");
    const bool named = id != nullptr && !id->is_null();
    const std::string* text = named ? id->string() : nullptr;
    if (named && (text == nullptr || text->size() > limits::kToolCallIdBytesMax)) {
      return bad_effect(i, "'id' must be a text of at most " +
                               std::to_string(limits::kToolCallIdBytesMax) + " bytes");
    }
    if (text == nullptr || text->empty()) {
      unnamed = true;
      continue;
    }
    if (std::find(ids.begin(), ids.end(), *text) != ids.end()) {
      return bad_effect(i, "the id '" + *text + "' is that of another call of this plan");
    }
    ids.push_back(*text);
    if (like_a_given_id(*text)) given = i;
  }
  if (!unnamed || !given) return {};
  return bad_effect(*given,
                    "calls without an id are given such a one: give all of them one or none");
}

}  // namespace

Result<void> check_plan(const Json& plan) {
  const Json* effects = plan.find("effects");
  const Json::Array* items = effects == nullptr ? nullptr : effects->array_items();
  if (items == nullptr) return bad_plan("a plan is an object with the list 'effects'");
  if (items->size() > limits::kPlanEffectsMax) {
    return bad_plan("a plan has at most " + std::to_string(limits::kPlanEffectsMax) + " effects");
  }
  const Json* end = nullptr;
  for (const Json& item : *items) {
    const auto at = [&] { return "effect " + std::to_string(&item - items->data() + 1); };
    if (!item.is_object()) return bad_plan(at() + " must be an object with a 'kind'");
    const std::string_view kind = item.get_string("kind").value_or("");
    auto checked = check_effect(kind, item);
    if (!checked) return bad_plan(at() + ": " + checked.error().message);
    if (end == nullptr && kind == "end") end = &item;
  }
  if (end != nullptr && end != &items->back()) return bad_plan("nothing may follow an 'end'");
  return {};
}

Result<void> check_new_plan(const Json& plan) {
  TRY_VOID(check_plan(plan));
  const Json::Array& effects = *plan.find("effects")->array_items();
  for (size_t i = 0; i < effects.size(); ++i) {
    const std::string_view kind = effects[i].get_string("kind").value_or("");
    auto good = check_new_effect(kind, effects[i]);
    if (!good) return bad_effect(i, good.error().message);
  }
  return check_call_ids(effects);
}

Result<void> check_waits(const State& state, const Json& plan) {
  auto opens = [](const Json& effect) {
    return effect.get_string("kind") == "wait" && effect.get_string("for") != "message";
  };
  const Json::Array& effects = *plan.find("effects")->array_items();
  auto more = static_cast<size_t>(std::count_if(effects.begin(), effects.end(), opens));
  if (more <= state.waits_left()) return {};
  return bad_plan("the plan asks for " + std::to_string(more) + " waits, " +
                  std::to_string(state.waits.size()) + " are open, and a session has at most " +
                  std::to_string(limits::kWaitsMax) + ": let some of them come first");
}

Result<ChildGroup> plan_group(const Json& body) {
  const Json* tasks = body.find("tasks");
  const Json::Array* items = tasks == nullptr ? nullptr : tasks->array_items();
  if (items == nullptr || items->empty())
    return bad_plan("'tasks' must be a list of at least one task");
  if (items->size() > limits::kChildTasksMax) {
    return bad_plan("at most " + std::to_string(limits::kChildTasksMax) + " tasks at once");
  }
  ChildGroup group;
  for (const Json& item : *items) {
    ChildTask task;
    if (const std::string* only = item.string()) {
      task.message = *only;
    } else {
      task.agent = item.get_text("agent");
      task.message = item.get_text("message");
      task.budget = SubtaskBudget::of(item);
    }
    if (task.message.empty())
      return bad_plan("a task is a text or an object with 'message' (and 'agent', 'budget')");
    group.tasks.push_back(std::move(task));
  }
  group.needed = group.tasks.size();
  const Json* wait = body.find("wait");
  if (wait == nullptr || wait->is_null()) return group;
  auto count = wait->integer();
  const std::string* word = wait->string();
  if (word != nullptr && *word == "any") {
    group.needed = 1;
  } else if (count && *count >= 1) {
    group.needed = std::min<size_t>(group.tasks.size(), static_cast<size_t>(*count));
  } else if (word == nullptr || *word != "all") {
    return bad_plan("'wait' must be all, any or a number of at least 1");
  }
  return group;
}

}  // namespace drover::session
