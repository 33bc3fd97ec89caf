#include "base/json_members.h"

#include <gtest/gtest.h>

namespace drover {
namespace {

TEST(JsonMembers, IsWhatATreeWouldPrint) {
  JsonMembers members;
  members.add("text", "plain");
  members.add("escaped", std::string("a \"b\"\n\x01"));
  members.add("empty", "");
  members.add("number", int64_t{-9'223'372'036'854'775'807});
  members.add("small", 7);
  members.add("yes", true);
  members.add("no", false);
  members.add("half", Json(0.5));
  members.add("list", Json::array());
  members.add("texts", Json::array().push("stop").push("a \"b\""));
  members.add("no texts", Json::array());
  members.add("long", std::string(300, 'l'));
  members.add(std::string(300, 'k'), int64_t{1});
  Json tree = Json::object().set("text", "plain").set("escaped", "a \"b\"\n\x01").set("empty", "");
  tree.set("number", int64_t{-9'223'372'036'854'775'807}).set("small", 7);
  tree.set("yes", true).set("no", false).set("half", 0.5).set("list", Json::array());
  tree.set("texts", Json::array().push("stop").push("a \"b\"")).set("no texts", Json::array());
  tree.set("long", std::string(300, 'l')).set(std::string(300, 'k'), 1);
  EXPECT_EQ("{" + members.inside() + "}", tree.dump());
}

TEST(JsonMembers, OfNothingIsEmpty) { EXPECT_TRUE(JsonMembers().inside().empty()); }

}  // namespace
}  // namespace drover
