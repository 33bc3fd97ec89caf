#include "base/rare.h"

#include <gtest/gtest.h>

#include "base/result.h"

namespace drover {
namespace {

TEST(Rare, ReadsAsTheDefaultUntilItIsMade) {
  Rare<Error> rare;
  EXPECT_FALSE(rare);
  EXPECT_EQ(rare->code, Code::kInternal);
  EXPECT_TRUE((*rare).message.empty());
  rare.make().message = "no";
  ASSERT_TRUE(rare);
  EXPECT_EQ(rare->message, "no");
  rare.reset();
  EXPECT_FALSE(rare);
  EXPECT_TRUE(rare->message.empty());
}

TEST(Rare, CopiesAreOfTheValue) {
  Rare<Error> one;
  one = Error(Code::kNotFound, "gone");
  Rare<Error> two = one;
  two.make().message = "other";
  EXPECT_EQ(one->message, "gone");
  two = one;
  EXPECT_EQ(two->message, "gone");
  one = Rare<Error>();
  EXPECT_FALSE(one);
  EXPECT_EQ(two->code, Code::kNotFound);
}

TEST(Rare, TakenItIsTheDefaultAgain) {
  Rare<Error> rare(Error(Code::kNotFound, "gone"));
  EXPECT_EQ(rare.take().message, "gone");
  EXPECT_FALSE(rare);
  EXPECT_EQ(rare.take().code, Code::kInternal);
}

}  // namespace
}  // namespace drover
