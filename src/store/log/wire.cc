#include "store/log/wire.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <array>

namespace drover::store::log {
namespace {

constexpr size_t kUlidChars = 26;
constexpr size_t kUlidBytes = 16;
constexpr std::string_view kCrockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::string_view kHexDigits = "0123456789abcdef";

constexpr std::array<int8_t, 256> values_of(std::string_view alphabet) {
  std::array<int8_t, 256> out{};
  for (auto& value : out) value = -1;
  for (size_t i = 0; i < alphabet.size(); ++i) {
    out[static_cast<uint8_t>(alphabet[i])] = static_cast<int8_t>(i);
  }
  return out;
}

constexpr std::array<int8_t, 256> kUlidValues = values_of(kCrockford);
constexpr std::array<int8_t, 256> kHexValues = values_of(kHexDigits);

int ulid_value(char c) { return kUlidValues[static_cast<uint8_t>(c)]; }
int hex_value(char c) { return kHexValues[static_cast<uint8_t>(c)]; }

#ifdef __SSE2__
/// Sixteen lower-case digits to their eight bytes; false if one is none.
bool unhex_16(const char* digits, char* out) {
  const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(digits));
  const auto within = [&](char low, char high) {
    return _mm_and_si128(_mm_cmpgt_epi8(text, _mm_set1_epi8(static_cast<char>(low - 1))),
                         _mm_cmplt_epi8(text, _mm_set1_epi8(static_cast<char>(high + 1))));
  };
  const __m128i letter = within('a', 'f');
  if (_mm_movemask_epi8(_mm_or_si128(within('0', '9'), letter)) != 0xFFFF) return false;
  // The low four bits of a digit are its value, those of a letter its place in the alphabet.
  const __m128i values =
      _mm_add_epi8(_mm_and_si128(text, _mm_set1_epi8(15)), _mm_and_si128(letter, _mm_set1_epi8(9)));
  const __m128i pairs = _mm_or_si128(_mm_slli_epi16(_mm_and_si128(values, _mm_set1_epi16(255)), 4),
                                     _mm_srli_epi16(values, 8));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(out), _mm_packus_epi16(pairs, pairs));
  return true;
}
#endif

/// Appends the bytes that lower-case hex stands for; false, and nothing appended, if it is none.
bool append_unhexed(std::string& out, std::string_view text) {
  if (text.size() % 2 != 0) return false;
  const size_t before = out.size();
  out.resize(before + text.size() / 2);
  char* at = out.data() + before;
  int all = 0;
  size_t i = 0;
#ifdef __SSE2__
  for (; all == 0 && i + 16 <= text.size(); i += 16, at += 8) {
    if (!unhex_16(text.data() + i, at)) all = -1;
  }
#endif
  for (; i < text.size(); i += 2) {
    const int high = hex_value(text[i]);
    const int low = hex_value(text[i + 1]);
    all |= high | low;
    *at++ = static_cast<char>(high * 16 + low);
  }
  if (all >= 0) return true;
  out.resize(before);
  return false;
}

/// 26 characters of 5 bits are 130 bits: the first must have its two highest clear.
bool is_ulid(std::string_view text) {
  if (text.size() != kUlidChars || ulid_value(text[0]) > 7) return false;
  for (const char c : text) {
    if (ulid_value(c) < 0) return false;
  }
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

void WireWriter::varint(uint64_t value) {
  if (value < 0x80) {  // most are
    byte(static_cast<uint8_t>(value));
    return;
  }
  char bytes[10];
  size_t size = 0;
  for (; value >= 0x80; value >>= 7) bytes[size++] = static_cast<char>(value | 0x80);
  bytes[size++] = static_cast<char>(value);
  out_.append(bytes, size);
}

void WireWriter::zigzag(int64_t value) {
  varint((static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
}

void WireWriter::text(std::string_view value) {
  varint(value.size());
  raw(value);
}

void WireWriter::hex_text(std::string_view value) {
  const size_t before = out_.size();
  varint(value.size() | 1);  // half the size, shifted
  if (append_unhexed(out_, value)) return;
  out_.resize(before);
  varint(value.size() << 1);
  raw(value);
}

void WireWriter::id_text(std::string_view value, std::string_view prefix) {
  const bool compact = value.size() == prefix.size() + 1 + kUlidChars &&
                       value.starts_with(prefix) && value[prefix.size()] == '_' &&
                       is_ulid(value.substr(prefix.size() + 1));
  if (!compact) {
    varint(value.size() + 1);
    raw(value);
    return;
  }
  byte(0);
  const std::string_view ulid = value.substr(prefix.size() + 1);
  unsigned __int128 bits = 0;
  for (const char c : ulid) bits = bits << 5 | static_cast<unsigned>(ulid_value(c));
  std::array<char, kUlidBytes> bytes;
  for (size_t i = kUlidBytes; i-- > 0; bits >>= 8) bytes[i] = static_cast<char>(bits & 0xff);
  raw({bytes.data(), bytes.size()});
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
  std::string out;
  out.reserve(size * 2);
  for (const char c : bytes) {
    out.push_back(kHexDigits[static_cast<uint8_t>(c) >> 4]);
    out.push_back(kHexDigits[static_cast<uint8_t>(c) & 15]);
  }
  return out;
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
    out.push_back(kCrockford[static_cast<size_t>(bits >> shift) & 31]);
  }
  return out;
}

}  // namespace drover::store::log
