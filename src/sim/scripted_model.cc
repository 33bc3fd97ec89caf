#include "sim/scripted_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "base/bytes.h"
#include "base/random.h"
#include "sim/script_state.h"

namespace drover::sim {

using contract::FinishReason;
using contract::Role;

namespace {

constexpr size_t kMatchedBytesMax = 64u << 10;

Result<std::vector<std::string>> names_of(const Json& value, std::string_view field) {
  std::vector<std::string> out;
  if (const std::string* one = value.string()) {
    out.push_back(*one);
    return out;
  }
  if (value.array_items() == nullptr) {
    return fail(Code::kInvalidArgument, fmt::format("{} must be text or a list of texts", field));
  }
  for (const Json& item : *value.array_items()) {
    if (!item.is_string()) {
      return fail(Code::kInvalidArgument, fmt::format("{} must be a list of texts", field));
    }
    out.push_back(*item.string());
  }
  return out;
}

Result<std::string> script_text(const Json& value, std::string_view field) {
  if (!value.is_string())
    return fail(Code::kInvalidArgument, fmt::format("{} must be text", field));
  return *value.string();
}

Result<std::regex> regex_of(const std::string& pattern) {
  // std::regex reports a bad pattern by exception only.
  try {
    return std::regex(pattern, std::regex::ECMAScript | std::regex::icase);
  } catch (const std::regex_error& error) {
    return fail(
        Code::kInvalidArgument,
        fmt::format("user_matches '{}' is not a regular expression: {}", pattern, error.what()));
  }
}

Result<void> read_turns(const Json& value, ScriptCondition& out) {
  if (std::optional<int64_t> exact = value.integer()) {
    out.user_turns_min = out.user_turns_max = *exact;
    return {};
  }
  if (!value.is_object()) {
    return fail(Code::kInvalidArgument, "user_turns must be a number or {min, max}");
  }
  out.user_turns_min = value.get_int("min").value_or(out.user_turns_min);
  out.user_turns_max = value.get_int("max").value_or(out.user_turns_max);
  return {};
}

Result<ScriptCondition> read_condition(const Json& json) {
  ScriptCondition out;
  if (!json.is_object()) return fail(Code::kInvalidArgument, "when must be an object");
  for (const auto& [name, value] : *json.members()) {
    if (name == "user_contains") {
      TRY(out.user_contains, names_of(value, name));
    } else if (name == "user_matches") {
      TRY(std::string pattern, script_text(value, name));
      TRY(out.user_matches, regex_of(pattern));
    } else if (name == "last") {
      TRY(out.last, script_text(value, name));
      if (out.last != "user" && out.last != "tool") {
        return fail(Code::kInvalidArgument, "last must be user or tool");
      }
    } else if (name == "last_tool") {
      TRY(out.last_tool, names_of(value, name));
    } else if (name == "result_contains") {
      TRY(out.result_contains, script_text(value, name));
    } else if (name == "system_contains") {
      TRY(out.system_contains, script_text(value, name));
    } else if (name == "called") {
      TRY(out.called, names_of(value, name));
    } else if (name == "not_called") {
      TRY(out.not_called, names_of(value, name));
    } else if (name == "ever_called") {
      TRY(out.ever_called, names_of(value, name));
    } else if (name == "never_called") {
      TRY(out.never_called, names_of(value, name));
    } else if (name == "has_tool") {
      TRY(out.has_tool, names_of(value, name));
    } else if (name == "user_turns") {
      TRY_VOID(read_turns(value, out));
    } else {
      return fail(Code::kInvalidArgument, "no such condition: " + name);
    }
  }
  return out;
}

Result<ScriptCall> read_call(const Json& json) {
  ScriptCall out;
  std::optional<std::string_view> tool = json.get_string("tool");
  if (!tool) return fail(Code::kInvalidArgument, "a call names no tool");
  out.tool = *tool;
  const Json* arguments = json.find("arguments");
  out.arguments = arguments == nullptr ? Json::object() : *arguments;
  if (const Json* over = json.find("over")) out.over = *over;
  return out;
}

Result<ScriptRule> read_rule(const Json& json) {
  ScriptRule out;
  if (!json.is_object()) return fail(Code::kInvalidArgument, "a rule must be an object");
  for (const auto& [name, value] : *json.members()) {
    if (name == "when") {
      TRY(out.when, read_condition(value));
    } else if (name == "say") {
      TRY(out.say, script_text(value, name));
    } else if (name == "reasoning") {
      TRY(out.reasoning, script_text(value, name));
    } else if (name == "refusal") {
      TRY(out.refusal, script_text(value, name));
    } else if (name == "finish") {
      TRY(std::string finish, script_text(value, name));
      std::optional<FinishReason> reason = contract::parse_finish_reason(finish);
      if (!reason) return fail(Code::kInvalidArgument, "no such finish: " + finish);
      out.finish = *reason;
    } else if (name == "call") {
      if (value.array_items() == nullptr) {
        return fail(Code::kInvalidArgument, "call must be a list");
      }
      for (const Json& item : *value.array_items()) {
        TRY(ScriptCall call, read_call(item));
        out.calls.push_back(std::move(call));
      }
    } else if (name != "note") {
      return fail(Code::kInvalidArgument, "no such field of a rule: " + name);
    }
  }
  return out;
}

bool has_any(const std::set<std::string>& have, const std::vector<std::string>& wanted) {
  return std::any_of(wanted.begin(), wanted.end(),
                     [&](const std::string& name) { return have.contains(name); });
}
bool has_all(const std::set<std::string>& have, const std::vector<std::string>& wanted) {
  return std::all_of(wanted.begin(), wanted.end(),
                     [&](const std::string& name) { return have.contains(name); });
}

/// Whether the condition holds; fills the groups of its regular expression.
bool holds(const ScriptCondition& when, ScriptState& state) {
  if (when.last == "user" && state.last_is_tool) return false;
  if (when.last == "tool" && !state.last_is_tool) return false;
  if (state.user_turns < when.user_turns_min || state.user_turns > when.user_turns_max) {
    return false;
  }
  if (!when.last_tool.empty() &&
      (!state.last_is_tool || std::find(when.last_tool.begin(), when.last_tool.end(),
                                        state.last_tool) == when.last_tool.end())) {
    return false;
  }
  if (!when.result_contains.empty() &&
      (!state.last_is_tool || state.last_result.find(when.result_contains) == std::string::npos)) {
    return false;
  }
  if (state.system.find(when.system_contains) == std::string::npos) return false;
  if (!has_all(state.called, when.called) || has_any(state.called, when.not_called)) return false;
  if (!has_all(state.ever_called, when.ever_called)) return false;
  if (has_any(state.ever_called, when.never_called)) return false;
  if (!has_all(state.offered, when.has_tool)) return false;
  if (!when.user_contains.empty()) {
    std::string lower = to_lower(state.user);
    if (std::none_of(when.user_contains.begin(), when.user_contains.end(),
                     [&](const std::string& part) {
                       return lower.find(to_lower(part)) != std::string::npos;
                     })) {
      return false;
    }
  }
  state.groups.clear();
  if (when.user_matches) {
    // std::regex recurses for each character, so the text it sees is bounded.
    std::string text = state.user.substr(0, kMatchedBytesMax);
    std::smatch match;
    if (!std::regex_search(text, match, *when.user_matches)) return false;
    for (const auto& group : match) state.groups.push_back(group.str());
  }
  return true;
}

std::string call_id(SeededRandom& random) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  std::string out = "call_";
  for (int i = 0; i < 24; ++i) out += kLetters[random.below(kLetters.size())];
  return out;
}

void add_calls(const ScriptRule& rule, ScriptState& state, contract::Message& out) {
  SeededRandom random(state.seed);
  for (const ScriptCall& call : rule.calls) {
    Json::Array items(1);
    if (!call.over.is_null()) {
      Json list = fill_json(state, call.over);
      items = list.array_items() == nullptr ? Json::Array() : std::move(*list.array_items());
    }
    for (Json& item : items) {
      if (out.tool_calls.size() >= kScriptCallsMax) return;
      state.item = std::move(item);
      contract::ToolCall made;
      made.id = call_id(random);
      made.name = call.tool;
      made.arguments = fill_json(state, call.arguments).dump();
      out.tool_calls.push_back(std::move(made));
    }
  }
}

}  // namespace

