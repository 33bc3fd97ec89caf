#include "trace/ledger_record.h"

#include <cstring>

#include "base/crc32c.h"

namespace drover::trace {
namespace {

constexpr std::string_view kMagic = "drvledg1";
constexpr size_t kFrameBytes = 8;
constexpr size_t kBodyBytesMax = 64 << 10;

constexpr uint8_t kFirst = 1, kOk = 2, kLost = 4;
constexpr uint8_t kCostKnown = 1, kEstimated = 2;

constexpr std::optional<int64_t> contract::Usage::* kClasses[] = {
    &contract::Usage::input_tokens,
    &contract::Usage::output_tokens,
    &contract::Usage::cache_read_tokens,
    &contract::Usage::cache_write_tokens,
    &contract::Usage::cache_write_1h_tokens,
    &contract::Usage::reasoning_tokens,
    &contract::Usage::audio_input_tokens,
    &contract::Usage::audio_output_tokens,
    &contract::Usage::image_input_tokens,
    &contract::Usage::accepted_prediction_tokens,
    &contract::Usage::rejected_prediction_tokens,
};
constexpr std::string LedgerLine::* kTexts[] = {
    &LedgerLine::tenant,   &LedgerLine::key,    &LedgerLine::agent,
    &LedgerLine::session,  &LedgerLine::tree,   &LedgerLine::endpoint,
    &LedgerLine::provider, &LedgerLine::region, &LedgerLine::model,
};

template <typename T>
void put(std::string& out, T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

void put_text(std::string& out, std::string_view text) {
  text = text.substr(0, UINT16_MAX);
  put(out, static_cast<uint16_t>(text.size()));
  out += text;
}

void put_billing(std::string& out, const Billing& b) {
  put(out,
      static_cast<uint8_t>((b.cost_known ? kCostKnown : 0) | (b.usage.estimated ? kEstimated : 0)));
  put(out, b.cost.pico_usd());
  uint16_t there = 0;
  for (size_t i = 0; i < std::size(kClasses); ++i) {
    if (b.usage.*kClasses[i]) there |= static_cast<uint16_t>(1u << i);
  }
  put(out, there);
  for (auto c : kClasses) {
    if (b.usage.*c) put(out, *(b.usage.*c));
  }
}

/// Leaves room for the frame; close_frame() fills it.
size_t open_frame(std::string& out, RecordKind kind) {
  const size_t at = out.size();
  out.append(kFrameBytes, '\0');
  out += static_cast<char>(kind);
  return at;
}

void close_frame(std::string& out, size_t at) {
  const std::string_view body = std::string_view(out).substr(at + kFrameBytes);
  const auto size = static_cast<uint32_t>(body.size());
  const uint32_t crc = crc32c(body);
  std::memcpy(out.data() + at, &size, 4);
  std::memcpy(out.data() + at + 4, &crc, 4);
}

class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : left_(bytes) {}
  template <typename T>
  T take() {
    T value{};
    if (left_.size() < sizeof(T)) {
      bad_ = true;
      return value;
    }
    std::memcpy(&value, left_.data(), sizeof(T));
    left_.remove_prefix(sizeof(T));
    return value;
  }
  std::string text() {
    const size_t size = take<uint16_t>();
    if (bad_ || left_.size() < size) {
      bad_ = true;
      return {};
    }
    std::string out(left_.substr(0, size));
    left_.remove_prefix(size);
    return out;
  }
  Billing billing() {
    Billing out;
    const auto flags = take<uint8_t>();
    out.cost_known = (flags & kCostKnown) != 0;
    out.usage.estimated = (flags & kEstimated) != 0;
    out.cost = Money::from_pico_usd(take<__int128>());
    const auto there = take<uint16_t>();
    for (size_t i = 0; i < std::size(kClasses); ++i) {
      if ((there >> i & 1) != 0) out.usage.*kClasses[i] = take<int64_t>();
    }
    return out;
  }
  bool good() const { return !bad_; }
  bool at_end() const { return left_.empty(); }

 private:
  std::string_view left_;
  bool bad_ = false;
};

void take_flags(uint8_t flags, LedgerRecord& out) {
  out.first = (flags & kFirst) != 0;
  out.ok = (flags & kOk) != 0;
  out.lost = (flags & kLost) != 0;
}

Result<ParsedRecord> damaged() {
  return fail(Code::kDataLoss, "a damaged record in the ledger's log");
}

}  // namespace

void append_line(std::string& out, uint32_t number, const LedgerLine& line) {
  const size_t at = open_frame(out, RecordKind::kLine);
  put(out, number);
  for (auto text : kTexts) put_text(out, line.*text);
  close_frame(out, at);
}

void append_record(std::string& out, const LedgerRecord& r) {
  const size_t at = open_frame(out, r.kind);
  const auto flags =
      static_cast<uint8_t>((r.first ? kFirst : 0) | (r.ok ? kOk : 0) | (r.lost ? kLost : 0));
  switch (r.kind) {
    case RecordKind::kLine:
    case RecordKind::kEnd:
      break;
    case RecordKind::kReserve:
      put(out, r.call);
      put(out, r.line);
      put(out, unix_nanos(r.at));
      put(out, flags);
      put_billing(out, r.billing);
      put_text(out, r.call_key);
      break;
    case RecordKind::kRelease:
      put(out, r.call);
      break;
    case RecordKind::kSettle:
      put(out, r.sequence);
      put(out, r.call);
      put(out, r.line);
      put(out, unix_nanos(r.at));
      put(out, flags);
      put_billing(out, r.billing);
      put_text(out, std::string_view(r.request_id).substr(0, kLedgerTextBytesMax));
      put_text(out, std::string_view(r.call_key).substr(0, kLedgerTextBytesMax));
      put_text(out, std::string_view(r.tier).substr(0, kLedgerTextBytesMax));
      break;
    case RecordKind::kCorrect:
      put(out, r.sequence);
      put(out, r.call);
      put(out, r.line);
      put(out, unix_nanos(r.at));
      put_billing(out, r.before);
      put_billing(out, r.billing);
      put_text(out, std::string_view(r.why).substr(0, kLedgerTextBytesMax));
      put(out, flags);
      put_text(out, std::string_view(r.tier_before).substr(0, kLedgerTextBytesMax));
      put_text(out, std::string_view(r.tier).substr(0, kLedgerTextBytesMax));
      break;
  }
  close_frame(out, at);
}

Result<ParsedRecord> parse_record(std::string_view bytes) {
  ParsedRecord out;
  uint32_t size = 0;
  uint32_t crc = 0;
  if (bytes.size() < kFrameBytes) return out;
  std::memcpy(&size, bytes.data(), 4);
  std::memcpy(&crc, bytes.data() + 4, 4);
  if (size == 0) return out;
  if (size > kBodyBytesMax || size > bytes.size() - kFrameBytes) return damaged();
  const std::string_view body = bytes.substr(kFrameBytes, size);
  if (crc32c(body) != crc) return damaged();
  Cursor c(body);
  LedgerRecord& r = out.record;
  r.kind = static_cast<RecordKind>(c.take<uint8_t>());
  switch (r.kind) {
    case RecordKind::kEnd:
      break;
    case RecordKind::kLine:
      r.line = c.take<uint32_t>();
      for (auto text : kTexts) out.line.*text = c.text();
      break;
    case RecordKind::kReserve:
      r.call = c.take<uint64_t>();
      r.line = c.take<uint32_t>();
      r.at = wall_from_unix_nanos(c.take<int64_t>());
      take_flags(c.take<uint8_t>(), r);
      r.billing = c.billing();
      r.call_key = c.text();
      break;
    case RecordKind::kRelease:
      r.call = c.take<uint64_t>();
      break;
    case RecordKind::kSettle:
      r.sequence = c.take<uint64_t>();
      r.call = c.take<uint64_t>();
      r.line = c.take<uint32_t>();
      r.at = wall_from_unix_nanos(c.take<int64_t>());
      take_flags(c.take<uint8_t>(), r);
      r.billing = c.billing();
      r.request_id = c.text();
      r.call_key = c.text();
      r.tier = c.text();
      break;
    case RecordKind::kCorrect:
      r.sequence = c.take<uint64_t>();
      r.call = c.take<uint64_t>();
      r.line = c.take<uint32_t>();
      r.at = wall_from_unix_nanos(c.take<int64_t>());
      r.before = c.billing();
      r.billing = c.billing();
      r.why = c.text();
      if (!c.good() || c.at_end()) break;  // as it was written before there were tiers in it
      take_flags(c.take<uint8_t>(), r);
      r.tier_before = c.text();
      r.tier = c.text();
      break;
    default:
      return damaged();
  }
  if (!c.good()) return damaged();
  out.bytes = kFrameBytes + size;
  return out;
}

std::string ledger_head(uint64_t boot) {
  std::string out(kMagic);
  put(out, boot);
  return out;
}

LedgerHead read_ledger_head(std::string_view bytes) {
  LedgerHead out;
  if (bytes.size() < kLedgerHeadBytes || !bytes.starts_with(kMagic)) return out;
  out.ok = true;
  std::memcpy(&out.boot, bytes.data() + kMagic.size(), sizeof(out.boot));
  return out;
}

}  // namespace drover::trace
