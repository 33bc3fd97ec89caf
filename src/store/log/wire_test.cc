#include "store/log/wire.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

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

TEST(Wire, ALengthBeyondTheEndFails) {
  std::string bytes;
  WireWriter(bytes).varint(1'000);
  WireReader in(bytes);
  EXPECT_EQ(in.text(), "");
  EXPECT_TRUE(in.failed());
}

}  // namespace
}  // namespace drover::store::log
