#pragma once
// Escapes in JSON strings. A surrogate must come with its other half, as in Json::parse.

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

#include "base/result.h"

namespace drover {

/// json_escape_length() of one that begins with a backslash and 'u'.
size_t json_unicode_escape_length(const char* p, const char* end);

/// Length of the escape at p (which is a backslash), or 0 if it is none.
inline size_t json_escape_length(const char* p, const char* end) {
  if (end - p < 2) return 0;
  if (p[1] == 'u') return json_unicode_escape_length(p, end);
  return std::strchr("\"\\/bfnrt", p[1]) != nullptr && p[1] != 0 ? 2 : 0;
}

/// The text of a JSON string token's inside, escapes resolved; a lone surrogate is an error.
Result<std::string> unescape_json(std::string_view inside);

}  // namespace drover
