#include "base/copy_text.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace drover {
namespace {

TEST(CopyText, CopiesWhatThereIsAndNoMore) {
  for (size_t size = 0; size < 100; ++size) {
    // As large as it is, so that the sanitizers find who reads or writes beyond it.
    std::vector<char> from(size);
    for (size_t i = 0; i < size; ++i) from[i] = static_cast<char>('a' + i % 26);
    std::vector<char> to(size + 1, '-');
    char* end = copy_text(to.data(), std::string_view(from.data(), size));
    EXPECT_EQ(end, to.data() + size);
    EXPECT_EQ(std::string(to.data(), size), std::string(from.data(), size));
    EXPECT_EQ(to[size], '-');
  }
  char none = 0;
  EXPECT_EQ(copy_text(&none, std::string_view()), &none);
}

}  // namespace
}  // namespace drover
