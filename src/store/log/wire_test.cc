#include "store/log/wire.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.h"

namespace drover::store::log {
namespace {

TEST(Wire, EveryFormComesBack) {
  std::string bytes;
  WireWriter out(bytes);
  out.word32(0xDEADBEEF);
  out.word64(0x0123456789ABCDEF);
  for (uint64_t v : {uint64_t{0}, uint64_t{127}, uint64_t{128}, UINT64_MAX}) out.varint(v);
  for (int64_t v : {int64_t{0}, int64_t{-1}, INT64_MIN, INT64_MAX}) out.zigzag(v);
  std::vector<std::string> texts = {"", "x", "00ff", "0F", "abc", std::string(64, 'a')};
  texts.push_back("0123456789abcdef0123456789abcdefc0de");
  // No digit at any place of a long text, beside digits in their order or not.
  for (size_t i = 0; i < 40; ++i) {
    for (const char c : {'g', '/', ':', '`', 'A', '\0', '\xE1'}) {
      texts.push_back("fedcba98765432100123456789abcdef76543210");
      texts.back()[i] = c;
    }
  }
  for (const std::string& t : texts) out.hex_text(t);
  const std::vector<std::string> ids = {"",
                                        "ses_1",
                                        "ses_01K0000000000000000000000Z",
                                        "ses_7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
                                        "ses_8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
                                        "evt_01K0000000000000000000000Z",
                                        "ses_01k0000000000000000000000z"};
  for (const std::string& t : ids) out.id_text(t, "ses");
  WireReader in(bytes);
  EXPECT_EQ(in.word32(), 0xDEADBEEF);
  EXPECT_EQ(in.word64(), 0x0123456789ABCDEFu);
  for (uint64_t v : {uint64_t{0}, uint64_t{127}, uint64_t{128}, UINT64_MAX}) {
    EXPECT_EQ(in.varint(), v);
  }
  for (int64_t v : {int64_t{0}, int64_t{-1}, INT64_MIN, INT64_MAX}) EXPECT_EQ(in.zigzag(), v);
  for (const std::string& t : texts) EXPECT_EQ(in.hex_text(), t);
  for (const std::string& t : ids) EXPECT_EQ(in.id_text("ses"), t);
  EXPECT_FALSE(in.failed());
  EXPECT_EQ(in.left(), 0u);
  in.byte();
  EXPECT_TRUE(in.failed());
}

// What FORMAT.md says, digit by digit.
std::string slow_hex_text(const std::string& text) {
  const std::string_view digits = "0123456789abcdef";
  bool hex = text.size() % 2 == 0;
  std::string bytes;
  for (size_t i = 0; hex && i < text.size(); i += 2) {
    const size_t high = digits.find(text[i]);
    const size_t low = digits.find(text[i + 1]);
    hex = high < 16 && low < 16;
    bytes.push_back(static_cast<char>(high * 16 + low));
  }
  std::string out;
  WireWriter(out).varint(hex ? text.size() | 1 : text.size() << 1);
  return out + (hex ? bytes : text);
}

TEST(Wire, HexTextOfEveryLengthIsAsTheFormatHasIt) {
  SeededRandom random(1);
  for (size_t size = 0; size <= 140; ++size) {
    for (int round = 0; round < 20; ++round) {
      std::string text;
      while (text.size() < size) text.push_back("0123456789abcdef"[random.below(16)]);
      if (round % 4 == 1 && size > 0) {
        text[random.below(size)] = static_cast<char>(random.below(256));
      }
      std::string out;
      WireWriter(out).hex_text(text);
      ASSERT_EQ(out, slow_hex_text(text)) << text;
      ASSERT_EQ(WireReader(out).hex_text(), text);
    }
  }
}

TEST(Wire, AnIdTakesSixteenBytesWhereItIsAUlidAndStaysAsItIsOtherwise) {
  constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  SeededRandom random(2);
  for (int round = 0; round < 5'000; ++round) {
    std::string ulid;
    while (ulid.size() < 26) ulid.push_back(kAlphabet[random.below(32)]);
    if (round % 2 == 0) ulid[0] = kAlphabet[random.below(8)];
    if (round % 3 == 0) ulid[random.below(26)] = static_cast<char>(random.below(256));
    unsigned __int128 bits = 0;
    bool is_ulid = kAlphabet.find(ulid[0]) < 8;
    for (const char c : ulid) {
      is_ulid = is_ulid && kAlphabet.find(c) < 32;
      bits = bits << 5 | kAlphabet.find(c);
    }
    std::string want(1, '\0');
    for (int shift = 120; shift >= 0; shift -= 8) want.push_back(static_cast<char>(bits >> shift));
    const std::string id = "evt_" + ulid;
    if (!is_ulid) want = static_cast<char>(id.size() + 1) + id;
    std::string out;
    WireWriter(out).id_text(id, "evt");
    ASSERT_EQ(out, want) << id;
    ASSERT_EQ(WireReader(out).id_text("evt"), id);
  }
}

TEST(Wire, ALengthBeyondTheEndFails) {
  std::string bytes;
  WireWriter(bytes).varint(1'000);
  WireReader in(bytes);
  EXPECT_EQ(in.text(), "");
  EXPECT_TRUE(in.failed());
}

}  // namespace
}  // namespace drover::store::log
