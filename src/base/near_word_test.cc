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

TEST(NearName, IsFoundWhateverItsCaseAndGivenInItsOwn) {
  const std::vector<std::string_view> known = {"aws/eu-central-1", "coreweave/US-EAST-04"};
  EXPECT_EQ(near_name("coreweave/us-east-04", known), "coreweave/US-EAST-04");
  EXPECT_EQ(near_name("CoreWeave/us-east-04a", known), "coreweave/US-EAST-04");
  EXPECT_EQ(near_name("aws/EU-CENTRL-1", known), "aws/eu-central-1");
  EXPECT_EQ(near_name("mars", known), "");
  EXPECT_EQ(near_name("", known), "");
}

}  // namespace
}  // namespace drover
