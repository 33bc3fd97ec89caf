#pragma once
// Spans: what happened, when, below what. Finished spans go to a SpanSink (the store, OTLP later);
// names and attributes follow OpenTelemetry's GenAI conventions (trace/genai.h). A Span is a value
// owned by one task; end() hands it over once. Content of messages is never recorded unless the
// operator opted in.

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "async/context.h"
#include "base/limits/trace.h"
#include "base/random.h"
#include "base/span.h"
#include "store/spans.h"

namespace drover::trace {

class SpanSink {
 public:
  virtual ~SpanSink() = default;
  /// Never blocks; bounded; drops (counted) rather than waits.
  virtual void emit(const store::SpanFacts& span) = 0;
};

/// What a span is called: a text, or an operation and what it is done with, "chat gpt-4o".
struct SpanName {
  SpanName(std::string_view whole) : first(whole) {}
  SpanName(const std::string& whole) : first(whole) {}
  SpanName(const char* whole) : first(whole) {}
  SpanName(std::string_view operation, std::string_view of)
      : first(operation), between(" "), second(of) {}
  std::string_view first;
  std::string_view between;
  std::string_view second;
};

class Span {
 public:
  Span() = default;
  /// Starts a child of ctx's span (a root if it has none). `span_kind` is a constant.
  Span(const async::Context& ctx, SpanSink* sink, Random& random, const SpanName& name,
       std::string_view span_kind = "INTERNAL");
  /// The same in place, of one that was made by the default and has not begun.
  void begin(const async::Context& ctx, SpanSink* sink, Random& random, const SpanName& name,
             std::string_view span_kind = "INTERNAL");
  /// The same below a span that goes on, for the same sink.
  void begin(const Span& above, Random& random, const SpanName& name,
             std::string_view span_kind = "INTERNAL");
  Span(Span&& other) noexcept;
  Span& operator=(Span&& other) noexcept;
  /// Ends it, if nobody did.
  ~Span();

  /// Sets an attribute; a key is set once (a second value of the same key stands beside the first).
  /// The program's own names (trace/genai.h) cost a byte, others their text.
  template <typename Name, typename T>
  void set(const Name& key, const T& value) {
    facts_.attributes.add(key, value);
  }
  void set_tenant(const TenantId& tenant) { facts_.tenant.assign(tenant.str()); }
  void set_session(std::string_view session) { facts_.session.assign(session); }
  /// At most limits::kSpanEventsMax; further ones only count in "drover.dropped_events".
  void event(std::string_view name, Json attributes);
  /// Marks it failed: error.type and the message.
  void fail(const Error& error);
  void end();
  /// For who knows what time it is.
  void end(MonoTime now);
  /// What is done within it has the context ctx.with_span(span.id()).
  const SpanContext& id() const { return facts_.context; }

 private:
  void start(const SpanContext& above, Random& random, const SpanName& name,
             std::string_view span_kind);

  async::Loop* loop_ = nullptr;  // while it goes on
  SpanSink* sink_ = nullptr;
  MonoTime started_;
  int64_t dropped_events_ = 0;
  store::SpanFacts facts_;  // what it will have to say
};

}  // namespace drover::trace
