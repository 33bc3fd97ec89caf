#include "store/sqlite/span_pack.h"

#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "base/assert.h"
#include "base/crc32.h"

namespace drover::store::sqlite {
namespace {

constexpr size_t kTraceBytes = 16;
constexpr size_t kSpanBytes = 8;
constexpr uint8_t kSampled = 1;
constexpr uint8_t kFailed = 2;

// The short texts of a span, in their order.
constexpr std::string SpanRow::* kTexts[] = {&SpanRow::session, &SpanRow::parent_span_id,
                                             &SpanRow::name, &SpanRow::span_kind};

template <typename T>
void put(std::string& out, T value) {
  char bytes[sizeof(T)];
  for (size_t i = 0; i < sizeof(T); ++i) {
    bytes[i] = static_cast<char>(static_cast<std::make_unsigned_t<T>>(value) >> (8 * i));
  }
  out.append(bytes, sizeof bytes);
}

void put_text(std::string& out, std::string_view text) {
  put(out, static_cast<uint32_t>(text.size()));
  out += text;
}

template <size_t N>
std::string_view view(const std::array<uint8_t, N>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), N};
}

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

/// More than this no batch of spans is.
constexpr size_t kPackBytesMax = 256u << 20;
/// Fast before small: half a microsecond a span, and still an eighth of the bytes.
constexpr int kLevel = -3;

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

std::string squeezed(const std::string& bytes) {
  // Its tables are large: made once a thread (packs are made on the writer's).
  thread_local std::unique_ptr<ZSTD_CCtx, FreeContext> context(ZSTD_createCCtx());
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  size_t n =
      ZSTD_compressCCtx(context.get(), out.data(), out.size(), bytes.data(), bytes.size(), kLevel);
  DROVER_ASSERT(ZSTD_isError(n) == 0);  // there is room for it
  out.resize(n);
  return out;
}

tl::unexpected<Error> damaged() {
  return fail(Code::kDataLoss, "a batch of stored spans is damaged");
}

/// Nothing stands for null.
std::string text_of(const Json& json) { return json.is_null() ? std::string() : json.dump(); }

Result<Json> json_of(std::string_view text) {
  if (text.empty()) return Json();
  Result<Json> json = Json::parse(text);
  if (!json) return damaged();
  return json;
}

Result<std::string> expanded(std::string_view frame) {
  unsigned long long size = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (size > kPackBytesMax) return damaged();  // unknown and error are larger still
  std::string out(static_cast<size_t>(size), '\0');
  size_t n = ZSTD_decompress(out.data(), out.size(), frame.data(), frame.size());
  if (ZSTD_isError(n) != 0 || n != out.size()) return damaged();
  return out;
}

/// The random end of a trace id: what comes first in it may be the time.
uint32_t trace_key(std::string_view trace) {
  return Taker(trace.substr(kTraceBytes - 4)).number<uint32_t>();
}

uint32_t session_key(std::string_view session) { return crc32(session); }

}  // namespace

std::string pack_spans(const std::vector<SpanRow>& spans) {
  std::string out;
  std::string span;
  for (const SpanRow& row : spans) {
    span.clear();
    span += view(row.context.trace_id);
    span += view(row.context.span_id);
    put(span, int64_t{unix_nanos(row.start)});
    put(span, int64_t{row.duration.count()});
    put(span,
        static_cast<uint8_t>((row.context.sampled ? kSampled : 0) | (row.error ? kFailed : 0)));
    for (std::string SpanRow::* text : kTexts) put_text(span, row.*text);
    put_text(span, row.tenant.str());
    put_text(span, text_of(row.attributes));
    put_text(span, text_of(row.events));
    put_text(out, span);
  }
  return squeezed(out);
}

Result<void> unpack_spans(std::string_view pack, const SpanQuery& query,
                          std::vector<SpanRow>& out) {
  TRY(const std::string bytes, expanded(pack));
  Taker packs(bytes);
  while (!packs.empty()) {
    Taker in(packs.text());
    std::string_view trace = in.bytes(kTraceBytes);
    std::string_view span = in.bytes(kSpanBytes);
    if (!query.trace.empty() && trace != query.trace && !in.failed()) continue;
    SpanRow row;
    row.start = wall_from_unix_nanos(in.number<int64_t>());
    row.duration = Duration(in.number<int64_t>());
    uint8_t flags = in.number<uint8_t>();
    std::string_view session = in.text();
    if (query.trace.empty() && session != query.session && !in.failed()) continue;
    row.*kTexts[0] = session;
    for (size_t i = 1; i < std::size(kTexts); ++i) row.*kTexts[i] = in.text();
    row.tenant = TenantId(std::string(in.text()));
    std::string_view attributes = in.text();
    std::string_view events = in.text();
    if (in.failed() || packs.failed()) return damaged();
    TRY(row.attributes, json_of(attributes));
    TRY(row.events, json_of(events));
    std::memcpy(row.context.trace_id.data(), trace.data(), kTraceBytes);
    std::memcpy(row.context.span_id.data(), span.data(), kSpanBytes);
    row.context.sampled = (flags & kSampled) != 0;
    row.error = (flags & kFailed) != 0;
    out.push_back(std::move(row));
  }
  return {};
}

std::string span_keys(const std::vector<SpanRow>& spans) {
  std::vector<uint32_t> keys;
  keys.reserve(spans.size());
  for (const SpanRow& row : spans) {
    keys.push_back(trace_key(view(row.context.trace_id)));
    if (!row.session.empty()) keys.push_back(session_key(row.session));
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  std::string out;
  out.reserve(keys.size() * 4);
  for (uint32_t key : keys) put(out, key);
  return out;
}

bool may_hold(std::string_view keys, const SpanQuery& query) {
  uint32_t wanted = query.trace.empty() ? session_key(query.session) : trace_key(query.trace);
  size_t from = 0;
  size_t to = keys.size() / 4;
  while (from < to) {
    size_t middle = (from + to) / 2;
    uint32_t key = Taker(keys.substr(middle * 4, 4)).number<uint32_t>();
    if (key == wanted) return true;
    if (key < wanted) {
      from = middle + 1;
    } else {
      to = middle;
    }
  }
  return false;
}

}  // namespace drover::store::sqlite
