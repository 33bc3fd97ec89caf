#pragma once
// Text forms of bytes: hex, base64 (standard and URL), percent-encoding, UTF-8 checks.
// Bytes travel as std::string / std::string_view.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace drover {

std::string to_hex(std::string_view bytes);
Result<std::string> from_hex(std::string_view hex);

std::string to_base64(std::string_view bytes);
/// Standard alphabet, padding required as RFC 4648 section 4 says.
Result<std::string> from_base64(std::string_view text);
/// URL alphabet without padding (RFC 4648 section 5).
std::string to_base64url(std::string_view bytes);
Result<std::string> from_base64url(std::string_view text);

/// RFC 3986 percent-encoding of everything but unreserved characters; '/' kept if asked.
std::string percent_encode(std::string_view text, bool keep_slash = false);
Result<std::string> percent_decode(std::string_view text, bool plus_is_space = false);

/// True for well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool is_utf8(std::string_view text);

/// ASCII helpers (locale-free).
std::string to_lower(std::string_view text);
namespace detail {
bool iequals(const char* a, const char* b, size_t size);
}
inline bool iequals(std::string_view a, std::string_view b) {
  return a.size() == b.size() && detail::iequals(a.data(), b.data(), a.size());
}
std::string_view trim(std::string_view text);
/// "a, b": the words with `by` between them.
std::string joined(const std::vector<std::string>& words, std::string_view by = ", ");
/// Equal in time that depends on the length only (for keys and signatures).
bool equal_constant_time(std::string_view a, std::string_view b);

}  // namespace drover
