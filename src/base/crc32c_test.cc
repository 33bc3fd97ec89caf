#include "base/crc32c.h"

#include <gtest/gtest.h>

#include <string>

namespace drover {
namespace {

TEST(Crc32c, IsThatOfTheStandard) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);  // RFC 3720, B.4 and every table of checksums
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(crc32c("6789", crc32c("12345")), 0xE3069283u);
}

}  // namespace
}  // namespace drover
