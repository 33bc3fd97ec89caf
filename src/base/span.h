#pragma once
// The identity of a span, as W3C Trace Context carries it. The spans themselves live in src/trace.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/random.h"

namespace drover {

struct SpanContext {
  std::array<uint8_t, 16> trace_id{};
  std::array<uint8_t, 8> span_id{};
  bool sampled = true;

  bool valid() const;
  std::string trace_id_hex() const;
  std::string span_id_hex() const;
  /// "00-<trace>-<span>-01" (W3C Trace Context level 1).
  std::string traceparent() const;
  static std::optional<SpanContext> parse_traceparent(std::string_view header);
  /// A new trace.
  static SpanContext make_root(Random& random);
  /// A new span of the same trace.
  SpanContext make_child(Random& random) const;
};

}  // namespace drover
