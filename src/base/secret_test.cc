#include "base/secret.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <type_traits>
#include <utility>

#include "base/crc32.h"

namespace drover {
namespace {

template <typename T>
concept Streamable = requires(std::ostream& out, const T& v) { out << v; };
template <typename T>
concept Comparable = requires(const T& a, const T& b) { a == b; };

TEST(Secret, CannotBePrintedOrComparedByAccident) {
  static_assert(!Streamable<Secret>);
  static_assert(!Comparable<Secret>);
  static_assert(!fmt::is_formattable<Secret>::value);
  static_assert(!std::is_convertible_v<Secret, std::string_view>);
  static_assert(!std::is_convertible_v<std::string, Secret>);
}

TEST(Secret, CopiesAndMoves) {
  Secret a(std::string_view("canary\0tail", 11));
  Secret b = a;
  EXPECT_EQ(b.reveal(), std::string_view("canary\0tail", 11));
  EXPECT_TRUE(a.same(b));
  Secret c = std::move(a);
  EXPECT_TRUE(a.empty());  // NOLINT: the moved-from state is what is tested
  EXPECT_EQ(c.size(), 11u);
  c = Secret("other");
  EXPECT_FALSE(c.same(b));
  Secret& alias = c;
  c = alias;
  EXPECT_EQ(c.reveal(), "other");
  EXPECT_TRUE(Secret().same(Secret("")));
}

TEST(Crc32, KnownValueAndContinuation) {
  // The check value of CRC-32/ISO-HDLC.
  EXPECT_EQ(crc32("123456789"), 0xcbf43926u);
  EXPECT_EQ(crc32("6789", crc32("12345")), 0xcbf43926u);
  EXPECT_EQ(crc32("", 7u), 7u);
}

}  // namespace
}  // namespace drover
