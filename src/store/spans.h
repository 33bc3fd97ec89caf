#pragma once
// Finished spans, kept for `drover trace` and the pages. Written in batches, visible within a
// second; bounded by age and number (limits::kSpansMax, kSpanAgeMax; oldest go first). An answer is
// in order of start. Loop thread only.

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "async/context.h"
#include "async/task.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/limits/store.h"
#include "base/short_text.h"
#include "base/span.h"
#include "store/span_attributes.h"

namespace drover::store {

using async::Context;
using async::Task;

class SpanBatch;
struct SpanFacts;

struct SpanRow {
  SpanContext context;
  std::array<uint8_t, 8> parent_span_id{};  // zeros for a root
  TenantId tenant;
  std::string session;    // gen_ai.conversation.id; empty for a stateless call
  std::string name;       // "chat gpt-4o", "execute_tool get_weather"
  std::string span_kind;  // "CLIENT", "INTERNAL", "SERVER"
  WallTime start;
  Duration duration{};
  bool error = false;
  SpanAttributes attributes;  // OpenTelemetry names
  Json events;                // array of {name, time, attributes}; null if there are none

  bool is_root() const { return parent_span_id == std::array<uint8_t, 8>{}; }
  operator SpanFacts() const;
};

/// The same with whoever makes it: on its way to be kept. Ids, and names as they usually are, lie
/// in it.
struct SpanFacts {
  using Text = ShortText<36>;
  SpanContext context;
  std::array<uint8_t, 8> parent_span_id{};
  Text tenant;
  Text session;
  Text name;
  std::string_view span_kind;  // somebody else's
  WallTime start;
  Duration duration{};
  bool error = false;
  SpanAttributes attributes;
  Json events;

  bool is_root() const { return parent_span_id == std::array<uint8_t, 8>{}; }
  SpanRow row() const;
};

inline SpanRow::operator SpanFacts() const {
  return {context, parent_span_id, tenant.str(), session,    name,  span_kind,
          start,   duration,       error,        attributes, events};
}

inline SpanRow SpanFacts::row() const {
  return {context,
          parent_span_id,
          TenantId(std::string(tenant.view())),
          std::string(session.view()),
          std::string(name.view()),
          std::string(span_kind),
          start,
          duration,
          error,
          attributes,
          events};
}

/// How many spans are kept and how long.
struct SpanLimits {
  size_t count_max = limits::kSpansMax;
  Duration age_max = limits::kSpanAgeMax;
};

class Spans {
 public:
  virtual ~Spans() = default;
  /// The batch is not changed any more; the caller may keep it to try again. What is written
  /// survives this process; a power cut may take the last seconds.
  virtual Task<Result<void>> write(Context ctx, std::shared_ptr<const SpanBatch> batch) = 0;
  virtual Task<Result<std::vector<SpanRow>>> by_trace(Context ctx, std::string trace_id_hex) = 0;
  virtual Task<Result<std::vector<SpanRow>>> by_session(Context ctx, SessionId session) = 0;
  /// Removes the spans of a session.
  virtual Task<Result<void>> remove_of(Context ctx, SessionId session) = 0;
  /// Removes at most a slice of what is too old or too many; returns how many went. Each write
  /// does this too; for quiet times, call it now and then until it returns 0.
  virtual Task<Result<size_t>> prune(Context ctx) = 0;
};

}  // namespace drover::store
