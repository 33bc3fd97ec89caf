#include "app/key_fingerprint.h"

#include <gtest/gtest.h>

namespace drover::app {
namespace {

const std::string kKey = "5d0c" + std::string(58, '7') + "af";

TEST(KeyFingerprint, IsTakenAsToolsPrintIt) {
  EXPECT_EQ(*read_fingerprint(kKey), kKey);
  EXPECT_EQ(*read_fingerprint("5D0C" + std::string(58, '7') + "AF"), kKey);
  EXPECT_EQ(*read_fingerprint("5D:0C:" + std::string(58, '7') + ":AF"), kKey);
}

TEST(KeyFingerprint, WhatIsNoneIsSaidAndNotCompared) {
  auto expect = [](const std::string& given, const std::string& says) {
    auto read = read_fingerprint(given);
    ASSERT_FALSE(read) << given;
    EXPECT_NE(read.error().message.find(says), std::string::npos) << read.error().message;
    EXPECT_NE(read.error().message.find("all 64 hex digits"), std::string::npos);
  };
  expect("zz", "not in hex digits");
  expect("5d0c…", "not in hex digits");
  expect(kKey.substr(0, 32), "it has 32 digits");
  expect(kKey + "0", "it has 65 digits");
  expect("", "it has 0 digits");
}

}  // namespace
}  // namespace drover::app
