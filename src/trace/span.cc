#include "trace/span.h"

#include "base/limits/trace.h"
#include "trace/genai.h"

namespace drover::trace {
namespace {

/// A new trace whose id begins with the time (48 bits of milliseconds; 80 random bits follow, W3C
/// Trace Context asks for 56), so that the store's index of traces grows at its end: wholly random
/// ids touch, and write, another page for each trace.
SpanContext new_trace(Random& random, WallTime now) {
  SpanContext out = SpanContext::make_root(random);
  const auto ms = static_cast<uint64_t>(unix_nanos(now) / 1'000'000);
  for (size_t i = 0; i < 6; ++i) out.trace_id[i] = static_cast<uint8_t>(ms >> (8 * (5 - i)));
  return out;
}

}  // namespace

Span::Span(const async::Context& ctx, SpanSink* sink, Random& random, const SpanName& name,
           std::string_view span_kind) {
  begin(ctx, sink, random, name, span_kind);
}

void Span::begin(const async::Context& ctx, SpanSink* sink, Random& random, const SpanName& name,
                 std::string_view span_kind) {
  DROVER_DASSERT(loop_ == nullptr);
  loop_ = &ctx.loop();
  sink_ = sink;
  start(ctx.span(), random, name, span_kind);
}

void Span::begin(const Span& above, Random& random, const SpanName& name,
                 std::string_view span_kind) {
  DROVER_DASSERT(loop_ == nullptr && above.loop_ != nullptr);
  loop_ = above.loop_;
  sink_ = above.sink_;
  start(above.id(), random, name, span_kind);
}

void Span::start(const SpanContext& above, Random& random, const SpanName& name,
                 std::string_view span_kind) {
  started_ = loop_->mono();
  facts_.start = loop_->wall();
  if (above.valid()) {
    facts_.context = above.make_child(random);
    facts_.parent_span_id = above.span_id;
  } else {
    facts_.context = new_trace(random, facts_.start);
  }
  facts_.name.assign(name.first, name.between, name.second);
  facts_.span_kind = span_kind;
}

Span::Span(Span&& other) noexcept
    : loop_(std::exchange(other.loop_, nullptr)),
      sink_(std::exchange(other.sink_, nullptr)),
      started_(other.started_),
      dropped_events_(other.dropped_events_),
      facts_(std::move(other.facts_)) {}

Span& Span::operator=(Span&& other) noexcept {
  if (this == &other) return *this;
  end();
  loop_ = std::exchange(other.loop_, nullptr);
  sink_ = std::exchange(other.sink_, nullptr);
  started_ = other.started_;
  dropped_events_ = other.dropped_events_;
  facts_ = std::move(other.facts_);
  return *this;
}

Span::~Span() { end(); }

void Span::event(std::string_view name, Json attributes) {
  if (loop_ == nullptr) return;
  if (!facts_.events.is_array()) facts_.events = Json::array();
  if (facts_.events.array_items()->size() >= limits::kSpanEventsMax) {
    ++dropped_events_;
    return;
  }
  Json event = Json::object();
  event.set("name", name).set("time", format_rfc3339(loop_->wall()));
  event.set("attributes", std::move(attributes));
  facts_.events.array_items()->push_back(std::move(event));
}

void Span::fail(const Error& error) {
  facts_.error = true;
  set(genai::kErrorType, error.reason.empty() ? std::string(code_name(error.code)) : error.reason);
  set(own::kErrorMessage, error.message);
}

void Span::end() {
  if (loop_ != nullptr) end(loop_->mono());
}

void Span::end(MonoTime now) {
  if (loop_ == nullptr) return;
  if (dropped_events_ > 0) set(own::kDroppedEvents, dropped_events_);
  facts_.duration = now - started_;
  loop_ = nullptr;
  if (sink_ != nullptr) std::exchange(sink_, nullptr)->emit(facts_);
}

}  // namespace drover::trace
