#include "app/output.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace drover::app {
namespace {

TEST(Output, CountsOneAsOne) {
  EXPECT_EQ(counted(0, "fault"), "0 faults");
  EXPECT_EQ(counted(1, "agent"), "1 agent");
  EXPECT_EQ(counted(2, "tool server"), "2 tool servers");
}

TEST(Output, ALongListIsCutWithItsNumber) {
  EXPECT_EQ(some_of({"a"}), "'a'");
  EXPECT_EQ(some_of({"a", "b", "c"}), "'a', 'b', 'c'");
  EXPECT_EQ(some_of({"a", "b", "c", "d", "e"}), "'a', 'b', 'c' and 2 more");
}

TEST(Output, ACellIsCutOnATerminalOnly) {
  const std::string text(300, 'x');
  if (isatty(STDOUT_FILENO) != 0) {
    EXPECT_EQ(width(cell(text, 100)), 100u);
  } else {
    EXPECT_EQ(cell(text + "\n\x1b", 100), text + " ?");
  }
  EXPECT_EQ(cell("short", 100), "short");
}

}  // namespace
}  // namespace drover::app
