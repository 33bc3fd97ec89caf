#pragma once
// Hex digits into and out of memory that the caller has: sixteen at a time where the processor can,
// for the digests that every event carries. For strings see to_hex and from_hex (bytes.h).

#include <cstdint>
#include <string_view>

namespace drover {

/// Which letters are digits: a to f, or A to F too.
enum class HexCase : uint8_t { kLower, kAny };

/// Writes the two lower-case digits of each byte; the place behind the last.
char* put_hex(char* at, std::string_view bytes);

/// Writes the bytes that the digits stand for, half as many. False if one of them is no digit; what
/// was written is then worth nothing. REQUIRES an even number of digits.
bool unhex(std::string_view digits, HexCase letters, char* out);

/// The value of a digit of either case, or -1.
int hex_value(char digit);

}  // namespace drover
