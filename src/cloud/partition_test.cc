#include "cloud/partition.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace drover::cloud {
namespace {

TEST(Partition, OfEachRegion) {
  const std::map<std::string, std::string> expected = {{"us-east-1", "aws"},
                                                       {"eu-central-2", "aws"},
                                                       {"ap-southeast-7", "aws"},
                                                       {"mx-central-1", "aws"},
                                                       {"il-central-1", "aws"},
                                                       {"us-gov-west-1", "aws-us-gov"},
                                                       {"us-gov-east-1", "aws-us-gov"},
                                                       {"cn-north-1", "aws-cn"},
                                                       {"cn-northwest-1", "aws-cn"},
                                                       {"eusc-de-east-1", "aws-eusc"},
                                                       {"us-iso-west-1", "aws-iso"},
                                                       {"us-isob-east-1", "aws-iso-b"},
                                                       {"us-isof-south-1", "aws-iso-f"},
                                                       {"eu-isoe-west-1", "aws-iso-e"}};
  for (const auto& [region, id] : expected) {
    auto found = partition_of(region);
    ASSERT_TRUE(found) << region;
    EXPECT_EQ((*found)->id, id) << region;
  }
}

TEST(Partition, WhatIsNoRegionIsRefusedAndNotTakenForCommercial) {
  for (const char* bad :
       {"", "us", "us-east", "us-east-", "us--1", "useast1", "US-EAST-1", "eusc-east-1",
        "eusc-fr-east-1", "us-gov-east", "us-gov-east-1a", "us-east-1.evil.example", "us-east-1/",
        "xx-east-1", "eu-de-east-1", "us-east-1 "}) {
    auto found = partition_of(bad);
    EXPECT_FALSE(found) << bad;
    EXPECT_FALSE(aws_host(AwsService::kBedrockRuntime, bad)) << bad;
  }
}

TEST(Partition, EachDefaultRegionIsItsOwn) {
  std::set<std::string_view> ids;
  for (const Partition& partition : partitions()) {
    auto found = partition_of(partition.default_region);
    ASSERT_TRUE(found) << partition.id;
    EXPECT_EQ((*found)->id, partition.id);
    EXPECT_TRUE(ids.insert(partition.id).second);
  }
}

TEST(Partition, Hosts) {
  const auto host = [](AwsService service, const char* region, HostOptions options = {}) {
    auto out = aws_host(service, region, options);
    return out ? *out : "refused";
  };
  constexpr auto kRuntime = AwsService::kBedrockRuntime;
  EXPECT_EQ(host(kRuntime, "us-east-1"), "bedrock-runtime.us-east-1.amazonaws.com");
  EXPECT_EQ(host(kRuntime, "eusc-de-east-1"), "bedrock-runtime.eusc-de-east-1.amazonaws.eu");
  EXPECT_EQ(host(kRuntime, "us-gov-west-1", {true, false}),
            "bedrock-runtime-fips.us-gov-west-1.amazonaws.com");
  EXPECT_EQ(host(kRuntime, "eusc-de-east-1", {true, true}),
            "bedrock-runtime-fips.eusc-de-east-1.api.amazonwebservices.eu");
  EXPECT_EQ(host(kRuntime, "cn-north-1"), "bedrock-runtime.cn-north-1.amazonaws.com.cn");
  EXPECT_EQ(host(AwsService::kSts, "eusc-de-east-1"), "sts.eusc-de-east-1.amazonaws.eu");
  EXPECT_EQ(host(AwsService::kBedrockMantle, "eu-west-1"), "bedrock-mantle.eu-west-1.api.aws");
  EXPECT_EQ(host(AwsService::kBedrockMantle, "eusc-de-east-1"), "refused");
  EXPECT_EQ(host(AwsService::kBedrockMantle, "us-east-1", {true, false}), "refused");
}

TEST(Partition, SigningNames) {
  EXPECT_EQ(signing_name(AwsService::kBedrockRuntime), "bedrock");
  EXPECT_EQ(signing_name(AwsService::kBedrockMantle), "bedrock-mantle");
  EXPECT_EQ(signing_name(AwsService::kSts), "sts");
}

}  // namespace
}  // namespace drover::cloud
