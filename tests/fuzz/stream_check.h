#pragma once
// Shared by the stream targets: a decoded stream, sent by our own encoder and read again, is the
// same answer.

#include <string>
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
      // What the encoder writes is checked only for streams that say things once.
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

inline void check_stream(const dialect::Dialect& dialect,
                         const std::vector<dialect::WireEvent>& events) {
  std::vector<contract::StreamDelta> deltas;
  contract::StreamAssembler assembler;
  if (!read_stream(dialect, events, deltas, assembler)) return;
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
