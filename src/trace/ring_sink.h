#pragma once
// Keeps the last spans in memory: for tests, for --dev, and for pages that show what just happened.
// Bounded by limits::kSpanRingMax (or less); the oldest go first. Loop thread only.

#include <deque>
#include <string_view>
#include <vector>

#include "base/limits/trace.h"
#include "trace/span.h"

namespace drover::trace {

class RingSink final : public SpanSink {
 public:
  explicit RingSink(size_t spans_max = limits::kSpanRingMax) : spans_max_(spans_max) {}
  void emit(const store::SpanFacts& span) override;
  const std::deque<store::SpanRow>& spans() const { return spans_; }
  std::vector<store::SpanRow> by_trace(std::string_view trace_id_hex) const;
  std::vector<store::SpanRow> by_session(std::string_view session) const;
  /// Every span that came, those that fell out of the ring too.
  uint64_t total() const { return total_; }

 private:
  size_t spans_max_;
  std::deque<store::SpanRow> spans_;
  uint64_t total_ = 0;
};

/// Hands each span to several sinks, which outlive it.
class TeeSink final : public SpanSink {
 public:
  explicit TeeSink(std::vector<SpanSink*> sinks) : sinks_(std::move(sinks)) {}
  void emit(const store::SpanFacts& span) override;

 private:
  std::vector<SpanSink*> sinks_;
};

}  // namespace drover::trace
