#include "base/mostly_one.h"

#include <gtest/gtest.h>

#include <string>

namespace drover {
namespace {

using Words = MostlyOne<std::string>;

std::string joined(const Words& words) {
  std::string out;
  for (const std::string& word : words) out += word + ";";
  return out;
}

Words of(size_t count) {
  Words out;
  for (size_t i = 0; i < count; ++i) out.push_back("word " + std::to_string(i));
  return out;
}

TEST(MostlyOne, HoldsNoneOneAndMoreInOrder) {
  EXPECT_TRUE(of(0).empty());
  EXPECT_EQ(joined(of(0)), "");
  EXPECT_EQ(joined(of(1)), "word 0;");
  EXPECT_EQ(joined(of(4)), "word 0;word 1;word 2;word 3;");
  Words three = of(3);
  EXPECT_EQ(three.size(), 3u);
  EXPECT_EQ(three[1], "word 1");
  three.back() = "last";
  EXPECT_EQ(joined(three), "word 0;word 1;last;");
}

TEST(MostlyOne, CopiesAreOfTheMembersAndMovesLeaveNone) {
  for (size_t count : {0, 1, 3}) {
    Words one = of(count);
    Words two = one;
    EXPECT_EQ(joined(two), joined(one));
    two.push_back("more");
    EXPECT_EQ(one.size(), count);
    one = two;
    EXPECT_EQ(joined(one), joined(two));
    Words three = std::move(one);
    EXPECT_EQ(joined(three), joined(two));
    EXPECT_TRUE(one.empty());
    EXPECT_EQ(joined(one), "");
    // And is a list like any other.
    one.push_back("again");
    EXPECT_EQ(joined(one), "again;");
    three = of(1);
    EXPECT_EQ(joined(three), "word 0;");
  }
}

}  // namespace
}  // namespace drover
