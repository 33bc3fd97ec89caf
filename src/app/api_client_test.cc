#include "app/api_client.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace drover::app {
namespace {

class NamedServer : public testing::Test {
 protected:
  void SetUp() override { unsetenv("DROVER_URL"); }
  void TearDown() override { unsetenv("DROVER_URL"); }

  static Arguments with(std::map<std::string, std::string> values) {
    Arguments out;
    for (auto& [name, value] : values) out.values[name] = {value};
    return out;
  }
};

TEST_F(NamedServer, AFolderAtTheCommandGoesBeforeTheEnvironment) {
  EXPECT_EQ(*named_server(with({})), "");
  setenv("DROVER_URL", "http://h:1/", 1);
  EXPECT_EQ(*named_server(with({})), "http://h:1");
  EXPECT_EQ(*named_server(with({{"url", "http://other:2//"}})), "http://other:2");
  EXPECT_EQ(*named_server(with({{"data", "folder"}})), "");
  setenv("DROVER_URL", "", 1);
  EXPECT_EQ(*named_server(with({})), "") << "set, and nothing in it";
}

TEST_F(NamedServer, AFolderBesideAServerIsAContradiction) {
  auto both = named_server(with({{"url", "http://h:1"}, {"data", "folder"}}));
  ASSERT_FALSE(both);
  EXPECT_EQ(exit_code(both.error()), kExitUsage);
  EXPECT_NE(both.error().message.find("say one of them"), std::string::npos);
}

TEST_F(NamedServer, AFolderThatIsNotThereIsSaidWhateverTheEnvironmentNames) {
  setenv("DROVER_URL", "http://127.0.0.1:1", 1);
  auto client = ApiClient::connect(with({{"data", "no-such-folder"}}), Need::kRead);
  ASSERT_FALSE(client);
  EXPECT_NE(client.error().message.find("there is no data folder no-such-folder"),
            std::string::npos)
      << client.error().message;
}

}  // namespace
}  // namespace drover::app
