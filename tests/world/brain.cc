#include "world/brain.h"

#include <fmt/format.h>

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

}  // namespace

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
  std::vector<std::string> words = split(text, ' ');
  sim::ModelAnswer out;
  out.message.role = Role::kAssistant;
  size_t word = step + 2;  // after the number and "do"
  if (word >= words.size() || words[word] == "say") {
    std::string number = words.empty() ? "?" : words[0];
    out.message = Message::of_text(Role::kAssistant, "done " + number);
    return out;
  }
  int position = 0;
  for (const std::string& tool : split(words[word], '+')) {
    contract::ToolCall call;
    call.id = fmt::format("call_{}_{}_{}", user, step, position++);
    call.name = tool;
    call.arguments = "{}";
    out.message.tool_calls.push_back(std::move(call));
  }
  out.finish_reason = contract::FinishReason::kToolCalls;
  return out;
}

}  // namespace drover::world
