#include "cloud/host_region.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "cloud/partition.h"

namespace drover::cloud {
namespace {

TEST(HostRegion, IsReadFromTheCloudsOwnNames) {
  const std::map<std::string, std::string> expected = {
      {"bedrock-runtime.eu-central-1.amazonaws.com", "eu-central-1"},
      {"Bedrock-Runtime.US-East-1.AmazonAWS.com.", "us-east-1"},
      {"bedrock-runtime-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"},
      {"bedrock-runtime.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"},
      {"bedrock-mantle.eu-west-1.api.aws", "eu-west-1"},
      {"bedrock-runtime.cn-north-1.amazonaws.com.cn", "cn-north-1"},
      {"vpce-0ab1-cd2e-us-east-1a.bedrock-runtime.us-east-1.vpce.amazonaws.com", "us-east-1"},
      {"westeurope.api.cognitive.microsoft.com", "westeurope"},
      {"my-llama.swedencentral.models.ai.azure.com", "swedencentral"},
      {"score.germanywestcentral.inference.ml.azure.com", "germanywestcentral"}};
  for (const auto& [host, region] : expected) EXPECT_EQ(region_of_host(host), region) << host;
}

TEST(HostRegion, OtherHostsTellNothing) {
  for (const char* host :
       {"", ".", "127.0.0.1", "localhost", "clinic.openai.azure.com", "s3.amazonaws.com",
        "amazonaws.com", "eu-central-1.example.com",
        "bedrock-runtime.eu-central-1.notamazonaws.com",
        "bedrock-runtime.eu-central-1.amazonaws.com.example", "api.cognitive.microsoft.com"}) {
    EXPECT_EQ(region_of_host(host), "") << host;
  }
}

TEST(HostRegion, EveryHostThatWeMakeTellsItsOwn) {
  for (const Partition& partition : partitions()) {
    for (bool dual_stack : {false, true}) {
      HostOptions options;
      options.dual_stack = dual_stack;
      auto host = aws_host(AwsService::kBedrockRuntime, partition.default_region, options);
      ASSERT_TRUE(host) << partition.id;
      EXPECT_EQ(region_of_host(*host), partition.default_region) << *host;
    }
  }
}

}  // namespace
}  // namespace drover::cloud
