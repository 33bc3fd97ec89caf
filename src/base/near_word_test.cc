#include "base/near_word.h"

#include <gtest/gtest.h>

#include <string>

namespace drover {
namespace {

TEST(NearWord, FindsASlipAndABeginningAndNothingElse) {
  const std::vector<std::string_view> known = {"agent", "message", "labels", "data_class"};
  EXPECT_EQ(near_word("data", known), "data_class");
  EXPECT_EQ(near_word("dataclass", known), "data_class");
  EXPECT_EQ(near_word("data_classes", known), "data_class");
  EXPECT_EQ(near_word("massage", known), "message");
  EXPECT_EQ(near_word("lables", known), "labels") << "two exchanged";
  EXPECT_EQ(near_word("colour", known), "");
  EXPECT_EQ(near_word("xy", known), "");
  EXPECT_EQ(near_word("sl", {"ls", "show"}), "ls");
  EXPECT_EQ(near_word("", known), "");
  EXPECT_EQ(near_word("agent", {}), "");
  EXPECT_EQ(near_word("agent" + std::string(kNearWordMax, 'x'), known), "") << "too long to be one";
}

}  // namespace
}  // namespace drover
