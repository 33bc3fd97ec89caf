#include "world/brain.h"

#include <fmt/format.h>

#include <algorithm>

namespace drover::world {
namespace {

using contract::Message;
using contract::Role;

std::vector<std::string> split(std::string_view text, char by) {
  std::vector<std::string> out;
  size_t at = 0;
  while (at <= text.size()) {
    size_t end = std::min(text.find(by, at), text.size());
    if (end > at) out.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

/// "spawn:2:all:fast.say:900": so many children, how many of them to wait for, what each does, and
/// the tokens that each may use.
Json spawn_body(const std::vector<std::string>& parts) {
  std::string what = parts.size() > 3 ? parts[3] : "say";
  std::replace(what.begin(), what.end(), '.', ':');
  Json tasks = Json::array();
  int n = std::atoi(parts.size() > 1 ? parts[1].c_str() : "1");
  for (int i = 0; i < n; ++i) {
    Json task = Json::object().set("message", fmt::format("#child{} do {} say", i, what));
    if (parts.size() > 4) {
      task.set("budget", Json::object().set("tokens", int64_t{std::atoi(parts[4].c_str())}));
    }
    tasks.push(std::move(task));
  }
  Json out = Json::object().set("tasks", std::move(tasks));
  std::string wait = parts.size() > 2 ? parts[2] : "all";
  if (wait == "all" || wait == "any") {
    out.set("wait", wait);
  } else {
    out.set("wait", static_cast<int64_t>(std::atoi(wait.c_str())));
  }
  return out;
}

/// A request says all of it: why, what for, how much.
Json extension_body(std::string_view tokens) {
  Json out = Json::object();
  out.set("reason_code", "more").set("explanation", "the script says so");
  out.set("tokens", static_cast<int64_t>(std::atoi(std::string(tokens).c_str())));
  return out.set("time_s", int64_t{5}).set("expected_gain", "the script comes to its end");
}

std::vector<std::string> words_of_step(std::string_view script, size_t step) {
  std::vector<std::string> words = split(script, ' ');
  size_t word = step + 2;  // after the number and "do"
  if (word >= words.size() || words[word] == "say") return {};
  return split(words[word], '+');
}

Json wait_effect(std::string_view what) {
  return Json::object().set("kind", "wait").set("for", what);
}

/// What a planner makes of a word: an effect of its own where the built-in loop has a tool.
Json effect_of_word(std::string_view word) {
  std::vector<std::string> parts = split(word, ':');
  const std::string name = parts.empty() ? std::string(word) : parts[0];
  const std::string first = parts.size() > 1 ? parts[1] : "";
  if (name == "sleep") {
    return wait_effect("timer").set("seconds", static_cast<int64_t>(std::atoi(first.c_str())));
  }
  if (name == "signal") {
    Json wait = wait_effect("signal").set("name", first);
    if (parts.size() > 2) wait.set("seconds", static_cast<int64_t>(std::atoi(parts[2].c_str())));
    return wait;
  }
  if (name == "ask") return wait_effect("approval").set("question", "shall I go on?");
  if (name == "extend") return extension_body(first).set("kind", "request_extension");
  if (name == "spawn") return spawn_body(parts).set("kind", "spawn");
  if (name == "think") {
    Json call = Json::object().set("kind", "model_call").set("output_tokens", int64_t{100});
    if (!first.empty()) call.set("models", Json::array().push(first));
    return call;
  }
  return Json::object().set("kind", "tool_call").set("name", name).set("arguments", "{}");
}

}  // namespace

contract::ToolCall call_of_word(std::string_view word) {
  std::vector<std::string> parts = split(word, ':');
  contract::ToolCall call;
  call.name = parts.empty() ? std::string(word) : parts[0];
  call.arguments = "{}";
  std::string first = parts.size() > 1 ? parts[1] : "";
  if (call.name == "sleep") {
    call.name = "drover_sleep";
    call.arguments = fmt::format(R"({{"seconds":{}}})", first);
  } else if (call.name == "signal") {
    call.name = "drover_wait_for_signal";
    call.arguments = fmt::format(R"({{"name":"{}")", first);
    if (parts.size() > 2) call.arguments += fmt::format(R"(,"timeout_s":{})", parts[2]);
    call.arguments += "}";
  } else if (call.name == "extend") {
    call.name = "drover_request_extension";
    call.arguments = extension_body(first).dump();
  } else if (call.name == "spawn") {
    call.name = "drover_spawn";
    call.arguments = spawn_body(parts).dump();
  }
  return call;
}

std::vector<contract::ToolCall> calls_of_step(std::string_view script, size_t step) {
  std::vector<contract::ToolCall> out;
  for (const std::string& one : words_of_step(script, step)) {
    if (one.substr(0, 5) == "think") continue;  // a planner's word: the model does, and answers
    out.push_back(call_of_word(one));
  }
  return out;
}

std::string script_number(std::string_view script) {
  return std::string(script.substr(0, script.find(' ')));
}

Json plan_of(const Json& question) {
  std::string script;
  size_t step = 0;
  const Json* messages = question.find("messages");
  if (messages != nullptr && messages->array_items() != nullptr) {
    for (const Json& one : *messages->array_items()) {
      auto message = contract::message_from_json(one);
      if (!message) continue;
      if (message->role == Role::kUser) {
        script = message->text();
        step = 0;
      }
      if (message->role == Role::kAssistant) ++step;
    }
  }
  Json effects = Json::array();
  // An assistant's message is how it knows the next time that this step is behind it: tool calls
  // and a model's answer leave one, waits and children do not.
  bool leaves_message = false;
  for (const std::string& word : words_of_step(script, step)) {
    Json effect = effect_of_word(word);
    const std::string_view kind = effect.get_string("kind").value_or("");
    leaves_message = leaves_message || kind == "tool_call" || kind == "model_call";
    effects.push(std::move(effect));
  }
  if (effects.array_items()->empty()) {
    effects.push(Json::object().set("kind", "say").set("text", "done " + script_number(script)));
    // A child of a planner has ended when that says so; whatever a user asks of his session begins
    // with a digit, however damaged a task came to its child.
    const bool child = script.size() < 2 || script[1] < '0' || script[1] > '9';
    effects.push(child ? Json::object().set("kind", "end") : wait_effect("message"));
  } else if (!leaves_message) {
    effects.push(Json::object().set("kind", "say").set("text", fmt::format("step {}", step)));
  }
  return Json::object().set("effects", std::move(effects));
}

Result<sim::ModelAnswer> Brain::answer(const sim::ModelQuestion& question) {
  const std::vector<Message>& messages = question.request.messages;
  size_t user = messages.size();
  while (user > 0 && messages[user - 1].role != Role::kUser) --user;
  if (user == 0) return fail(Code::kInvalidArgument, "nobody has said anything");
  size_t step = 0;
  for (size_t i = user; i < messages.size(); ++i) {
    if (messages[i].role == Role::kAssistant) ++step;
  }
  std::string text = messages[user - 1].text();
  sim::ModelAnswer out;
  out.message.role = Role::kAssistant;
  out.message.tool_calls = calls_of_step(text, step);
  if (out.message.tool_calls.empty()) {
    out.message = Message::of_text(Role::kAssistant, "done " + script_number(text));
    return out;
  }
  int position = 0;
  for (contract::ToolCall& call : out.message.tool_calls) {
    call.id = fmt::format("call_{}_{}_{}", user, step, position++);
  }
  out.finish_reason = contract::FinishReason::kToolCalls;
  return out;
}

}  // namespace drover::world
