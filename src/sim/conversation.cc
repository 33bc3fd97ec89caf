#include "sim/conversation.h"

#include <fmt/format.h>

#include "base/json_canonical.h"

namespace drover::sim {

using contract::Message;
using contract::ToolCall;

namespace {

/// Each field with its length, so that no text can pass for two fields.
void append_field(std::string_view name, std::string_view value, std::string& out) {
  out += name;
  out += ' ';
  out += std::to_string(value.size());
  out += ':';
  out += value;
  out += '\n';
}

std::string_view canonical_role(contract::Role role) {
  return contract::role_name(role == contract::Role::kDeveloper ? contract::Role::kSystem : role);
}

std::string canonical_arguments(const ToolCall& call) {
  Result<Json> parsed = Json::parse(call.arguments.empty() ? "{}" : call.arguments);
  return parsed ? canonical_json(*parsed) : "text " + call.arguments;
}

/// Both texts around the first byte in which they differ.
std::string difference_of(std::string_view what, std::string_view expected, std::string_view got) {
  size_t at = 0;
  while (at < expected.size() && at < got.size() && expected[at] == got[at]) ++at;
  constexpr size_t kShown = 40;
  std::string want;
  std::string have;
  append_json_string(want, expected.substr(at, kShown));
  append_json_string(have, got.substr(at, kShown));
  return fmt::format("{} differs at byte {} (recorded {} bytes, got {}): recorded {}, got {}", what,
                     at, expected.size(), got.size(), want, have);
}

}  // namespace

std::string canonical_message(const Message& message) {
  std::string out;
  append_field("role", canonical_role(message.role), out);
  append_field("text", message.text(), out);
  for (const contract::Part& part : message.parts) {
    if (const auto* image = std::get_if<contract::ImagePart>(&part)) {
      append_field("image", image->url + image->data, out);
    } else if (const auto* other = std::get_if<contract::OtherPart>(&part)) {
      append_field("part", canonical_json(other->raw), out);
    }
  }
  for (const ToolCall& call : message.tool_calls) {
    append_field("call", call.name, out);
    append_field("with", canonical_arguments(call), out);
  }
  if (!message.refusal.empty()) append_field("refusal", message.refusal, out);
  return out;
}

std::vector<crypto::Digest> conversation_keys(const std::vector<Message>& messages) {
  std::vector<crypto::Digest> keys;
  keys.reserve(messages.size() + 1);
  keys.push_back(crypto::sha256("conversation"));
  crypto::Sha256 hash;
  for (const Message& message : messages) {
    hash.update(keys.back().view());
    hash.update(canonical_message(message));
    keys.push_back(hash.finish());
  }
  return keys;
}

std::string describe_difference(const Message& expected, const Message& got) {
  if (canonical_role(expected.role) != canonical_role(got.role)) {
    return fmt::format("the role is {} where {} was recorded", contract::role_name(got.role),
                       contract::role_name(expected.role));
  }
  if (expected.text() != got.text()) return difference_of("text", expected.text(), got.text());
  if (expected.tool_calls.size() != got.tool_calls.size()) {
    return fmt::format("{} tool calls where {} were recorded", got.tool_calls.size(),
                       expected.tool_calls.size());
  }
  for (size_t i = 0; i < expected.tool_calls.size(); ++i) {
    const ToolCall& want = expected.tool_calls[i];
    const ToolCall& have = got.tool_calls[i];
    if (want.name != have.name) {
      return difference_of(fmt::format("name of tool call {}", i), want.name, have.name);
    }
    if (canonical_arguments(want) != canonical_arguments(have)) {
      return difference_of(fmt::format("arguments of tool call {}", i), want.arguments,
                           have.arguments);
    }
  }
  return "the parts beside the text differ";
}

}  // namespace drover::sim
