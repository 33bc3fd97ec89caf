#include "sim/stream_plan.h"

#include "base/assert.h"
#include "http/event_stream.h"
#include "http/sse.h"
#include "sim/tokens.h"

namespace drover::sim {

using contract::ToolCallDelta;

namespace {

/// Cuts between characters: a byte of the form 10xxxxxx goes on with the one before it.
std::vector<std::string> pieces_of(std::string_view text, size_t bytes) {
  std::vector<std::string> out;
  while (!text.empty()) {
    size_t end = std::min(bytes, text.size());
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return out;
}

int64_t tokens_of(std::string_view text) { return count_tokens(text); }

StreamStep call_step(int index, std::string arguments) {
  ToolCallDelta delta;
  delta.index = index;
  delta.arguments = std::move(arguments);
  StreamStep step;
  step.tokens = tokens_of(delta.arguments);
  step.delta = std::move(delta);
  return step;
}

void plan_calls(const std::vector<contract::ToolCall>& calls, size_t bytes, bool interleave,
                std::vector<StreamStep>& out) {
  std::vector<std::vector<std::string>> fragments;
  for (size_t i = 0; i < calls.size(); ++i) {
    fragments.push_back(pieces_of(calls[i].arguments, bytes));
    ToolCallDelta first;
    first.index = static_cast<int>(i);
    first.id = calls[i].id;
    first.name = calls[i].name;
    StreamStep step;
    step.tokens = tokens_of(calls[i].name);
    step.delta = std::move(first);
    out.push_back(std::move(step));
    if (interleave) continue;
    for (std::string& part : fragments.back()) {
      out.push_back(call_step(static_cast<int>(i), std::move(part)));
    }
  }
  if (!interleave) return;
  bool more = true;
  for (size_t round = 0; more; ++round) {
    more = false;
    for (size_t i = 0; i < fragments.size(); ++i) {
      if (round >= fragments[i].size()) continue;
      out.push_back(call_step(static_cast<int>(i), std::move(fragments[i][round])));
      more = true;
    }
  }
}

}  // namespace

std::vector<StreamStep> plan_stream(const contract::Message& message, StreamPlanOptions options,
                                    Random& random) {
  const size_t bytes = static_cast<size_t>(options.tokens_per_event) * kBytesPerToken;
  std::vector<StreamStep> out;
  for (const contract::Part& part : message.parts) {
    if (const auto* reasoning = std::get_if<contract::ReasoningPart>(&part)) {
      for (std::string& piece : pieces_of(reasoning->text, bytes)) {
        StreamStep step;
        step.tokens = tokens_of(piece);
        contract::ReasoningDelta delta;
        delta.text = std::move(piece);
        step.delta = std::move(delta);
        out.push_back(std::move(step));
      }
    }
  }
  for (std::string& piece : pieces_of(message.text(), bytes)) {
    StreamStep step;
    step.tokens = tokens_of(piece);
    step.delta = contract::TextDelta{std::move(piece)};
    out.push_back(std::move(step));
  }
  if (message.empty_text) {
    StreamStep step;
    step.delta = contract::TextDelta{};
    out.push_back(std::move(step));
  }
  for (std::string& piece : pieces_of(message.refusal, bytes)) {
    StreamStep step;
    step.tokens = tokens_of(piece);
    step.delta = contract::RefusalDelta{std::move(piece)};
    out.push_back(std::move(step));
  }
  bool interleave = options.interleave_calls && message.tool_calls.size() > 1 && random.chance(0.5);
  plan_calls(message.tool_calls, bytes, interleave, out);
  return out;
}

void append_wire_event(dialect::Framing framing, const dialect::WireEvent& event, Random* padding,
                       std::string& out) {
  if (framing == dialect::Framing::kSse) {
    http::append_sse_event(out, event.data, event.type);
    return;
  }
  std::string payload = event.data;
  if (padding != nullptr && padding->chance(0.5) && payload.size() > 2 && payload.back() == '}') {
    constexpr std::string_view kPad =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    payload.pop_back();
    payload += ",\"p\":\"";
    payload += kPad.substr(0, 1 + padding->below(kPad.size()));
    payload += "\"}";
  }
  using http::EventHeader;
  std::vector<EventHeader> headers = {
      EventHeader::text(event.exception ? ":exception-type" : ":event-type", event.type),
      EventHeader::text(":content-type", "application/json"),
      EventHeader::text(":message-type", event.exception ? "exception" : "event")};
  Result<void> framed = http::append_event_message(out, headers, payload);
  // The encoder's events are far below the limits, so this cannot fail on what we made ourselves.
  DROVER_ASSERT(framed.has_value());
}

}  // namespace drover::sim
