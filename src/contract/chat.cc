#include "contract/chat.h"

namespace drover::contract {

std::string_view role_name(Role role) {
  switch (role) {
    case Role::kSystem: return "system";
    case Role::kDeveloper: return "developer";
    case Role::kUser: return "user";
    case Role::kAssistant: return "assistant";
    case Role::kTool: return "tool";
  }
  return "user";
}

std::optional<Role> parse_role(std::string_view name) {
  for (Role r : {Role::kSystem, Role::kDeveloper, Role::kUser, Role::kAssistant, Role::kTool}) {
    if (role_name(r) == name) return r;
  }
  return std::nullopt;
}

std::string_view finish_reason_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::kUnknown: return "unknown";
    case FinishReason::kStop: return "stop";
    case FinishReason::kLength: return "length";
    case FinishReason::kToolCalls: return "tool_calls";
    case FinishReason::kContentFilter: return "content_filter";
    case FinishReason::kContextFull: return "context_full";
    case FinishReason::kMalformed: return "malformed";
  }
  return "unknown";
}

std::optional<FinishReason> parse_finish_reason(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(FinishReason::kMalformed); ++i) {
    FinishReason r = static_cast<FinishReason>(i);
    if (finish_reason_name(r) == name) return r;
  }
  return std::nullopt;
}

std::string Message::text() const {
  std::string out;
  for (const Part& part : parts) {
    if (const TextPart* t = std::get_if<TextPart>(&part)) out += t->text;
  }
  return out;
}

Message Message::of_text(Role role, std::string text) {
  Message m;
  m.role = role;
  m.empty_text = text.empty();
  if (!text.empty()) m.parts.emplace_back(TextPart{std::move(text)});
  return m;
}

bool is_visible(const StreamDelta& delta) {
  if (const TextDelta* t = std::get_if<TextDelta>(&delta)) return !t->text.empty();
  if (const ReasoningDelta* r = std::get_if<ReasoningDelta>(&delta)) return !r->text.empty();
  if (const RefusalDelta* r = std::get_if<RefusalDelta>(&delta)) return !r->text.empty();
  return std::holds_alternative<ToolCallDelta>(delta);
}

void StreamAssembler::add(const StreamDelta& delta) {
  visible_ = visible_ || is_visible(delta);
  if (const auto* start = std::get_if<StreamStart>(&delta)) {
    if (!start->id.empty()) response_.id = start->id;
    if (!start->model.empty()) response_.model = start->model;
    if (!start->system_fingerprint.empty()) response_.system_fingerprint = start->system_fingerprint;
    if (start->created != 0) response_.created = start->created;
  } else if (const auto* text = std::get_if<TextDelta>(&delta)) {
    has_text_ = true;
    text_ += text->text;
  } else if (const auto* reasoning = std::get_if<ReasoningDelta>(&delta)) {
    reasoning_.text += reasoning->text;
    reasoning_.signature += reasoning->signature;
  } else if (const auto* refusal = std::get_if<RefusalDelta>(&delta)) {
    response_.message.refusal += refusal->text;
  } else if (const auto* call = std::get_if<ToolCallDelta>(&delta)) {
    // An index is the dialect's own count from 0; the codecs bound it.
    size_t index = static_cast<size_t>(call->index < 0 ? 0 : call->index);
    std::vector<ToolCall>& calls = response_.message.tool_calls;
    if (index >= calls.size()) calls.resize(index + 1);
    if (!call->id.empty()) calls[index].id = call->id;
    if (!call->name.empty()) calls[index].name = call->name;
    calls[index].arguments += call->arguments;
  } else if (const auto* finish = std::get_if<FinishDelta>(&delta)) {
    finished_ = true;
    response_.finish_reason = finish->reason;
    response_.native_finish_reason = finish->native;
  } else if (const auto* usage = std::get_if<UsageDelta>(&delta)) {
    response_.usage = usage->usage;
  }
}

ChatResponse StreamAssembler::take() {
  Message& m = response_.message;
  m.role = Role::kAssistant;
  if (!reasoning_.text.empty() || !reasoning_.signature.empty()) {
    m.parts.emplace_back(std::move(reasoning_));
  }
  if (!text_.empty()) m.parts.emplace_back(TextPart{std::move(text_)});
  m.empty_text = has_text_ && m.parts.empty();
  ChatResponse out = std::move(response_);
  *this = StreamAssembler();
  return out;
}

}  // namespace drover::contract
