#include "contract/chat.h"

#include <algorithm>

namespace drover::contract {

std::string_view role_name(Role role) {
  switch (role) {
    case Role::kSystem:
      return "system";
    case Role::kDeveloper:
      return "developer";
    case Role::kUser:
      return "user";
    case Role::kAssistant:
      return "assistant";
    case Role::kTool:
      return "tool";
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
    case FinishReason::kUnknown:
      return "unknown";
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kToolCalls:
      return "tool_calls";
    case FinishReason::kContentFilter:
      return "content_filter";
    case FinishReason::kContextFull:
      return "context_full";
    case FinishReason::kMalformed:
      return "malformed";
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
  if (const ReasoningDelta* r = std::get_if<ReasoningDelta>(&delta))
    return !r->text.empty() || !r->redacted.empty();
  if (const RefusalDelta* r = std::get_if<RefusalDelta>(&delta)) return !r->text.empty();
  return std::holds_alternative<ToolCallDelta>(delta);
}

// The part that deltas of this kind and block belong to: the existing one, or a new one at the end.
template <typename P>
P& StreamAssembler::part_of(int block) {
  std::vector<Part>& parts = response_.message.parts;
  for (size_t i = parts.size(); i-- > 0;) {
    if (blocks_[i] != block) continue;
    if (P* part = std::get_if<P>(&parts[i])) return *part;
  }
  parts.emplace_back(P{});
  blocks_.push_back(block);
  return std::get<P>(parts.back());
}

namespace {

void merge(Json::Object& into, const Json::Object& from) {
  for (const Json::Member& member : from) {
    auto old = std::find_if(into.begin(), into.end(),
                            [&](const Json::Member& m) { return m.first == member.first; });
    if (old == into.end()) {
      into.push_back(member);
    } else if (old->second.is_object() && member.second.is_object()) {
      for (const Json::Member& m : *member.second.members()) old->second.set(m.first, m.second);
    } else {
      old->second = member.second;
    }
  }
}

void add_start(ChatResponse& response, const StreamStart& start) {
  if (!start.id.empty()) response.id = start.id;
  if (!start.model.empty()) response.model = start.model;
  if (!start.system_fingerprint.empty()) response.system_fingerprint = start.system_fingerprint;
  if (!start.service_tier.empty()) response.service_tier = start.service_tier;
  if (start.created != 0) response.created = start.created;
}

void add_call(std::vector<ToolCall>& calls, const ToolCallDelta& delta) {
  // An index is the dialect's own count from 0; the codecs bound it.
  size_t index = static_cast<size_t>(delta.index < 0 ? 0 : delta.index);
  if (index >= calls.size()) calls.resize(index + 1);
  if (!delta.id.empty()) calls[index].id = delta.id;
  if (!delta.name.empty()) calls[index].name = delta.name;
  calls[index].arguments += delta.arguments;
  merge(calls[index].extra, delta.extra);
}

}  // namespace

void StreamAssembler::add(const StreamDelta& delta) {
  visible_ = visible_ || is_visible(delta);
  if (const auto* start = std::get_if<StreamStart>(&delta)) {
    add_start(response_, *start);
  } else if (const auto* text = std::get_if<TextDelta>(&delta)) {
    has_text_ = true;
    if (!text->text.empty()) part_of<TextPart>(text->block).text += text->text;
  } else if (const auto* reasoning = std::get_if<ReasoningDelta>(&delta)) {
    if (reasoning->text.empty() && reasoning->signature.empty() && reasoning->redacted.empty()) {
      return;
    }
    ReasoningPart& part = part_of<ReasoningPart>(reasoning->block);
    part.text += reasoning->text;
    part.signature += reasoning->signature;
    part.redacted += reasoning->redacted;
  } else if (const auto* refusal = std::get_if<RefusalDelta>(&delta)) {
    response_.message.refusal += refusal->text;
  } else if (const auto* call = std::get_if<ToolCallDelta>(&delta)) {
    add_call(response_.message.tool_calls, *call);
  } else if (const auto* finish = std::get_if<FinishDelta>(&delta)) {
    finished_ = true;
    response_.finish_reason = finish->reason;
    response_.native_finish_reason = finish->native;
  } else if (const auto* usage = std::get_if<UsageDelta>(&delta)) {
    response_.usage = usage->usage;
  } else if (const auto* other = std::get_if<OtherDelta>(&delta)) {
    if (const Json::Object* members = other->raw.members()) merge(response_.extra, *members);
  }
}

ChatResponse StreamAssembler::take() {
  Message& m = response_.message;
  m.role = Role::kAssistant;
  bool any_text = false;
  for (const Part& part : m.parts)
    any_text = any_text || !std::holds_alternative<ReasoningPart>(part);
  m.empty_text = has_text_ && !any_text;
  ChatResponse out = std::move(response_);
  *this = StreamAssembler();
  return out;
}

}  // namespace drover::contract
