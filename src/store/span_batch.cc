#include "store/span_batch.h"

#include <cstring>

#include "base/crc32.h"
#include "base/text_copy.h"

namespace drover::store {
namespace {

constexpr size_t kTraceBytes = 16;
constexpr size_t kSpanBytes = 8;
constexpr uint8_t kSampled = 1;
constexpr uint8_t kFailed = 2;

// The short texts of a span, in their order.
constexpr std::string SpanRow::* kTexts[] = {&SpanRow::session, &SpanRow::parent_span_id,
                                             &SpanRow::name, &SpanRow::span_kind};

/// Writes parts into room that is known to be large enough.
class Putter {
 public:
  explicit Putter(char* at) : at_(at) {}
  void bytes(const void* from, size_t n) {
    if (n != 0) std::memcpy(at_, from, n);
    at_ += n;
  }
  template <typename T>
  void number(T value) {
    for (size_t i = 0; i < sizeof(T); ++i) {
      at_[i] = static_cast<char>(static_cast<std::make_unsigned_t<T>>(value) >> (8 * i));
    }
    at_ += sizeof(T);
  }
  void text(std::string_view text) {
    number(static_cast<uint32_t>(text.size()));
    at_ = copy_text(at_, text);
  }

 private:
  char* at_;
};

/// Takes parts off the front of bytes; once something is missing, all that follows is empty.
class Taker {
 public:
  explicit Taker(std::string_view bytes) : rest_(bytes) {}
  std::string_view bytes(size_t n) {
    if (n > rest_.size()) {
      failed_ = true;
      rest_ = {};
      return {};
    }
    std::string_view out = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return out;
  }
  template <typename T>
  T number() {
    std::string_view in = bytes(sizeof(T));
    std::make_unsigned_t<T> value = 0;
    for (size_t i = 0; i < in.size(); ++i) {
      value |= static_cast<std::make_unsigned_t<T>>(static_cast<unsigned char>(in[i])) << (8 * i);
    }
    return static_cast<T>(value);
  }
  std::string_view text() { return bytes(number<uint32_t>()); }
  bool empty() const { return rest_.empty(); }
  bool failed() const { return failed_; }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

Result<Json> json_of(std::string_view text) {
  if (text.empty()) return Json();
  Result<Json> json = Json::parse(text);
  if (!json) return damaged_spans();
  return json;
}

/// The random end of a trace id: what comes first in it may be the time.
uint32_t trace_key(std::string_view trace) {
  return Taker(trace.substr(kTraceBytes - 4)).number<uint32_t>();
}

}  // namespace

void SpanBatch::add(const SpanRow& row) {
  const std::string& inside = row.attributes.inside();
  const std::string events = row.events.is_null() ? std::string() : row.events.dump();
  const std::string& tenant = row.tenant.str();
  size_t attributes = inside.empty() ? 0 : inside.size() + 2;
  size_t size = kTraceBytes + kSpanBytes + 2 * sizeof(int64_t) + 1 + 7 * sizeof(uint32_t) +
                tenant.size() + attributes + events.size();
  for (std::string SpanRow::* text : kTexts) size += (row.*text).size();
  Putter put(bytes_.extend(sizeof(uint32_t) + size));
  put.number(static_cast<uint32_t>(size));
  put.bytes(row.context.trace_id.data(), kTraceBytes);
  put.bytes(row.context.span_id.data(), kSpanBytes);
  put.number(int64_t{unix_nanos(row.start)});
  put.number(int64_t{row.duration.count()});
  put.number(
      static_cast<uint8_t>((row.context.sampled ? kSampled : 0) | (row.error ? kFailed : 0)));
  for (std::string SpanRow::* text : kTexts) put.text(row.*text);
  put.text(tenant);
  put.number(static_cast<uint32_t>(attributes));
  if (attributes != 0) {
    put.bytes("{", 1);
    put.bytes(inside.data(), inside.size());
    put.bytes("}", 1);
  }
  put.text(events);

  const auto* trace = reinterpret_cast<const char*>(row.context.trace_id.data());
  keys_.push_back(trace_key(std::string_view(trace, kTraceBytes)));
  // The spans of a session often follow one another.
  if (!row.session.empty() && row.session != last_session_) {
    keys_.push_back(crc32(row.session));
    last_session_ = row.session;
  }
  if (count_ == 0 || row.start > newest_) newest_ = row.start;
  ++count_;
}

std::shared_ptr<const SpanBatch> batch_of(const std::vector<SpanRow>& spans) {
  auto out = std::make_shared<SpanBatch>();
  for (const SpanRow& span : spans) out->add(span);
  return out;
}

Result<void> read_spans(std::string_view bytes, const SpanQuery& query, std::vector<SpanRow>& out) {
  Taker batch(bytes);
  while (!batch.empty()) {
    Taker in(batch.text());
    std::string_view trace = in.bytes(kTraceBytes);
    std::string_view span = in.bytes(kSpanBytes);
    if (!query.trace.empty() && trace != query.trace && !in.failed()) continue;
    SpanRow row;
    row.start = wall_from_unix_nanos(in.number<int64_t>());
    row.duration = Duration(in.number<int64_t>());
    uint8_t flags = in.number<uint8_t>();
    std::string_view session = in.text();
    bool other = query.trace.empty() && !query.all() && session != query.session;
    if (other && !in.failed()) continue;
    row.*kTexts[0] = session;
    for (size_t i = 1; i < std::size(kTexts); ++i) row.*kTexts[i] = in.text();
    row.tenant = TenantId(std::string(in.text()));
    std::string_view attributes = in.text();
    std::string_view events = in.text();
    if (in.failed() || batch.failed()) return damaged_spans();
    TRY(Json members, json_of(attributes));
    row.attributes = JsonMembers(members);
    TRY(row.events, json_of(events));
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
