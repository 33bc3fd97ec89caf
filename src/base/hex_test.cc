#include "base/hex.h"

#include <gtest/gtest.h>

#include <string>

#include "base/bytes.h"
#include "base/random.h"

namespace drover {
namespace {

std::string slow_hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    out += "0123456789abcdef"[static_cast<uint8_t>(c) >> 4];
    out += "0123456789abcdef"[static_cast<uint8_t>(c) & 15];
  }
  return out;
}

TEST(Hex, OfEveryLengthIsWhatItsBytesAre) {
  SeededRandom random(1);
  for (size_t size = 0; size <= 80; ++size) {
    for (int round = 0; round < 20; ++round) {
      const std::string bytes = random.bytes(size);
      const std::string digits = to_hex(bytes);
      ASSERT_EQ(digits, slow_hex(bytes));
      ASSERT_EQ(from_hex(digits).value(), bytes);
      std::string back(size, '\0');
      ASSERT_TRUE(unhex(digits, HexCase::kLower, back.data()));
      ASSERT_EQ(back, bytes);
      std::string mixed = digits;
      for (char& c : mixed) {
        if (c >= 'a' && random.chance(0.5)) c = static_cast<char>(c - 32);
      }
      ASSERT_EQ(from_hex(mixed).value(), bytes) << mixed;
      ASSERT_EQ(unhex(mixed, HexCase::kLower, back.data()), mixed == digits) << mixed;
    }
  }
}

TEST(Hex, NothingButADigitIsOneWhereverItStands) {
  for (size_t size = 2; size <= 80; size += 2) {
    for (size_t at = 0; at < size; ++at) {
      for (int c = 0; c < 256; ++c) {
        const char byte = static_cast<char>(c);
        const bool lower = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
        const bool any = lower || (byte >= 'A' && byte <= 'F');
        std::string digits(size, '7');
        digits[at] = byte;
        std::string out(size / 2, '\0');
        ASSERT_EQ(unhex(digits, HexCase::kLower, out.data()), lower) << size << " " << at;
        ASSERT_EQ(unhex(digits, HexCase::kAny, out.data()), any) << size << " " << at;
        ASSERT_EQ(from_hex(digits).has_value(), any) << size << " " << at;
        ASSERT_EQ(hex_value(byte) >= 0, any);
      }
    }
  }
}

}  // namespace
}  // namespace drover
