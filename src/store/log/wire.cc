#include "store/log/wire.h"

#include <array>

#include "base/bytes.h"
#include "base/hex.h"
#include "base/ids.h"

namespace drover::store::log {
namespace {

constexpr size_t kUlidBytes = 16;
/// Digits that the stack has room for: those of a digest.
constexpr size_t kHexDigitsUsual = 64;

/// -1 for what is no digit, so that the sign of joined values tells of each.
constexpr std::array<int8_t, 256> ulid_values() {
  std::array<int8_t, 256> out{};
  for (auto& value : out) value = -1;
  for (size_t i = 0; i < kCrockfordDigits.size(); ++i) {
    out[static_cast<uint8_t>(kCrockfordDigits[i])] = static_cast<int8_t>(i);
  }
  return out;
}

constexpr std::array<int8_t, 256> kUlidValues = ulid_values();

int ulid_value(char c) { return kUlidValues[static_cast<uint8_t>(c)]; }

void put_big_endian(char* out, uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) *out++ = static_cast<char>(value >> shift);
}

/// The 16 bytes of a ULID; false if it is none. Its 26 characters of 5 bits are 130 bits: the first
/// must have its two highest clear.
bool pack_ulid(std::string_view text, char* out) {
  if (text.size() != kUlidChars) return false;
  constexpr size_t kHalf = kUlidChars / 2;
  int all = 0;
  uint64_t high = 0;
  uint64_t low = 0;  // of 65 bits
  for (size_t i = 0; i < kHalf; ++i) {
    const int first = ulid_value(text[i]);
    const int second = ulid_value(text[kHalf + i]);
    all |= first | second;
    high = high << 5 | static_cast<uint64_t>(first);
    low = low << 5 | static_cast<uint64_t>(second);
  }
  if (all < 0 || ulid_value(text[0]) > 7) return false;
  put_big_endian(out, high << 1 | static_cast<uint64_t>(ulid_value(text[kHalf])) >> 4);
  put_big_endian(out + 8, low);
  return true;
}

}  // namespace

int64_t time_distance(WallTime time, WallTime base) {
  return static_cast<int64_t>(static_cast<uint64_t>(unix_nanos(time)) -
                              static_cast<uint64_t>(unix_nanos(base)));
}

WallTime time_at(WallTime base, int64_t distance) {
  return wall_from_unix_nanos(static_cast<int64_t>(static_cast<uint64_t>(unix_nanos(base)) +
                                                   static_cast<uint64_t>(distance)));
}

namespace {

void append_word(std::string& out, uint64_t value, size_t size) {
  char bytes[8];
  for (size_t i = 0; i < size; ++i, value >>= 8) bytes[i] = static_cast<char>(value);
  out.append(bytes, size);
}

}  // namespace

void WireWriter::word32(uint32_t value) { append_word(out_, value, 4); }

void WireWriter::word64(uint64_t value) { append_word(out_, value, 8); }

void WireWriter::long_varint(uint64_t value) {
  char bytes[10];
  size_t size = 0;
  for (; value >= 0x80; value >>= 7) bytes[size++] = static_cast<char>(value | 0x80);
  bytes[size++] = static_cast<char>(value);
  out_.append(bytes, size);
}

void WireWriter::text(std::string_view value) {
  varint(value.size());
  raw(value);
}

void WireWriter::hex_text(std::string_view value) {
  std::array<char, kHexDigitsUsual / 2> usual;
  std::string large;
  char* bytes = usual.data();
  if (value.size() > kHexDigitsUsual) {
    large.resize(value.size() / 2);
    bytes = large.data();
  }
  if (value.size() % 2 == 0 && unhex(value, HexCase::kLower, bytes)) {
    varint(value.size() | 1);  // half the size, shifted
    raw({bytes, value.size() / 2});
  } else {
    varint(value.size() << 1);
    raw(value);
  }
}

void WireWriter::id_text(std::string_view value, std::string_view prefix) {
  std::array<char, 1 + kUlidBytes> compact;
  compact[0] = 0;
  if (value.size() > prefix.size() && value.starts_with(prefix) && value[prefix.size()] == '_' &&
      pack_ulid(value.substr(prefix.size() + 1), compact.data() + 1)) {
    raw({compact.data(), compact.size()});
  } else {
    varint(value.size() + 1);
    raw(value);
  }
}

std::string_view WireReader::raw(size_t size) {
  if (size > rest_.size()) {
    fail();
    return {};
  }
  const std::string_view out = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return out;
}

uint8_t WireReader::byte() {
  if (rest_.empty()) {
    fail();
    return 0;
  }
  const auto value = static_cast<uint8_t>(rest_.front());
  rest_.remove_prefix(1);
  return value;
}

uint32_t WireReader::word32() {
  const std::string_view bytes = raw(4);
  uint32_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

uint64_t WireReader::word64() {
  const std::string_view bytes = raw(8);
  uint64_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

uint64_t WireReader::varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const uint8_t part = byte();
    if (shift == 63 && part > 1) break;  // more than 64 bits
    value |= static_cast<uint64_t>(part & 0x7F) << shift;
    if ((part & 0x80) == 0) return value;
  }
  fail();
  return 0;
}

int64_t WireReader::zigzag() {
  const uint64_t value = varint();
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

std::string_view WireReader::text() {
  const uint64_t size = varint();
  if (size > rest_.size()) fail();
  return failed_ ? std::string_view() : raw(size);
}

std::string WireReader::hex_text() {
  const uint64_t head = varint();
  const uint64_t size = head >> 1;
  if (size > rest_.size()) fail();
  if (failed_) return {};
  const std::string_view bytes = raw(size);
  if ((head & 1) == 0) return std::string(bytes);
  return to_hex(bytes);
}

std::string WireReader::id_text(std::string_view prefix) {
  const uint64_t head = varint();
  if (head != 0) {
    if (head - 1 > rest_.size()) fail();
    return failed_ ? std::string() : std::string(raw(head - 1));
  }
  const std::string_view bytes = raw(kUlidBytes);
  if (failed_) return {};
  unsigned __int128 bits = 0;
  for (const char c : bytes) bits = bits << 8 | static_cast<uint8_t>(c);
  std::string out(prefix);
  out.push_back('_');
  for (int shift = 125; shift >= 0; shift -= 5) {
    out.push_back(kCrockfordDigits[static_cast<size_t>(bits >> shift) & 31]);
  }
  return out;
}

}  // namespace drover::store::log
