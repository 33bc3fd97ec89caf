#include "trace/ledger_record.h"

#include <atomic>
#include <cstring>

#include "base/crc32c.h"
#include "base/text_copy.h"

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

/// More than all the numbers of a record, its frame and the lengths of its texts.
constexpr size_t kNumberBytesMax = 320;

/// Writes a record: many small fields, into room that is enough for all of them.
class Putter {
 public:
  explicit Putter(char* at) : begin_(at), p_(at + kFrameBytes) {}
  template <typename T>
  void number(T value) {
    std::memcpy(p_, &value, sizeof(T));
    p_ += sizeof(T);
  }
  void text(std::string_view text) {
    text = text.substr(0, UINT16_MAX);
    number(static_cast<uint16_t>(text.size()));
    p_ = copy_text(p_, text);
  }
  void billing(const BillingView& b) {
    const contract::Usage& usage = *b.usage;
    number(
        static_cast<uint8_t>((b.cost_known ? kCostKnown : 0) | (usage.estimated ? kEstimated : 0)));
    number(b.cost.pico_usd());
    char* const there_at = p_;
    uint16_t there = 0;
    p_ += sizeof there;
    for (size_t i = 0; i < std::size(kClasses); ++i) {
      const std::optional<int64_t>& count = usage.*kClasses[i];
      if (!count) continue;
      there |= static_cast<uint16_t>(1u << i);
      number(*count);
    }
    std::memcpy(there_at, &there, sizeof there);
  }
  /// The frame, once all is in it; gives the place behind it.
  char* close() {
    const std::string_view body(begin_ + kFrameBytes, p_);
    const auto size = static_cast<uint32_t>(body.size());
    const uint32_t crc = crc32c(body);
    std::memcpy(begin_ + 4, &crc, 4);
    // For who reads the file meanwhile, and for a process that is killed here.
    std::atomic_thread_fence(std::memory_order_release);
    std::memcpy(begin_, &size, 4);
    return p_;
  }

 private:
  char* const begin_;
  char* p_;
};

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

size_t room_for(const LedgerLine& line) {
  size_t bytes = kNumberBytesMax;
  for (auto text : kTexts) bytes += (line.*text).size();
  return bytes;
}

size_t room_for(const LedgerEntry& r) {
  if (r.kind == RecordKind::kEnd) return kFrameBytes + sizeof r.kind;
  return kNumberBytesMax + r.request_id.size() + r.call_key.size() + r.tier.size() +
         r.tier_before.size() + r.why.size();
}

char* put_line(char* at, uint32_t number, const LedgerLine& line) {
  Putter put(at);
  put.number(RecordKind::kLine);
  put.number(number);
  for (auto text : kTexts) put.text(line.*text);
  return put.close();
}

char* put_record(char* at, const LedgerEntry& r, uint32_t line) {
  const auto brief = [](std::string_view text) { return text.substr(0, kLedgerTextBytesMax); };
  const auto flags =
      static_cast<uint8_t>((r.first ? kFirst : 0) | (r.ok ? kOk : 0) | (r.lost ? kLost : 0));
  Putter put(at);
  put.number(r.kind);
  switch (r.kind) {
    case RecordKind::kLine:
    case RecordKind::kEnd:
      break;
    case RecordKind::kReserve:
      put.number(r.call);
      put.number(line);
      put.number(unix_nanos(r.at));
      put.number(flags);
      put.billing(r.billing);
      put.text(r.call_key);
      break;
    case RecordKind::kRelease:
      put.number(r.call);
      break;
    case RecordKind::kSettle:
      put.number(r.sequence);
      put.number(r.call);
      put.number(line);
      put.number(unix_nanos(r.at));
      put.number(flags);
      put.billing(r.billing);
      put.text(brief(r.request_id));
      put.text(brief(r.call_key));
      put.text(brief(r.tier));
      break;
    case RecordKind::kCorrect:
      put.number(r.sequence);
      put.number(r.call);
      put.number(line);
      put.number(unix_nanos(r.at));
      put.billing(r.before);
      put.billing(r.billing);
      put.text(brief(r.why));
      put.number(flags);
      put.text(brief(r.tier_before));
      put.text(brief(r.tier));
      break;
  }
  return put.close();
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
  char bytes[sizeof boot];
  std::memcpy(bytes, &boot, sizeof boot);
  return out.append(bytes, sizeof boot);
}

LedgerHead read_ledger_head(std::string_view bytes) {
  LedgerHead out;
  if (bytes.size() < kLedgerHeadBytes || !bytes.starts_with(kMagic)) return out;
  out.ok = true;
  std::memcpy(&out.boot, bytes.data() + kMagic.size(), sizeof(out.boot));
  return out;
}

}  // namespace drover::trace