Result<std::unique_ptr<ScriptedModel>> ScriptedModel::parse(const Json& script, uint64_t seed) {
  std::unique_ptr<ScriptedModel> out(new ScriptedModel(seed));
  out->name_ = script.get_string("name").value_or("script");
  out->otherwise_ = script.get_string("otherwise").value_or("I have nothing to say to that.");
  const Json* rules = script.find("rules");
  if (rules == nullptr || rules->array_items() == nullptr) {
    return fail(Code::kInvalidArgument, "the script has no list of rules");
  }
  if (rules->array_items()->size() > kScriptRulesMax) {
    return fail(Code::kResourceExhausted, "the script has too many rules");
  }
  for (const Json& item : *rules->array_items()) {
    Result<ScriptRule> rule = read_rule(item);
    if (!rule) {
      Error error = std::move(rule).error();
      return fail(std::move(error).note(
          fmt::format("in rule {} of the script '{}'", out->rules_.size(), out->name_)));
    }
    out->rules_.push_back(std::move(*rule));
  }
  return out;
}

Result<ModelAnswer> ScriptedModel::answer(const ModelQuestion& question) {
  ScriptState state = ScriptState::of(question.request, seed_);
  ModelAnswer out;
  auto rule = std::find_if(rules_.begin(), rules_.end(),
                           [&](const ScriptRule& r) { return holds(r.when, state); });
  if (rule == rules_.end()) {
    ++misses_;
    out.message = contract::Message::of_text(Role::kAssistant, otherwise_);
    return out;
  }
  out.message.role = Role::kAssistant;
  if (!rule->reasoning.empty()) {
    contract::ReasoningPart reasoning;
    reasoning.text = fill_text(state, rule->reasoning);
    out.message.parts.emplace_back(std::move(reasoning));
  }
  std::string text = fill_text(state, rule->say);
  if (!text.empty()) out.message.parts.emplace_back(contract::TextPart{std::move(text)});
  out.message.refusal = fill_text(state, rule->refusal);
  add_calls(*rule, state, out.message);
  out.finish_reason = rule->finish;
  if (!out.message.tool_calls.empty() && rule->finish == FinishReason::kStop) {
    out.finish_reason = FinishReason::kToolCalls;
  }
  return out;
}

}  // namespace drover::sim
