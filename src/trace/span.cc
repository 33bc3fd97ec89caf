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

Span::Span(async::Context ctx, SpanSink* sink, Random& random, const SpanName& name,
           std::string_view span_kind) {
  begin(std::move(ctx), sink, random, name, span_kind);
}

void Span::begin(async::Context ctx, SpanSink* sink, Random& random, const SpanName& name,
                 std::string_view span_kind) {
  DROVER_DASSERT(!parent_);
  sink_ = sink;
  started_ = ctx.loop().mono();
  facts_.start = ctx.loop().wall();
  if (ctx.span().valid()) {
    facts_.context = ctx.span().make_child(random);
    facts_.parent_span_id = ctx.span().span_id;
  } else {
    facts_.context = new_trace(random, facts_.start);
  }
  facts_.name.assign(name.first, name.between, name.second);
  facts_.span_kind = span_kind;
  parent_.emplace(std::move(ctx));
}

Span::Span(Span&& other) noexcept
    : parent_(std::move(other.parent_)),
      sink_(std::exchange(other.sink_, nullptr)),
      started_(other.started_),
      dropped_events_(other.dropped_events_),
      facts_(std::move(other.facts_)) {
  other.parent_.reset();
}

Span& Span::operator=(Span&& other) noexcept {
  if (this == &other) return *this;
  end();
  parent_ = std::move(other.parent_);
  other.parent_.reset();
  sink_ = std::exchange(other.sink_, nullptr);
  started_ = other.started_;
  dropped_events_ = other.dropped_events_;
  facts_ = std::move(other.facts_);
  return *this;
}

Span::~Span() { end(); }

async::Context Span::context() const {
  DROVER_ASSERT(parent_.has_value());
  return parent_->with_span(facts_.context);
}

void Span::event(std::string_view name, Json attributes) {
  if (!parent_) return;
  if (!facts_.events.is_array()) facts_.events = Json::array();
  if (facts_.events.array_items()->size() >= limits::kSpanEventsMax) {
    ++dropped_events_;
    return;
  }
  Json event = Json::object();
  event.set("name", name).set("time", format_rfc3339(parent_->loop().wall()));
  event.set("attributes", std::move(attributes));
  facts_.events.array_items()->push_back(std::move(event));
}

void Span::fail(const Error& error) {
  facts_.error = true;
  set(genai::kErrorType, error.reason.empty() ? std::string(code_name(error.code)) : error.reason);
  set(own::kErrorMessage, error.message);
}

void Span::end() {
  if (!parent_) return;
  if (dropped_events_ > 0) set(own::kDroppedEvents, dropped_events_);
  facts_.duration = parent_->loop().mono() - started_;
  parent_.reset();
  if (sink_ != nullptr) std::exchange(sink_, nullptr)->emit(facts_);
}

}  // namespace drover::trace
