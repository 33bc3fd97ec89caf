#include "providers/shorten.h"

#include <algorithm>

#include "providers/provider.h"

namespace drover::providers {
namespace {

using contract::Message;
using contract::Role;

/// What goes is a multiple of this part of the context.
constexpr int64_t kBatchPart = 4;

bool instructs(const Message& m) { return m.role == Role::kSystem || m.role == Role::kDeveloper; }

/// Messages that go together, by position.
using Group = std::vector<size_t>;

/// In the order in which they may go. What always stays is in none.
std::vector<Group> groups_of(const std::vector<Message>& messages) {
  // Where the last turn begins: with its question, or, where nobody asked, at the beginning.
  size_t last_turn = 0;
  for (size_t i = 0; i < messages.size(); ++i) {
    if (messages[i].role == Role::kUser) last_turn = i;
  }
  std::vector<Group> out;
  for (size_t i = 0; i < messages.size(); ++i) {
    const Message& m = messages[i];
    if (instructs(m) || (i == last_turn && m.role == Role::kUser)) continue;
    bool begins = i < last_turn ? m.role == Role::kUser : m.role != Role::kTool;
    if (begins || out.empty()) out.emplace_back();
    out.back().push_back(i);
  }
  // The newest exchange of the last turn stays.
  if (!out.empty() && out.back().front() >= last_turn) out.pop_back();
  return out;
}

}  // namespace

int64_t message_bytes(const Message& message) {
  size_t bytes = kBytesPerToken * 4;  // role and separators: about four tokens a message
  for (const contract::Part& part : message.parts) {
    if (const auto* text = std::get_if<contract::TextPart>(&part)) bytes += text->text.size();
    if (const auto* r = std::get_if<contract::ReasoningPart>(&part)) bytes += r->text.size();
  }
  for (const contract::ToolCall& call : message.tool_calls) {
    bytes += call.name.size() + call.arguments.size();
  }
  return static_cast<int64_t>(bytes);
}

int64_t shorten(std::vector<Message>& messages, int64_t rest_bytes, int64_t tokens_max) {
  const int64_t most = tokens_max * kBytesPerToken;
  int64_t bytes = rest_bytes;
  for (const Message& m : messages) bytes += message_bytes(m);
  if (bytes <= most) return 0;
  const int64_t batch = std::max<int64_t>(most / kBatchPart, 1);
  const int64_t wanted = (bytes - most + batch - 1) / batch * batch;
  std::vector<bool> goes(messages.size(), false);
  int64_t gone_bytes = 0, gone = 0;
  for (const Group& group : groups_of(messages)) {
    if (gone_bytes >= wanted) break;
    for (size_t i : group) {
      goes[i] = true;
      gone_bytes += message_bytes(messages[i]);
      ++gone;
    }
  }
  if (gone == 0) return 0;
  std::vector<Message> kept;
  kept.reserve(messages.size() - static_cast<size_t>(gone));
  for (size_t i = 0; i < messages.size(); ++i) {
    if (!goes[i]) kept.push_back(std::move(messages[i]));
  }
  messages = std::move(kept);
  return gone;
}

}  // namespace drover::providers
