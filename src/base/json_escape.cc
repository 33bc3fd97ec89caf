#include "base/json_escape.h"

namespace drover {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Four hex digits at p, or -1.
int hex4(const char* p, const char* end) {
  if (end - p < 4) return -1;
  int value = 0;
  for (int i = 0; i < 4; ++i) {
    int digit = hex_digit(p[i]);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

void append_utf8(std::string& out, uint32_t cp) {
  if (cp < 0x80) {
    out += static_cast<char>(cp);
  } else if (cp < 0x800) {
    out += static_cast<char>(0xC0 | (cp >> 6));
    out += static_cast<char>(0x80 | (cp & 0x3F));
  } else if (cp < 0x10000) {
    out += static_cast<char>(0xE0 | (cp >> 12));
    out += static_cast<char>(0x80 | ((cp >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (cp & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (cp >> 18));
    out += static_cast<char>(0x80 | ((cp >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((cp >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (cp & 0x3F));
  }
}

}  // namespace

size_t json_unicode_escape_length(const char* p, const char* end) {
  int unit = hex4(p + 2, end);
  if (unit < 0 || (unit >= 0xDC00 && unit < 0xE000)) return 0;
  if (unit < 0xD800 || unit >= 0xE000) return 6;
  if (end - p < 12 || p[6] != '\\' || p[7] != 'u') return 0;
  int low = hex4(p + 8, end);
  return low >= 0xDC00 && low < 0xE000 ? 12 : 0;
}

Result<std::string> unescape_json(std::string_view inside) {
  std::string out;
  out.reserve(inside.size());
  const char* p = inside.data();
  const char* end = p + inside.size();
  while (p < end) {
    if (*p != '\\') {
      const char* next =
          static_cast<const char*>(std::memchr(p, '\\', static_cast<size_t>(end - p)));
      if (next == nullptr) next = end;
      out.append(p, next);
      p = next;
      continue;
    }
    size_t length = json_escape_length(p, end);
    switch (length) {
      case 2: {
        constexpr std::string_view kNames = "bfnrt";
        constexpr std::string_view kBytes = "\b\f\n\r\t";
        size_t i = kNames.find(p[1]);
        out += i == std::string_view::npos ? p[1] : kBytes[i];
        break;
      }
      case 6:
        append_utf8(out, static_cast<uint32_t>(hex4(p + 2, end)));
        break;
      case 12: {
        uint32_t high = static_cast<uint32_t>(hex4(p + 2, end)) - 0xD800;
        uint32_t low = static_cast<uint32_t>(hex4(p + 8, end)) - 0xDC00;
        append_utf8(out, 0x10000 + (high << 10) + low);
        break;
      }
      default:
        return fail(Code::kInvalidArgument, "bad escape in a JSON string");
    }
    p += length;
  }
  return out;
}

}  // namespace drover
