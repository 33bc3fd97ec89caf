#include "store/log/segment.h"

#include <algorithm>

#include "base/crc32c.h"
#include "store/log/wire.h"

namespace drover::store::log {
namespace {

constexpr std::string_view kSegmentMagic = "DRVRLOG\n";
constexpr std::string_view kSegmentSuffix = ".seg";
constexpr size_t kReadBytes = 1u << 20;
constexpr size_t kCrcAt = kSegmentHeadBytes - 4;

std::string magic_bytes() {
  std::string out;
  WireWriter(out).word32(kFrameMagic);
  return out;
}

}  // namespace

std::string segment_name(Position base) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out(16, '0');
  for (size_t i = 16; i-- > 0; base >>= 4) out[i] = kDigits[base & 15];
  return out + std::string(kSegmentSuffix);
}

std::optional<Position> parse_segment_name(std::string_view name) {
  if (name.size() != 16 + kSegmentSuffix.size() || !name.ends_with(kSegmentSuffix))
    return std::nullopt;
  Position base = 0;
  for (const char c : name.substr(0, 16)) {
    if (c >= '0' && c <= '9') {
      base = base << 4 | static_cast<Position>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      base = base << 4 | static_cast<Position>(c - 'a' + 10);
    } else {
      return std::nullopt;
    }
  }
  return base;
}

std::string encode_segment_head(const SegmentHead& head) {
  std::string out(kSegmentMagic);
  WireWriter w(out);
  w.word32(kFormatVersion);
  w.word32(kSegmentHeadBytes);
  w.word64(head.base);
  w.raw(head.log_id);
  w.word32(0);  // how payloads are sealed: not
  out.resize(kCrcAt, '\0');
  w.word32(crc32c(out));
  return out;
}

Result<SegmentHead> decode_segment_head(std::string_view bytes) {
  if (bytes.size() < kSegmentHeadBytes || !bytes.starts_with(kSegmentMagic)) {
    return fail(Code::kDataLoss, "not a segment of a journal");
  }
  WireReader in(bytes.substr(kSegmentMagic.size(), kSegmentHeadBytes - kSegmentMagic.size()));
  const uint32_t version = in.word32();
  if (version > kFormatVersion) {
    return fail(Code::kFailedPrecondition,
                "the journal has format version " + std::to_string(version) +
                    ", this program knows up to " + std::to_string(kFormatVersion) +
                    "; use the newer drover that wrote it");
  }
  in.word32();
  SegmentHead head;
  head.base = in.word64();
  head.log_id = std::string(in.raw(16));
  WireReader crc(bytes.substr(kCrcAt, 4));
  if (crc.word32() != crc32c(bytes.substr(0, kCrcAt))) {
    return fail(Code::kDataLoss, "the head of a segment of the journal is damaged");
  }
  return head;
}

Result<std::string_view> SegmentScanner::view(Position position, size_t bytes) {
  const auto inside = [&] {
    return position >= buffer_at_ && position + bytes <= buffer_at_ + buffer_.size();
  };
  if (!inside()) {
    const Position limit = std::max(end_, position);
    const auto most = static_cast<size_t>(
        std::min<uint64_t>(std::max<size_t>(bytes, kReadBytes), limit - position));
    TRY(buffer_, file_.read_at(position - base_, most));
    buffer_at_ = position;
  }
  const size_t offset = position - buffer_at_;
  return std::string_view(buffer_).substr(offset, bytes);
}

Result<std::optional<Found>> SegmentScanner::frame_at(Position position) {
  TRY(std::string_view head_bytes, view(position, kFrameHeadBytes));
  if (head_bytes.size() < kFrameHeadBytes) return std::nullopt;
  const std::optional<FrameHead> head = read_head(head_bytes);
  if (!head || position + kFrameHeadBytes + head->body_bytes > end_) return std::nullopt;
  TRY(std::string_view body, view(position + kFrameHeadBytes, head->body_bytes));
  if (!frame_is_sound(*head, body, position)) return std::nullopt;
  Found found;
  found.what = Found::What::kFrame;
  found.position = position;
  found.end = position + kFrameHeadBytes + head->body_bytes;
  found.durable = position - std::min<Position>(head->back, position);
  found.body = std::string(body);
  return found;
}

Result<Found> SegmentScanner::skip_damage() {
  static const std::string magic = magic_bytes();
  Found found;
  found.position = at_;
  bool only_zeros = true;
  Position search = at_;
  for (;;) {
    TRY(std::string_view chunk, view(search, 4096));
    if (chunk.size() < magic.size()) {
      if (chunk.find_first_not_of('\0') != std::string_view::npos) only_zeros = false;
      found.what = only_zeros ? Found::What::kEnd : Found::What::kDamage;
      found.end = search + chunk.size();
      at_ = found.end;
      return found;
    }
    // The place itself is known to be no frame.
    const size_t hit = chunk.find(magic, search == found.position ? 1 : 0);
    const size_t passed = hit != std::string_view::npos ? hit : chunk.size() - magic.size() + 1;
    if (chunk.substr(0, passed).find_first_not_of('\0') != std::string_view::npos) {
      only_zeros = false;
    }
    search += passed;
    if (hit == std::string_view::npos) continue;
    only_zeros = false;
    TRY(auto frame, frame_at(search));
    if (frame) break;
    ++search;
  }
  found.what = Found::What::kDamage;
  found.end = search;
  at_ = search;
  return found;
}

Result<Found> SegmentScanner::next() {
  if (at_ >= end_) {
    Found found;
    found.position = found.end = at_;
    return found;
  }
  TRY(auto frame, frame_at(at_));
  if (!frame) return skip_damage();
  at_ = frame->end;
  return std::move(*frame);
}

}  // namespace drover::store::log
