#include "app/api_client.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

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

TEST_F(NamedServer, AFileThatCannotBeReadDoesNotHideAServerThatIsNamed) {
  const std::string path = testing::TempDir() + "/broken.yaml";
  std::ofstream(path) << "listn: 1\n";
  auto client = ApiClient::connect(with({{"config", path}}), Need::kRead);
  ASSERT_FALSE(client);
  EXPECT_EQ(exit_code(client.error()), kExitUsage);
  EXPECT_NE(client.error().message.find("DROVER_URL names it"), std::string::npos)
      << client.error().message;
  auto folder = ApiClient::connect(with({{"config", path}, {"data", "here"}}), Need::kRead);
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().message.find("DROVER_URL"), std::string::npos) << folder.error().message;
}

TEST(ReachOf, ACommandWithoutAKeyDoesNotWorkBesideAServer) {
  Surroundings around;
  around.server_answers = true;
  around.folder_there = true;
  for (Need need : {Need::kRead, Need::kWrite, Need::kBooks, Need::kRun}) {
    EXPECT_EQ(reach_of(around, need), Reach::kNoKey);
  }
  around.folder_there = false;
  EXPECT_EQ(reach_of(around, Need::kRun), Reach::kNoKey);
  around.key = true;
  EXPECT_EQ(reach_of(around, Need::kRun), Reach::kServer);
  around.folder_named = around.folder_there = true;
  EXPECT_EQ(reach_of(around, Need::kRun), Reach::kFolder) << "what is named goes before all";
}

TEST(ReachOf, WithoutAServerTheFolderIsLeft) {
  Surroundings around;
  around.key = true;
  EXPECT_EQ(reach_of(around, Need::kRead), Reach::kNoServer);
  EXPECT_EQ(reach_of(around, Need::kWrite), Reach::kFolder) << "it is made";
  around.folder_there = true;
  EXPECT_EQ(reach_of(around, Need::kRead), Reach::kFolder);
  around.folder_there = false;
  around.folder_named = true;
  EXPECT_EQ(reach_of(around, Need::kRead), Reach::kNoFolder);
  EXPECT_EQ(reach_of(around, Need::kRun), Reach::kFolder);
}

}  // namespace
}  // namespace drover::app
