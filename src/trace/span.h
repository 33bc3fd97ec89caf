#pragma once
// Spans: what happened, when, below what. Finished spans go to a SpanSink (the store, OTLP later);
// names and attributes follow OpenTelemetry's GenAI conventions (trace/genai.h). A Span is a value
// owned by one task; end() hands it over once. Content of messages is never recorded unless the
// operator opted in.

#include <optional>
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
  virtual void emit(const store::SpanRow& span) = 0;
};

class Span {
 public:
  Span() = default;
  /// Starts a child of ctx's span (a root if it has none).
  Span(const async::Context& ctx, SpanSink* sink, Random& random, std::string name,
       std::string_view span_kind = "INTERNAL");
  /// The same in place, of one that was made by the default and has not begun.
  void begin(const async::Context& ctx, SpanSink* sink, Random& random, std::string name,
             std::string_view span_kind = "INTERNAL");
  Span(Span&& other) noexcept;
  Span& operator=(Span&& other) noexcept;
  /// Ends it, if nobody did.
  ~Span();

  /// ctx under this span.
  async::Context context() const;
  /// Sets an attribute; a key is set once (a second value of the same key stands beside the first).
  /// The program's own names (trace/genai.h) cost a byte, others their text.
  template <typename Name, typename T>
  void set(const Name& key, const T& value) {
    row_.attributes.add(key, value);
  }
  void set_tenant(TenantId tenant) { row_.tenant = std::move(tenant); }
  void set_session(std::string session) { row_.session = std::move(session); }
  const TenantId& tenant() const { return row_.tenant; }
  const std::string& session() const { return row_.session; }
  void rename(std::string name) { row_.name = std::move(name); }
  /// At most limits::kSpanEventsMax; further ones only count in "drover.dropped_events".
  void event(std::string_view name, Json attributes);
  /// Marks it failed: error.type and the message.
  void fail(const Error& error);
  void end();
  const SpanContext& id() const { return row_.context; }

 private:
  std::optional<async::Context> parent_;
  SpanSink* sink_ = nullptr;
  MonoTime started_;
  int64_t dropped_events_ = 0;
  store::SpanRow row_;
};

}  // namespace drover::trace
