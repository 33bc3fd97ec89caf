#include "base/bytes.h"

#include <array>
#include <cstring>

#include "base/hex.h"

namespace drover {
namespace {

constexpr char kHexUpper[] = "0123456789ABCDEF";
constexpr char kStd[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr char kUrl[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::array<int8_t, 256> reverse_table(const char* alphabet) {
  std::array<int8_t, 256> table{};
  for (auto& v : table) v = -1;
  for (int i = 0; i < 64; ++i) table[static_cast<uint8_t>(alphabet[i])] = static_cast<int8_t>(i);
  return table;
}
constexpr auto kStdReverse = reverse_table(kStd);
constexpr auto kUrlReverse = reverse_table(kUrl);

std::string encode64(std::string_view in, const char* alphabet, bool pad) {
  std::string out;
  out.reserve((in.size() + 2) / 3 * 4);
  size_t i = 0;
  for (; i + 3 <= in.size(); i += 3) {
    uint32_t v = (static_cast<uint8_t>(in[i]) << 16) | (static_cast<uint8_t>(in[i + 1]) << 8) |
                 static_cast<uint8_t>(in[i + 2]);
    out += alphabet[v >> 18];
    out += alphabet[(v >> 12) & 63];
    out += alphabet[(v >> 6) & 63];
    out += alphabet[v & 63];
  }
  size_t rest = in.size() - i;
  if (rest == 0) return out;
  uint32_t v = static_cast<uint8_t>(in[i]) << 16;
  if (rest == 2) v |= static_cast<uint8_t>(in[i + 1]) << 8;
  out += alphabet[v >> 18];
  out += alphabet[(v >> 12) & 63];
  if (rest == 2) out += alphabet[(v >> 6) & 63];
  if (pad) out.append(rest == 2 ? 1 : 2, '=');
  return out;
}

Result<std::string> decode64(std::string_view in, const std::array<int8_t, 256>& table) {
  std::string out;
  out.reserve(in.size() / 4 * 3 + 3);
  uint32_t acc = 0;
  int bits = 0;
  for (char c : in) {
    int v = table[static_cast<uint8_t>(c)];
    if (v < 0) return fail(Code::kInvalidArgument, "not base64: unexpected character");
    acc = (acc << 6) | static_cast<uint32_t>(v);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out += static_cast<char>((acc >> bits) & 0xff);
    }
  }
  if (bits >= 6 || (acc & ((1u << bits) - 1)) != 0) {
    return fail(Code::kInvalidArgument, "not base64: the last group is incomplete");
  }
  return out;
}

bool unreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.' || c == '~';
}

/// How many of the first bytes are ASCII for sure; at least one, which the caller has seen.
size_t ascii_run(std::string_view text) {
  size_t run = 0;
  for (uint64_t eight = 0; run + sizeof eight <= text.size(); run += sizeof eight) {
    std::memcpy(&eight, text.data() + run, sizeof eight);
    if ((eight & 0x8080808080808080u) != 0) break;
  }
  return run == 0 ? 1 : run;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

constexpr uint64_t kOnes = 0x0101010101010101;

/// Eight letters of ASCII at once; what is no capital letter stays.
uint64_t lower8(uint64_t text) {
  const uint64_t low = text & (0x7f * kOnes);
  const uint64_t from_a = low + (0x80 - 'A') * kOnes;
  const uint64_t beyond_z = low + (0x7f - 'Z') * kOnes;
  const uint64_t capital = (from_a ^ beyond_z) & ~text & (0x80 * kOnes);
  return text | (capital >> 2);
}

/// Eight bytes compared without case. Most are equal as they stand, or differ in more than case.
bool same8(const char* a, const char* b) {
  uint64_t x;
  uint64_t y;
  std::memcpy(&x, a, sizeof x);
  std::memcpy(&y, b, sizeof y);
  const uint64_t differ = x ^ y;
  if (differ == 0) return true;
  return (differ & ~(0x20 * kOnes)) == 0 && lower8(x) == lower8(y);
}

}  // namespace

std::string to_hex(std::string_view bytes) {
  std::string out(bytes.size() * 2, '\0');
  put_hex(out.data(), bytes);
  return out;
}

Result<std::string> from_hex(std::string_view hex) {
  if (hex.size() % 2 != 0) return fail(Code::kInvalidArgument, "not hex: odd length");
  std::string out(hex.size() / 2, '\0');
  if (!unhex(hex, HexCase::kAny, out.data())) {
    return fail(Code::kInvalidArgument, "not hex: unexpected character");
  }
  return out;
}

std::string to_base64(std::string_view bytes) { return encode64(bytes, kStd, true); }
std::string to_base64url(std::string_view bytes) { return encode64(bytes, kUrl, false); }

Result<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return fail(Code::kInvalidArgument, "not base64: wrong length");
  for (int i = 0; i < 2 && !text.empty() && text.back() == '='; ++i) text.remove_suffix(1);
  return decode64(text, kStdReverse);
}
Result<std::string> from_base64url(std::string_view text) { return decode64(text, kUrlReverse); }

std::string percent_encode(std::string_view text, bool keep_slash) {
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    if (unreserved(c) || (keep_slash && c == '/')) {
      out += c;
    } else {
      out += '%';
      out += kHexUpper[static_cast<uint8_t>(c) >> 4];
      out += kHexUpper[static_cast<uint8_t>(c) & 15];
    }
  }
  return out;
}

