#include "crypto/cbor.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/limits/crypto.h"

namespace drover::crypto {
namespace {

using Kind = CborValue::Kind;

std::string raw(std::string_view hex) { return from_hex(hex).value(); }

std::string message(std::string_view hex) {
  auto parsed = parse_cbor(raw(hex));
  return parsed ? "" : parsed.error().message;
}

// Examples of RFC 8949, appendix A, in the forms that are read.
TEST(Cbor, ReadsAndWritesTheRfcsExamples) {
  for (std::string_view hex : {"00",
                               "17",
                               "1818",
                               "1903e8",
                               "1a000f4240",
                               "1b000000e8d4a51000",
                               "1bffffffffffffffff",
                               "20",
                               "3903e7",
                               "3bffffffffffffffff",
                               "f4",
                               "f5",
                               "f6",
                               "f7",
                               "40",
                               "4401020304",
                               "60",
                               "6449455446",
                               "62c3bc",
                               "80",
                               "8301820203820405",
                               "a0",
                               "a201020304",
                               "a26161016162820203"}) {
    std::string bytes = raw(hex);
    auto value = parse_cbor(bytes);
    ASSERT_TRUE(value.has_value()) << hex << ": " << value.error().to_string();
    EXPECT_EQ(to_hex(CborWriter().value(*value).out()), hex);
  }
}

TEST(Cbor, ValuesAreWhatTheBytesSay) {
  CborWriter out;
  out.map(3).text("a").integer(1000).integer(10).integer(-1).text("list").array(2);
  out.bytes("\x01").integer(INT64_MIN);
  auto value = parse_cbor(out.out());
  ASSERT_TRUE(value.has_value()) << value.error().to_string();
  int64_t number = 0;
  ASSERT_NE(value->find("a"), nullptr);
  EXPECT_TRUE(value->find("a")->integer(number));
  EXPECT_EQ(number, 1000);
  ASSERT_NE(value->find(10), nullptr);
  EXPECT_TRUE(value->find(10)->integer(number));
  EXPECT_EQ(number, -1);
  const CborValue* list = value->find("list");
  ASSERT_NE(list, nullptr);
  ASSERT_EQ(list->items.size(), 2u);
  EXPECT_EQ(list->items[0].text, "\x01");
  EXPECT_TRUE(list->items[1].integer(number));
  EXPECT_EQ(number, INT64_MIN);
  EXPECT_EQ(value->find("b"), nullptr);
  EXPECT_EQ(list->find("a"), nullptr);
}

TEST(Cbor, RefusesEveryOtherSpelling) {
  EXPECT_NE(message("").find("ends in the middle"), std::string::npos);
  EXPECT_NE(message("0000").find("after its end"), std::string::npos);
  // Not the shortest form: 0 in two bytes, 255 in three, a length of 1 in two, an array's count.
  for (std::string_view hex : {"1800", "1817", "1900ff", "1a0000ffff", "1b00000000ffffffff", "3817",
                               "580161", "780161", "980100", "b8010000"}) {
    EXPECT_NE(message(hex).find("shortest form"), std::string::npos) << hex << message(hex);
  }
  for (std::string_view hex : {"5f4101ff", "7f6161ff", "9f01ff", "bf0102ff", "ff"}) {
    EXPECT_NE(message(hex).find("indefinite"), std::string::npos) << hex << message(hex);
  }
  for (std::string_view hex : {"f93c00", "fa47c35000", "fb3ff199999999999a"}) {
    EXPECT_NE(message(hex).find("floating"), std::string::npos) << hex << message(hex);
  }
  EXPECT_NE(message("f0").find("kind that is not read"), std::string::npos);
  EXPECT_NE(message("f814").find("kind that is not read"), std::string::npos);
  for (std::string_view hex :
       {"c074323031332d30332d32315432303a30343a30305a", "d818456449455446"}) {
    EXPECT_NE(message(hex).find("a tag"), std::string::npos) << hex << message(hex);
  }
  EXPECT_NE(message("1c").find("kind that is not read"), std::string::npos);
  EXPECT_NE(message("61ff").find("UTF-8"), std::string::npos);
  EXPECT_NE(message("a201020103").find("twice"), std::string::npos);
  EXPECT_NE(message("a2616101616102").find("twice"), std::string::npos);
  // The text "a" and the bytes "a" are two keys.
  EXPECT_EQ(message("a2616101416102"), "");
}

TEST(Cbor, IsBounded) {
  EXPECT_NE(message("9affffffff").find("more items promised"), std::string::npos);
  EXPECT_NE(message("bb7fffffffffffffff").find("more items promised"), std::string::npos);
  EXPECT_NE(message("bbffffffffffffffff00").find("more items promised"), std::string::npos);
  EXPECT_NE(message("5bffffffffffffffff").find("ends in the middle"), std::string::npos);
  std::string deep(limits::kCborDepthMax, '\x81');
  EXPECT_TRUE(parse_cbor(deep + std::string(1, '\0')).has_value());
  auto deeper = parse_cbor('\x81' + deep + std::string(1, '\0'));
  ASSERT_FALSE(deeper.has_value());
  EXPECT_NE(deeper.error().message.find("levels"), std::string::npos);
  std::string wide = CborWriter().array(limits::kCborItemsMax).out();
  wide.append(limits::kCborItemsMax, '\0');
  auto many = parse_cbor(wide);
  ASSERT_FALSE(many.has_value());
  EXPECT_NE(many.error().message.find("too many items"), std::string::npos);
}

TEST(Cbor, RefusesEveryTruncation) {
  CborWriter out;
  out.map(2).text("list").array(3).integer(-500).bytes("abc").null();
  out.text("map").map(1).integer(70'000).text("x");
  auto whole = parse_cbor(out.out());
  ASSERT_TRUE(whole.has_value()) << whole.error().to_string();
  for (size_t n = 0; n < out.out().size(); ++n) {
    EXPECT_FALSE(parse_cbor(std::string_view(out.out()).substr(0, n)).has_value()) << n;
  }
}

}  // namespace
}  // namespace drover::crypto
