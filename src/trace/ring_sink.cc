#include "trace/ring_sink.h"

namespace drover::trace {

void RingSink::emit(const store::SpanFacts& span) {
  ++total_;
  if (spans_max_ == 0) return;
  if (spans_.size() >= spans_max_) spans_.pop_front();
  spans_.push_back(span.row());
}

std::vector<store::SpanRow> RingSink::by_trace(std::string_view trace_id_hex) const {
  std::vector<store::SpanRow> out;
  for (const store::SpanRow& span : spans_) {
    if (span.context.trace_id_hex() == trace_id_hex) out.push_back(span);
  }
  return out;
}

std::vector<store::SpanRow> RingSink::by_session(std::string_view session) const {
  std::vector<store::SpanRow> out;
  for (const store::SpanRow& span : spans_) {
    if (span.session == session) out.push_back(span);
  }
  return out;
}

void TeeSink::emit(const store::SpanFacts& span) {
  for (SpanSink* sink : sinks_) sink->emit(span);
}

}  // namespace drover::trace
