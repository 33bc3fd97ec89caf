#include "app/output.h"

#include <gtest/gtest.h>

namespace drover::app {
namespace {

TEST(Output, CountsOneAsOne) {
  EXPECT_EQ(counted(0, "fault"), "0 faults");
  EXPECT_EQ(counted(1, "agent"), "1 agent");
  EXPECT_EQ(counted(2, "tool server"), "2 tool servers");
}

}  // namespace
}  // namespace drover::app
