#include "base/short_text.h"

#include <gtest/gtest.h>

#include <string>

namespace drover {
namespace {

TEST(ShortText, HoldsTextsOfEveryLengthInParts) {
  ShortText<36> text;
  EXPECT_TRUE(text.empty());
  EXPECT_EQ(text.view(), "");
  // Long and short by turns: neither leaves anything of itself behind.
  for (size_t size = 0; size <= 100; ++size) {
    const std::string first(size, 'a');
    const std::string second(100 - size, 'b');
    text.assign(first);
    EXPECT_EQ(text.view(), first);
    text.assign(first, " ", second);
    EXPECT_EQ(text.view(), first + " " + second);
    text.assign("x", second);
    EXPECT_EQ(text.view(), "x" + second);
  }
}

TEST(ShortText, IsMadeOfATextOfAnyKind) {
  const ShortText<36> words = "some words";
  const ShortText<36> text = std::string(50, 'a');
  EXPECT_EQ(words.view(), "some words");
  EXPECT_EQ(text.view(), std::string(50, 'a'));
}

TEST(ShortText, Moves) {
  for (size_t size : {0u, 1u, 36u, 37u, 500u}) {
    const std::string whole(size, 'a');
    ShortText<36> from;
    from.assign(whole);
    ShortText<36> to(std::move(from));
    EXPECT_EQ(to.view(), whole);
    EXPECT_TRUE(from.empty());
    from.assign("again");
    from = std::move(to);
    EXPECT_EQ(from.view(), whole);
    EXPECT_TRUE(to.empty());
  }
}

}  // namespace
}  // namespace drover