Result<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  constexpr size_t kNone = std::string_view::npos;
  const bool plain =
      text.find('%') == kNone && (!plus_is_space || text.find('+') == kNone);  // nearly always
  if (plain) return std::string(text);
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (i + 2 >= text.size()) return fail(Code::kInvalidArgument, "cut percent-encoding");
      int hi = hex_value(text[i + 1]);
      int lo = hex_value(text[i + 2]);
      if (hi < 0 || lo < 0) return fail(Code::kInvalidArgument, "bad percent-encoding");
      out += static_cast<char>(hi * 16 + lo);
      i += 2;
    } else {
      out += plus_is_space && text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

bool is_utf8(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    uint8_t c = static_cast<uint8_t>(text[i]);
    if (c < 0x80) {
      i += ascii_run(text.substr(i));
      continue;
    }
    size_t need = 0;
    uint32_t min = 0;
    uint32_t cp = 0;
    if ((c & 0xe0) == 0xc0) {
      need = 1;
      min = 0x80;
      cp = c & 0x1f;
    } else if ((c & 0xf0) == 0xe0) {
      need = 2;
      min = 0x800;
      cp = c & 0x0f;
    } else if ((c & 0xf8) == 0xf0) {
      need = 3;
      min = 0x10000;
      cp = c & 0x07;
    } else {
      return false;
    }
    if (i + need >= text.size()) return false;
    for (size_t k = 1; k <= need; ++k) {
      uint8_t next = static_cast<uint8_t>(text[i + k]);
      if ((next & 0xc0) != 0x80) return false;
      cp = (cp << 6) | (next & 0x3f);
    }
    if (cp < min || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff)) return false;
    i += need + 1;
  }
  return true;
}

std::string to_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}

bool detail::iequals(const char* a, const char* b, size_t size) {
  if (size >= 8) {
    const size_t last = size - 8;
    for (size_t i = 0; i < last; i += 8) {
      if (!same8(a + i, b + i)) return false;
    }
    return same8(a + last, b + last);
  }
  for (size_t i = 0; i < size; ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

std::string joined(const std::vector<std::string>& words, std::string_view by) {
  std::string out;
  for (const std::string& word : words) {
    if (!out.empty()) out += by;
    out += word;
  }
  return out;
}

std::string_view trim(std::string_view text) {
  auto space = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && space(text.front())) text.remove_prefix(1);
  while (!text.empty() && space(text.back())) text.remove_suffix(1);
  return text;
}

bool equal_constant_time(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  uint8_t diff = 0;
  for (size_t i = 0; i < a.size(); ++i) diff |= static_cast<uint8_t>(a[i] ^ b[i]);
  return diff == 0;
}

}  // namespace drover
