#pragma once
// A model's answer cut into the pieces that a stream of it is made of, and those pieces as bytes.
// Pure but for the Random handed in.

#include <string>
#include <vector>

#include "dialect/dialect.h"
#include "sim/latency.h"

namespace drover::sim {

struct StreamStep {
  contract::StreamDelta delta;
  /// Answer tokens it carries.
  int64_t tokens = 0;
};

struct StreamPlanOptions {
  int64_t tokens_per_event = 4;
  /// Fragments of parallel tool calls may come in turn, as OpenAI's may; Converse's blocks may not.
  bool interleave_calls = false;
};

/// Reasoning, text, refusal, tool calls: without start, finish and usage. Text is cut between
/// characters, never inside one.
std::vector<StreamStep> plan_stream(const contract::Message& message, StreamPlanOptions options,
                                    Random& random);

/// Appends the bytes of one wire event. With AWS event streams, `padding` members ("p") are added
/// to some payloads, as the service does.
void append_wire_event(dialect::Framing framing, const dialect::WireEvent& event, Random* padding,
                       std::string& out);

}  // namespace drover::sim
