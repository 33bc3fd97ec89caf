#include "catalog/processing_scope.h"

#include <gtest/gtest.h>

namespace drover::catalog {
namespace {

struct Row {
  std::string_view provider;
  std::string_view name;
  std::string_view scope;
};

class ProcessingScope : public testing::TestWithParam<Row> {};

TEST_P(ProcessingScope, IsReadFromWhatIsCalled) {
  Endpoint e;
  e.provider = GetParam().provider;
  e.region = "eu-central-1";
  e.model = GetParam().name;
  EXPECT_EQ(processing_scope(e), GetParam().scope) << "as model: " << GetParam().name;
  e.model = "global.amazon.nova-pro-v1:0";
  e.upstream_model = GetParam().name;
  EXPECT_EQ(processing_scope(e), GetParam().scope) << "as upstream_model: " << GetParam().name;
}

constexpr std::string_view kUnsaid = "not stated";
constexpr std::string_view kAws = "aws-bedrock";

INSTANTIATE_TEST_SUITE_P(
    Names, ProcessingScope,
    testing::Values(
        Row{kAws, "anthropic.claude-sonnet-4-6", ""}, Row{kAws, "notes", ""},
        Row{kAws, "us.amazon.nova-pro-v1:0", "us"}, Row{kAws, "us-gov.amazon.nova-v1:0", "us-gov"},
        Row{kAws, "eu.amazon.nova-pro-v1:0", "eu"}, Row{kAws, "global.amazon.nova-v1:0", "global"},
        Row{kAws, "apac.amazon.nova-v1:0", "apac"}, Row{kAws, "jp.anthropic.claude", "jp"},
        Row{kAws, "au.anthropic.claude", "au"}, Row{kAws, "ca.amazon.nova-v1:0", "ca"},
        Row{kAws, "xx.amazon.nova-pro-v1:0", kUnsaid},
        Row{kAws, "US.amazon.nova-pro-v1:0", kUnsaid}, Row{kAws, "a1b2c3d4e5f6", kUnsaid},
        Row{kAws, "default-prompt-router/x:1", kUnsaid}, Row{"azure-openai", "gpt-4o", kUnsaid},
        Row{"openai", "us.amazon.nova-pro-v1:0", ""}));

INSTANTIATE_TEST_SUITE_P(
    Arns, ProcessingScope,
    testing::Values(
        Row{kAws, "arn:aws:bedrock:eu-central-1::foundation-model/amazon.nova-pro-v1:0", ""},
        Row{kAws, "arn:aws:bedrock:eu-central-1:1:provisioned-model/abcdef123456", ""},
        Row{kAws, "arn:aws:bedrock:eu-central-1:1:imported-model/abcdef123456", ""},
        Row{kAws, "arn:aws:bedrock:eu-central-1:1:inference-profile/us.amazon.nova-v1:0", "us"},
        Row{kAws, "arn:aws:bedrock:eu-central-1:1:inference-profile/global.amazon.x", "global"},
        Row{kAws, "arn:aws:bedrock:eu-central-1:1:inference-profile/xx.amazon.x", kUnsaid},
        Row{kAws, "arn:aws:bedrock:eu-central-1:1:inference-profile/amazon.x", kUnsaid},
        Row{kAws, "arn:aws:bedrock:eu-central-1:1:application-inference-profile/a1b2c3", kUnsaid},
        Row{kAws, "arn:aws:bedrock:eu-central-1:1:default-prompt-router/anthropic.claude:1",
            kUnsaid},
        Row{kAws, "arn:aws:bedrock:eu-central-1:1:prompt-router/abc", kUnsaid},
        Row{kAws, "arn:aws:sagemaker:eu-central-1:1:endpoint/abc", kUnsaid},
        Row{kAws, "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0", kUnsaid},
        Row{kAws, "arn:aws:bedrock:us-east-1:1:inference-profile/eu.amazon.nova-v1:0", kUnsaid},
        Row{kAws, "arn:aws:bedrock:eu-central-1", kUnsaid}, Row{kAws, "arn:", kUnsaid}));

TEST(ProcessingScopeArn, NeedsARegionToCompareWith) {
  Endpoint e;
  e.provider = kAws;
  e.model = "arn:aws:bedrock:eu-central-1::foundation-model/amazon.nova-pro-v1:0";
  EXPECT_EQ(processing_scope(e), kScopeNotStated);
  e.model = "arn:aws:bedrock:::foundation-model/amazon.nova-pro-v1:0";
  EXPECT_EQ(processing_scope(e), kScopeNotStated);
}

}  // namespace
}  // namespace drover::catalog
