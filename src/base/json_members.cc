#include "base/json_members.h"

#include "base/decimal.h"
#include "base/text_copy.h"
#include "base/text_find.h"

namespace drover {

void JsonMembers::add_raw(std::string_view key, std::string_view value, bool quoted) {
  // Put together here first: the text then grows once.
  char piece[256];
  const size_t size = key.size() + value.size() + 6;
  if (size > sizeof piece) {
    if (!text_.empty()) text_ += ',';
    text_ += '"';
    text_ += key;
    text_ += quoted ? "\":\"" : "\":";
    text_ += value;
    if (quoted) text_ += '"';
    return;
  }
  char* p = piece;
  *p = ',';
  p += text_.empty() ? 0 : 1;
  *p++ = '"';
  p = copy_text(p, key);
  *p++ = '"';
  *p++ = ':';
  *p = '"';
  p += quoted ? 1 : 0;
  p = copy_text(p, value);
  *p = '"';
  p += quoted ? 1 : 0;
  text_.append(piece, static_cast<size_t>(p - piece));
}

void JsonMembers::add(std::string_view key, std::string_view value) {
  const char* end = value.data() + value.size();
  if (find_json_special(value.data(), end) == end) {
    add_raw(key, value, true);
    return;
  }
  std::string escaped;
  append_json_string(escaped, value);
  add_raw(key, escaped, false);
}

void JsonMembers::add(std::string_view key, int64_t value) {
  add_raw(key, Decimal(value).view(), false);
}

void JsonMembers::add(std::string_view key, bool value) {
  add_raw(key, value ? "true" : "false", false);
}

void JsonMembers::add(std::string_view key, const Json& value) {
  std::string text;
  value.dump_to(text);
  add_raw(key, text, false);
}

}  // namespace drover
