#include "base/short_bytes.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace drover {
namespace {

using Bytes = ShortBytes<8>;

Bytes bytes_of(const std::string& text) {
  Bytes out;
  out.append(text);
  return out;
}

TEST(ShortBytes, GrowsBeyondItsOwner) {
  Bytes bytes;
  std::string whole;
  for (size_t piece = 0; piece < 40; ++piece) {
    const std::string more(piece, static_cast<char>('a' + piece % 26));
    // Room that is not used is none of theirs.
    char* const at = bytes.room(piece + 3);
    std::memcpy(at, more.data(), piece);
    bytes.end_at(at + piece);
    whole += more;
    EXPECT_EQ(bytes.view(), whole);
  }
  EXPECT_EQ(bytes.size(), whole.size());
}

TEST(ShortBytes, CopiesAndMovesOfEveryLengthStandAlone) {
  for (size_t size : {0u, 1u, 8u, 9u, 100u}) {
    for (size_t before : {0u, 3u, 50u}) {
      const std::string whole(size, 'x');
      Bytes from = bytes_of(whole);
      Bytes copy = bytes_of(std::string(before, 'y'));
      copy = from;
      EXPECT_EQ(copy.view(), whole);
      Bytes moved = bytes_of(std::string(before, 'z'));
      moved = std::move(from);
      EXPECT_EQ(moved.view(), whole);
      EXPECT_EQ(from.size(), 0u);
      from.append("again");
      moved.append("more");
      copy.append("!");
      EXPECT_EQ(from.view(), "again");
      EXPECT_EQ(moved.view(), whole + "more");
      EXPECT_EQ(copy.view(), whole + "!");
      EXPECT_EQ(Bytes(copy).view(), copy.view());
      EXPECT_EQ(Bytes(std::move(moved)).view(), whole + "more");
      EXPECT_EQ(moved.view(), "");
    }
  }
}

}  // namespace
}  // namespace drover
