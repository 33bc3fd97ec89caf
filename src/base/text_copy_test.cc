#include "base/text_copy.h"

#include <gtest/gtest.h>

#include <string>

namespace drover {
namespace {

TEST(TextCopy, CopiesTextsOfEachSizeAndNothingBeside) {
  std::string text;
  for (size_t size = 0; size < 100; ++size) {
    std::string room(size + 2, '.');
    EXPECT_EQ(copy_text(room.data() + 1, text), room.data() + 1 + size);
    EXPECT_EQ(room, "." + text + ".");
    text += static_cast<char>('!' + size % 90);
  }
  EXPECT_EQ(copy_text(nullptr, std::string_view()), nullptr);
}

}  // namespace
}  // namespace drover
