#include "store/span_batch.h"

#include <cstring>

#include "base/bytes.h"
#include "base/crc32.h"
#include "store/span_bytes.h"

namespace drover::store {
namespace {

constexpr size_t kTraceBytes = 16;
constexpr size_t kSpanBytes = 8;
/// The most that a span takes beside the bytes of its texts: its length, ids, times and flags, and
/// what stands before six texts.
constexpr size_t kSpanBytesMax =
    sizeof(uint32_t) + kTraceBytes + 2 * kSpanBytes + 2 * sizeof(int64_t) + 1 + 6 * kTextHeadMax;
// Flags.
constexpr uint8_t kSampled = 1;
constexpr uint8_t kFailed = 2;
constexpr uint8_t kShortForm = 4;
constexpr uint8_t kHasParent = 8;
constexpr int kKindShift = 4;
constexpr uint8_t kKindMask = 3;

/// The kinds that flags can say; the first is what they do not.
constexpr std::string_view kKinds[] = {"", "CLIENT", "INTERNAL", "SERVER"};
static_assert(std::size(kKinds) == kKindMask + 1);

/// Compared in place, since the length is known.
template <uint8_t kCode>
bool is_kind(std::string_view kind) {
  constexpr std::string_view known = kKinds[kCode];
  return kind.size() == known.size() && std::memcmp(kind.data(), known.data(), known.size()) == 0;
}

uint8_t kind_code(std::string_view kind) {
  return is_kind<1>(kind) ? 1 : is_kind<2>(kind) ? 2 : is_kind<3>(kind) ? 3 : 0;
}

Result<Json> json_of(std::string_view text) {
  if (text.empty()) return Json();
  Result<Json> json = Json::parse(text);
  if (!json) return damaged_spans();
  return json;
}

/// The random end of a trace id: what comes first in it may be the time.
uint32_t trace_key(std::string_view trace) {
  return SpanTaker(trace.substr(kTraceBytes - 4)).number<uint32_t>();
}

/// What follows the session.
Result<void> read_rest(SpanTaker& in, uint8_t flags, SpanRow& row) {
  row.name = in.text();
  row.tenant = TenantId(std::string(in.text()));
  std::string_view attributes = in.text();
  std::string_view events = in.text();
  const size_t kind = flags >> kKindShift & kKindMask;
  row.span_kind = kind == 0 ? in.text() : kKinds[kind];
  if (in.failed()) return damaged_spans();
  std::optional<SpanAttributes> read = SpanAttributes::from_bytes(attributes);
  if (!read) return damaged_spans();
  row.attributes = std::move(*read);
  TRY(row.events, json_of(events));
  return {};
}

std::string_view old_text(SpanTaker& in) { return in.bytes(in.number<uint32_t>()); }

/// The same of a span of before.
Result<void> read_old_rest(SpanTaker& in, SpanRow& row) {
  Result<std::string> parent = from_hex(old_text(in));
  row.name = old_text(in);
  row.span_kind = old_text(in);
  row.tenant = TenantId(std::string(old_text(in)));
  std::string_view attributes = old_text(in);
  std::string_view events = old_text(in);
  if (in.failed() || !parent) return damaged_spans();
  if (!parent->empty()) {
    if (parent->size() != kSpanBytes) return damaged_spans();
    std::memcpy(row.parent_span_id.data(), parent->data(), kSpanBytes);
  }
  TRY(Json members, json_of(attributes));
  row.attributes = SpanAttributes(members);
  TRY(row.events, json_of(events));
  return {};
}

}  // namespace

void SpanBatch::add(const SpanFacts& span) {
  const std::string_view session = span.session.view();
  const std::string_view name = span.name.view();
  const std::string_view tenant = span.tenant.view();
  const std::string_view attributes = span.attributes.bytes();
  std::string events;
  if (!span.events.is_null()) events = span.events.dump();
  const bool has_parent = !span.is_root();
  const uint8_t kind = kind_code(span.span_kind);
  const size_t before = bytes_.size();
  char* const begin = bytes_.extend(kSpanBytesMax + session.size() + name.size() + tenant.size() +
                                    attributes.size() + events.size() + span.span_kind.size());
  SpanPutter put(begin + sizeof(uint32_t));
  put.bytes(span.context.trace_id.data(), kTraceBytes);
  put.bytes(span.context.span_id.data(), kSpanBytes);
  put.number(int64_t{unix_nanos(span.start)});
  put.number(int64_t{span.duration.count()});
  put.number(static_cast<uint8_t>((span.context.sampled ? kSampled : 0) |
                                  (span.error ? kFailed : 0) | kShortForm |
                                  (has_parent ? kHasParent : 0) | kind << kKindShift));
  if (has_parent) put.bytes(span.parent_span_id.data(), kSpanBytes);
  put.text(session);
  put.text(name);
  put.text(tenant);
  put.text(attributes);
  put.text(events);
  if (kind == 0) put.text(span.span_kind);
  const auto size = static_cast<size_t>(put.at() - begin);
  SpanPutter(begin).number(static_cast<uint32_t>(size - sizeof(uint32_t)));
  bytes_.cut(before + size);

  const auto* trace = reinterpret_cast<const char*>(span.context.trace_id.data());
  add_key(trace_key(std::string_view(trace, kTraceBytes)));
  if (!session.empty() && session != last_session_) {
    add_key(crc32(session));
    last_session_ = session;
  }
  if (count_ == 0 || span.start > newest_) newest_ = span.start;
  ++count_;
}

void SpanBatch::add_key(uint32_t key) {
  uint32_t& last = last_keys_[key % last_keys_.size()];
  if (key != last || key == 0) keys_.push_back(key);
  last = key;
}

std::shared_ptr<const SpanBatch> batch_of(const std::vector<SpanRow>& spans) {
  auto out = std::make_shared<SpanBatch>();
  for (const SpanRow& span : spans) out->add(span);
  return out;
}

Result<void> read_spans(std::string_view bytes, const SpanQuery& query, std::vector<SpanRow>& out) {
  SpanTaker batch(bytes);
  while (!batch.empty()) {
    SpanTaker in(batch.bytes(batch.number<uint32_t>()));
    std::string_view trace = in.bytes(kTraceBytes);
    std::string_view span = in.bytes(kSpanBytes);
    if (!query.trace.empty() && trace != query.trace && !in.failed()) continue;
    SpanRow row;
    row.start = wall_from_unix_nanos(in.number<int64_t>());
    row.duration = Duration(in.number<int64_t>());
    const auto flags = in.number<uint8_t>();
    const bool old = (flags & kShortForm) == 0;
    std::string_view parent = (flags & kHasParent) != 0 && !old ? in.bytes(kSpanBytes) : "";
    std::string_view session = old ? old_text(in) : in.text();
    bool other = query.trace.empty() && !query.all() && session != query.session;
    if (other && !in.failed()) continue;
    row.session = session;
    TRY_VOID(old ? read_old_rest(in, row) : read_rest(in, flags, row));
    if (batch.failed()) return damaged_spans();
    if (!parent.empty()) std::memcpy(row.parent_span_id.data(), parent.data(), kSpanBytes);
    std::memcpy(row.context.trace_id.data(), trace.data(), kTraceBytes);
    std::memcpy(row.context.span_id.data(), span.data(), kSpanBytes);
    row.context.sampled = (flags & kSampled) != 0;
    row.error = (flags & kFailed) != 0;
    out.push_back(std::move(row));
  }
  return {};
}

uint32_t span_key(const SpanQuery& query) {
  return query.trace.empty() ? crc32(query.session) : trace_key(query.trace);
}

}  // namespace drover::store
