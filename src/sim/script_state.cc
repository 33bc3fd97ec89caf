#include "sim/script_state.h"

#include <charconv>

#include "base/bytes.h"
#include "base/random.h"
#include "sim/conversation.h"

namespace drover::sim {

using contract::Message;
using contract::Role;

namespace {

Json value_of_text(std::string_view text) {
  Result<Json> parsed = Json::parse(text);
  return parsed ? std::move(*parsed) : Json(text);
}

/// Walks "a.0.b" into a value; null if it is not there.
Json walk(const Json& from, std::string_view path) {
  const Json* at = &from;
  while (!path.empty()) {
    size_t dot = path.find('.');
    std::string_view step = path.substr(0, dot);
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
    if (const Json::Array* items = at->array_items()) {
      size_t index = items->size();
      std::from_chars(step.data(), step.data() + step.size(), index);
      if (index >= items->size()) return {};
      at = &(*items)[index];
    } else {
      at = at->find(step);
      if (at == nullptr) return {};
    }
  }
  return *at;
}

Json result_value(const ScriptState& state, std::string_view path) {
  // A tool's name may hold dots itself, so the longest name that has a result is taken.
  size_t end = path.size();
  while (end != std::string_view::npos && end != 0) {
    auto found = state.results.find(std::string(path.substr(0, end)));
    if (found != state.results.end()) {
      if (end == path.size()) return Json(found->second);
      return walk(value_of_text(found->second), path.substr(end + 1));
    }
    end = path.rfind('.', end - 1);
  }
  return {};
}

Json pick(const ScriptState& state, std::string_view options) {
  std::vector<std::string_view> all;
  uint64_t salt = state.seed;
  for (char c : options) salt = salt * 31 + static_cast<unsigned char>(c);
  while (true) {
    size_t bar = options.find('|');
    all.push_back(trim(options.substr(0, bar)));
    if (bar == std::string_view::npos) break;
    options.remove_prefix(bar + 1);
  }
  return Json(all[SeededRandom(salt).below(all.size())]);
}

std::string content_text(const Json& value) {
  if (value.is_null()) return {};
  return value.is_string() ? *value.string() : value.dump();
}

}  // namespace

ScriptState ScriptState::of(const contract::ChatRequest& request, uint64_t seed) {
  ScriptState out;
  std::map<std::string, std::string> names;  // tool names of the calls not yet answered, by id
  for (const Message& message : request.messages) {
    out.last_is_tool = message.role == Role::kTool;
    if (message.role == Role::kSystem || message.role == Role::kDeveloper) {
      out.system += message.text();
    } else if (message.role == Role::kUser) {
      out.user = message.text();
      ++out.user_turns;
      out.called.clear();
      out.turn_results.clear();
    } else if (message.role == Role::kAssistant) {
      names.clear();
      for (const contract::ToolCall& call : message.tool_calls) {
        names[call.id] = call.name;
        out.called.insert(call.name);
        out.ever_called.insert(call.name);
      }
    } else {
      auto name = names.find(message.tool_call_id);
      out.last_tool = name == names.end() ? message.name : name->second;
      out.last_result = message.text();
      out.results[out.last_tool] = out.last_result;
      out.turn_results.push_back(out.last_result);
    }
  }
  for (const contract::ToolDefinition& tool : request.tools) out.offered.insert(tool.name);
  crypto::Digest key = conversation_keys(request.messages).back();
  for (size_t i = 0; i < 8; ++i) out.seed = out.seed << 8 | key.bytes[i];
  out.seed ^= seed;
  return out;
}

Json template_value(const ScriptState& state, std::string_view name) {
  name = trim(name);
  if (name == "user") return Json(state.user);
  if (name == "turn") return Json(state.user_turns);
  if (name == "item") return state.item;
  if (name.starts_with("item.")) return walk(state.item, name.substr(5));
  if (name == "results") {
    std::string all;
    for (const std::string& result : state.turn_results) {
      if (!all.empty()) all += '\n';
      all += result;
    }
    return Json(std::move(all));
  }
  if (name.starts_with("result.")) return result_value(state, name.substr(7));
  if (name.starts_with("pick ")) return pick(state, name.substr(5));
  if (name.size() == 1 && name[0] >= '1' && name[0] <= '9') {
    size_t group = static_cast<size_t>(name[0] - '0');
    return group < state.groups.size() ? Json(state.groups[group]) : Json();
  }
  return {};
}

std::string fill_text(const ScriptState& state, std::string_view text) {
  std::string out;
  while (true) {
    size_t open = text.find("{{");
    size_t close = open == std::string_view::npos ? open : text.find("}}", open);
    if (close == std::string_view::npos) return out += text;
    out += text.substr(0, open);
    out += content_text(template_value(state, text.substr(open + 2, close - open - 2)));
    text.remove_prefix(close + 2);
  }
}

Json fill_json(const ScriptState& state, const Json& value) {
  if (const std::string* text = value.string()) {
    bool alone = text->starts_with("{{") && text->find("}}") == text->size() - 2;
    if (alone) return template_value(state, std::string_view(*text).substr(2, text->size() - 4));
    return Json(fill_text(state, *text));
  }
  if (const Json::Array* items = value.array_items()) {
    Json::Array out;
    for (const Json& item : *items) out.push_back(fill_json(state, item));
    return Json(std::move(out));
  }
  if (const Json::Object* members = value.members()) {
    Json::Object out;
    for (const auto& [name, member] : *members) out.emplace_back(name, fill_json(state, member));
    return Json(std::move(out));
  }
  return value;
}

}  // namespace drover::sim
