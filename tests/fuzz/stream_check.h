#pragma once
// Shared by the stream targets: a decoded stream, sent by our own encoder and read again, is the
// same answer.

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dialect/dialect.h"

namespace drover::fuzz {

inline bool read_stream(const dialect::Dialect& dialect,
                        const std::vector<dialect::WireEvent>& events,
                        std::vector<contract::StreamDelta>& deltas,
                        contract::StreamAssembler& assembler) {
  auto decoder = dialect.make_stream_decoder();
  for (const dialect::WireEvent& event : events) {
    std::vector<contract::StreamDelta> some;
    if (!decoder->feed(event, some)) return false;
    for (const contract::StreamDelta& d : some) {
      assembler.add(d);
      deltas.push_back(d);
    }
  }
  return decoder->ended();
}

inline std::string text_of(const contract::Message& m) {
  std::string out = m.text() + "\n" + m.refusal;
  for (const contract::Part& part : m.parts) {
    if (const auto* r = std::get_if<contract::ReasoningPart>(&part)) out += "\n" + r->text;
  }
  for (const contract::ToolCall& call : m.tool_calls) {
    out += "\n" + call.id + "(" + call.name + ")" + call.arguments;
  }
  return out;
}

// Converse's blocks of text and reasoning come one after another; a stream that goes back to an
// earlier one is read, but cannot be written the same way again.
inline bool goes_back(const std::vector<contract::StreamDelta>& deltas) {
  std::set<std::pair<size_t, int>> left;
  std::pair<size_t, int> current{0, -1};
  for (const contract::StreamDelta& d : deltas) {
    int block = -1;
    if (const auto* text = std::get_if<contract::TextDelta>(&d)) block = text->block;
    if (const auto* reasoning = std::get_if<contract::ReasoningDelta>(&d)) block = reasoning->block;
    if (block < 0) continue;
    std::pair<size_t, int> key{d.index(), block};
    if (key != current) left.insert(current);
    if (left.contains(key)) return true;
    current = key;
  }
  return false;
}

inline void check_stream(const dialect::Dialect& dialect,
                         const std::vector<dialect::WireEvent>& events) {
  std::vector<contract::StreamDelta> deltas;
  contract::StreamAssembler assembler;
  if (!read_stream(dialect, events, deltas, assembler)) return;
  if (dialect.framing() == dialect::Framing::kEventStream && goes_back(deltas)) return;
  bool finished = assembler.finished();
  contract::ChatResponse first = assembler.take();
  contract::ChatRequest request;
  request.include_usage = true;
  auto encoder = dialect.make_stream_encoder(request);
  std::vector<dialect::WireEvent> ours;
  for (const contract::StreamDelta& d : deltas) encoder->encode(d, ours);
  encoder->finish(ours);
  std::vector<contract::StreamDelta> again_deltas;
  contract::StreamAssembler again;
  if (!read_stream(dialect, ours, again_deltas, again)) __builtin_trap();
  contract::ChatResponse second = again.take();
  if (text_of(first.message) != text_of(second.message)) __builtin_trap();
  if (finished && first.finish_reason != contract::FinishReason::kUnknown &&
      first.finish_reason != second.finish_reason) {
    __builtin_trap();
  }
}

}  // namespace drover::fuzz
