#include "base/yaml.h"

#include <gtest/gtest.h>

namespace drover {
namespace {

TEST(Yaml, ReadsTypesAndRemembersLines) {
  auto doc = YamlDocument::parse(
      "listen: 127.0.0.1:7070\n"
      "endpoints:\n"
      "  - id: a\n"
      "    price: {input: 2.5e-6, output: '0.1'}\n"
      "  - id: b\n"
      "    on: true\n"
      "    none: ~\n");
  ASSERT_TRUE(doc) << doc.error().message;
  EXPECT_EQ(doc->root().dump(),
            R"({"listen":"127.0.0.1:7070","endpoints":[{"id":"a","price":{"input":2.5e-6,)"
            R"("output":"0.1"}},{"id":"b","on":true,"none":null}]})");
  EXPECT_EQ(doc->line("endpoints[1].on"), 6);
  EXPECT_EQ(doc->line("endpoints[0].price.input"), 4);
  EXPECT_EQ(doc->line("endpoints[1].missing"), 5);
}

TEST(Yaml, AMembersLineIsThatOfItsName) {
  auto doc = YamlDocument::parse(
      "policy:\n"
      "  classes: {}\n"
      "text:\n"
      "  of a line\n"
      "list:\n"
      "  - a\n");
  ASSERT_TRUE(doc) << doc.error().message;
  EXPECT_EQ(doc->line("policy"), 1);
  EXPECT_EQ(doc->line("text"), 3);
  EXPECT_EQ(doc->line("list"), 5);
  EXPECT_EQ(doc->line("list[0]"), 6);
}

TEST(Yaml, RefusesWithTheLine) {
  EXPECT_EQ(YamlDocument::parse("a: 1\nb: [1, 2\n").error().message.rfind("line ", 0), 0u);
  EXPECT_EQ(YamlDocument::parse("a: 1\na: 2\n").error().message.rfind("line 2", 0), 0u);
  EXPECT_EQ(YamlDocument::parse("a: &x [1]\nb: *x\n").error().message.rfind("line 2", 0), 0u);
  EXPECT_FALSE(YamlDocument::parse(std::string(5 << 20, 'a')));
  EXPECT_TRUE(YamlDocument::parse("text: 2 * 3 = *bold*\nq: \"*x\"\n"));
}

TEST(Yaml, ATabIsNamedWhereItIsNotRead) {
  auto doc = YamlDocument::parse("policy:\n  floor:\n \tsensitivity: internal\n");
  ASSERT_FALSE(doc);
  EXPECT_NE(doc.error().message.find("line 3 is indented by a tab"), std::string::npos)
      << doc.error().message;
  auto other = YamlDocument::parse("a: [1\n");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().message.find("tab"), std::string::npos) << other.error().message;
}

TEST(Yaml, AliasesAreRefusedWithWhatToDoInstead) {
  auto refused = YamlDocument::parse("base: &defaults\n  a: 1\nmore:\n  <<: *defaults\n");
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message.starts_with("line 4: the alias *defaults is refused"))
      << refused.error().message;
  EXPECT_NE(refused.error().message.find("write out here what &defaults stands for"),
            std::string::npos);
  // Whatever its name, and without expanding it.
  std::string bomb = "_0: &_0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 40; ++i) {
    std::string of = "*_" + std::to_string(i - 1);
    bomb += "_" + std::to_string(i) + ": &_" + std::to_string(i) + " [" + of;
    for (int j = 0; j < 8; ++j) bomb += ", " + of;
    bomb += "]\n";
  }
  ASSERT_FALSE(YamlDocument::parse(bomb));
  EXPECT_TRUE(YamlDocument::parse(bomb).error().message.starts_with("line 2: the alias *_0"));
  EXPECT_TRUE(YamlDocument::parse("a: *nothing\n").error().message.starts_with("line 1: "));
}

TEST(Yaml, TextThatLooksLikeAnAliasIsText) {
  auto doc = YamlDocument::parse(
      "instructions: |\n"
      "  *Important*: be kind.\n"
      "  - *never* lie\n"
      "plain: a\n"
      "  *b* c\n"
      "anchored: &unused 1\n");
  ASSERT_TRUE(doc) << doc.error().message;
  EXPECT_EQ(doc->root().get_string("instructions"), "*Important*: be kind.\n- *never* lie\n");
  EXPECT_EQ(doc->root().get_int("anchored"), 1);
}

TEST(Yaml, ReadsJson) {
  auto doc = YamlDocument::parse("{\"a\": [1, \"x\", null, true]}");
  ASSERT_TRUE(doc);
  EXPECT_EQ(doc->root().dump(), R"({"a":[1,"x",null,true]})");
}

}  // namespace
}  // namespace drover
