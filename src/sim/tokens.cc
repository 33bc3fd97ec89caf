#include "sim/tokens.h"

namespace drover::sim {

using contract::Message;

int64_t count_tokens(std::string_view text) {
  return static_cast<int64_t>((text.size() + kBytesPerToken - 1) / kBytesPerToken);
}

std::string prompt_text(const contract::ChatRequest& request) {
  std::string out;
  for (const contract::ToolDefinition& tool : request.tools) {
    out += "tool ";
    out += tool.name;
    out += '\n';
    out += tool.description;
    out += '\n';
    tool.parameters.dump_to(out);
    out += '\n';
  }
  for (const Message& message : request.messages) {
    out += contract::role_name(message.role);
    out += '\n';
    out += message.text();
    for (const contract::ToolCall& call : message.tool_calls) {
      out += "\ncall ";
      out += call.name;
      out += ' ';
      out += call.arguments;
    }
    out += '\n';
  }
  return out;
}

int64_t count_answer_tokens(const Message& message) {
  int64_t tokens = count_tokens(message.text()) + count_tokens(message.refusal) +
                   count_reasoning_tokens(message);
  for (const contract::ToolCall& call : message.tool_calls) {
    tokens += count_tokens(call.name) + count_tokens(call.arguments);
  }
  return tokens;
}

int64_t count_reasoning_tokens(const Message& message) {
  int64_t tokens = 0;
  for (const contract::Part& part : message.parts) {
    if (const auto* reasoning = std::get_if<contract::ReasoningPart>(&part)) {
      tokens += count_tokens(reasoning->text);
    }
  }
  return tokens;
}

}  // namespace drover::sim
