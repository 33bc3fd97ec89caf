#include "base/span.h"

#include <cstring>

#include "base/bytes.h"

namespace drover {
namespace {

template <size_t N>
void fill(std::array<uint8_t, N>& out, Random& random) {
  static_assert(N % sizeof(uint64_t) == 0);
  for (size_t i = 0; i < N; i += sizeof(uint64_t)) {
    uint64_t v = random.next();
    std::memcpy(out.data() + i, &v, sizeof v);
  }
}

template <size_t N>
std::string hex(const std::array<uint8_t, N>& in) {
  return to_hex(std::string_view(reinterpret_cast<const char*>(in.data()), N));
}

}  // namespace

bool SpanContext::valid() const {
  return trace_id != std::array<uint8_t, 16>{} && span_id != std::array<uint8_t, 8>{};
}
std::string SpanContext::trace_id_hex() const { return hex(trace_id); }
std::string SpanContext::span_id_hex() const { return hex(span_id); }
std::string SpanContext::traceparent() const {
  return "00-" + trace_id_hex() + "-" + span_id_hex() + (sampled ? "-01" : "-00");
}

std::optional<SpanContext> SpanContext::parse_traceparent(std::string_view header) {
  // version "-" trace-id "-" parent-id "-" flags; later versions may append fields.
  if (header.size() < 55 || header[2] != '-' || header[35] != '-' || header[52] != '-') {
    return std::nullopt;
  }
  if (header.substr(0, 2) == "ff" || (header.size() > 55 && header[55] != '-')) return std::nullopt;
  auto trace = from_hex(header.substr(3, 32));
  auto span = from_hex(header.substr(36, 16));
  auto flags = from_hex(header.substr(53, 2));
  if (!trace || !span || !flags) return std::nullopt;
  SpanContext out;
  std::memcpy(out.trace_id.data(), trace->data(), 16);
  std::memcpy(out.span_id.data(), span->data(), 8);
  out.sampled = ((*flags)[0] & 1) != 0;
  if (!out.valid()) return std::nullopt;
  return out;
}

SpanContext SpanContext::make_root(Random& random) {
  SpanContext out;
  fill(out.trace_id, random);
  fill(out.span_id, random);
  return out;
}

SpanContext SpanContext::make_child(Random& random) const {
  SpanContext out = *this;
  fill(out.span_id, random);
  return out;
}

}  // namespace drover
