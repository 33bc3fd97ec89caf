// What is wrong with an endpoint is said by its field, with the remedy.

#include <gtest/gtest.h>

#include "providers/providers_test_fixture.h"

namespace drover::providers {
namespace {

class EndpointChecks : public ProvidersTest {
 protected:
  std::string fault(const catalog::Endpoint& e) {
    auto checked = table_->find(e.provider)->check(e);
    return checked ? std::string("accepted") : checked.error().message;
  }
};

TEST_F(EndpointChecks, ChecksNameTheFieldAndTheRemedy) {
  catalog::Endpoint e = aws_;
  e.region = "frankfurt";
  e.base_url.clear();
  EXPECT_NE(fault(e).find("region"), std::string::npos) << fault(e);
  e = aws_;
  e.partition = "aws-eusc";
  EXPECT_NE(fault(e).find("partition"), std::string::npos) << fault(e);
  e = aws_;
  e.credentials.source = "AKIA-canary-pasted";
  EXPECT_NE(fault(e).find("env:NAME"), std::string::npos) << fault(e);
  EXPECT_EQ(fault(e).find("canary"), std::string::npos) << fault(e);
  e = azure_;
  e.base_url.clear();
  EXPECT_NE(fault(e).find("base_url"), std::string::npos) << fault(e);
  e = azure_;
  e.options["auht"] = "entra";
  EXPECT_NE(fault(e).find("auht"), std::string::npos) << fault(e);
  e = azure_;
  e.options["header:Authorization"] = "x";
  EXPECT_NE(fault(e).find("may not"), std::string::npos) << fault(e);
  e = azure_;
  e.options = {{"auth", "entra"},
               {"tenant_id", "t"},
               {"client_id", "c"},
               {"authority", "http://login.example.com"}};
  EXPECT_NE(fault(e).find("https"), std::string::npos) << fault(e);
  e = catalog::Endpoint();
  e.id = "v";
  e.provider = "vllm";
  e.model = "m";
  EXPECT_NE(fault(e).find("base_url"), std::string::npos) << fault(e);
  EXPECT_EQ(table_->find("nobody"), nullptr);
}

TEST_F(EndpointChecks, ABaseUrlOfAnotherRegionIsRefused) {
  aws_.region = "eu-central-1";
  aws_.base_url = "https://bedrock-runtime.us-east-1.amazonaws.com";
  EXPECT_NE(fault(aws_).find("leads to the region 'us-east-1', and its region is 'eu-central-1'"),
            std::string::npos)
      << fault(aws_);
  aws_.base_url = "https://bedrock-runtime.eu-central-1.amazonaws.com";
  EXPECT_EQ(fault(aws_), "accepted");
  azure_.base_url = "https://eastus.api.cognitive.microsoft.com";
  azure_.region = "germanywestcentral";
  EXPECT_NE(fault(azure_).find("'eastus'"), std::string::npos) << fault(azure_);
  // Also where only the place that it is said to be at has a region.
  azure_.region.clear();
  EXPECT_EQ(fault(azure_), "accepted") << "it claims to be nowhere";
  ASSERT_TRUE(azure_.facts.set({"region", "germanywestcentral", "operator", ""}));
  EXPECT_NE(fault(azure_).find("'eastus'"), std::string::npos) << fault(azure_);
}

// The other of a hedged pair may be about to ask when the first shows something.
TEST(Prompt, WhoAsksForItsTextTooLateIsTold) {
  const std::string body = R"({"model":"m","messages":[{"role":"user","content":"hi"}]})";
  Prompt prompt = Prompt::from_openai(std::string(body), *dialect::scan_openai_request(body));
  prompt.drop_text();
  EXPECT_GT(prompt.input_bytes(), 0);
  Result<const contract::ChatRequest*> chat = prompt.chat_as("other", false, "");
  ASSERT_FALSE(chat);
  EXPECT_EQ(chat.error().code, Code::kCancelled);
}

}  // namespace
}  // namespace drover::providers
