// What a file of Cedar rules is refused for, and where it is told.

#include "policy/cedar_test_fixture.h"

namespace drover::policy {
namespace {

TEST_F(CedarTest, FaultsHaveTheirLineAndColumn) {
  auto parse = load("permit(principal, action, resource);\nforbid(principal, action resource);");
  ASSERT_FALSE(parse);
  EXPECT_TRUE(parse.error().message.starts_with("rules.cedar:2:26: ")) << parse.error().message;
  auto type = load(
      "permit(principal, action, resource);\n"
      "forbid(principal, action, resource)\nwhen { resource.colour == \"red\" };");
  ASSERT_FALSE(type);
  EXPECT_TRUE(type.error().message.starts_with("rules.cedar:3:")) << type.error().message;
  EXPECT_NE(type.error().message.find("colour"), std::string::npos) << type.error().message;
  EXPECT_EQ(type.error().message.find('\n'), std::string::npos)
      << "told for each kind of thing: " << type.error().message;
  auto unasked =
      load("forbid(principal, action, resource) when { resource.jurisdiction == \"us\" };");
  ASSERT_FALSE(unasked) << "a fact that may be missing is asked for with `has`";
}

TEST_F(CedarTest, ANameThatThereIsNotIsRefusedBehindHasToo) {
  struct Wrong {
    const char* when;
    const char* says;
  };
  for (const Wrong& wrong :
       {Wrong{R"(when { resource has jurisdction && resource.jurisdction == "us" })",
              "rules.cedar:3:8: no resource has an attribute `jurisdction` (did you mean "
              "`jurisdiction`?)"},
        Wrong{R"(unless { resource has jurisdction && resource.jurisdction == "de" })",
              "rules.cedar:3:10: no resource has an attribute `jurisdction`"},
        Wrong{R"(when { context has sensitivty && context.sensitivty >= 2 })",
              "rules.cedar:3:8: no context has an attribute `sensitivty` (did you mean "
              "`sensitivity`?)"},
        Wrong{R"(when { context.no_training || resource has zoone.name })",
              "rules.cedar:3:31: no resource has an attribute `zoone` (did you mean `zone`?)"},
        Wrong{R"(when { resource has rtt_ms })", "no resource has an attribute `rtt_ms`"}}) {
    auto rules = load(
        "permit(principal, action, resource);\n"
        "forbid(principal, action == Action::\"call_model\", resource)\n" +
        std::string(wrong.when) + ";");
    ASSERT_FALSE(rules) << wrong.when;
    const std::string& message = rules.error().message;
    EXPECT_NE(message.find(wrong.says), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << "told twice: " << message;
  }
  for (const char* rule :
       {"permit(principal, action, resource) when { resource has agent || principal has name };",
        "permit(principal, action, resource) when { {colour: 1} has colour };",
        "permit(principal, action, resource) when { context has sensitivity };"}) {
    auto rules = load(rule);
    EXPECT_TRUE(rules) << rules.error().message;
  }
}

TEST_F(CedarTest, ARuleThatCanNeverApplyIsRefused) {
  for (
      const char* rule :
      {R"(forbid(principal is Key, action == Action::"call_model", resource);)",
       R"(forbid(principal, action == Action::"call_model", resource is Tool);)",
       R"(forbid(principal, action == Action::"call_model", resource) when { resource is Tool };)",
       R"(forbid(principal, action == Action::"call_model", resource) when { resource has agent };)",
       R"(forbid(principal, action == Action::"use", resource);)",
       R"(forbid(principal, action, resource) when { false };)"}) {
    auto rules = load("permit(principal, action, resource);\n" + std::string(rule));
    ASSERT_FALSE(rules) << rule;
    const std::string& message = rules.error().message;
    EXPECT_TRUE(message.starts_with("rules.cedar:2:1: ")) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << "told twice: " << message;
  }
}

TEST_F(CedarTest, ATemplateIsRefusedForNothingIsLinkedToIt) {
  for (const char* rule :
       {R"(forbid(principal == ?principal, action, resource);)",
        R"(permit(principal, action, resource in ?resource);)",
        R"(forbid(principal in ?principal, action in Action::"manage", resource == ?resource);)"}) {
    auto rules = load("permit(principal, action, resource);\n" + std::string(rule));
    ASSERT_FALSE(rules) << rule;
    const std::string& message = rules.error().message;
    EXPECT_TRUE(message.starts_with("rules.cedar:2:1: ")) << message;
    EXPECT_NE(message.find("Drover links nothing"), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << "told twice: " << message;
  }
}

TEST_F(CedarTest, ANameWhereAnIdBelongsIsRefused) {
  for (const char* rule :
       {R"(forbid(principal == Tenant::"default", action, resource);)",
        R"(forbid(principal in Tenant::"default", action in Action::"manage", resource);)",
        R"(forbid(principal, action, resource) when { principal == Tenant::"default" };)",
        R"(forbid(principal, action == Action::"kill", resource == Session::"default");)"}) {
    auto rules = load("permit(principal, action, resource);\n" + std::string(rule));
    ASSERT_FALSE(rules) << rule;
    const std::string& message = rules.error().message;
    EXPECT_TRUE(message.starts_with("rules.cedar:2:")) << message;
    EXPECT_NE(message.find("::\"default\"` does not exist: the id of a "), std::string::npos)
        << message;
  }
  auto rules = load(
      "permit(principal, action, resource);\n"
      "forbid(principal == Tenant::\"ten_default\", action, resource);\n"
      "forbid(principal == Key::\"system\", action, resource == Session::\"ses_1\");");
  EXPECT_TRUE(rules) << rules.error().message;
}

TEST_F(CedarTest, FaultsStandInTheOrderOfTheirLines) {
  std::string text = "permit(principal, action, resource);\n";
  for (const char* rule :
       {"when { resource.colour == \"red\" }", "when { context has hue }", "when { false }",
        "when { context.shade == 1 }", "when { principal == Tenant::\"clinic\" }",
        "when { resource is Tool }"}) {
    text += "forbid(principal, action == Action::\"call_model\", resource) " + std::string(rule) +
            ";\n";
  }
  auto rules = load(text);
  ASSERT_FALSE(rules);
  const std::string& message = rules.error().message;
  size_t from = 0;
  for (int line = 2; line <= 7; ++line) {
    EXPECT_EQ(message.find("rules.cedar:" + std::to_string(line) + ":", from), from) << message;
    from = std::min(message.find('\n', from), message.size() - 1) + 1;
  }
  EXPECT_EQ(from, message.size()) << "one each: " << message;
}

TEST_F(CedarTest, RulesOfOneKindOfThingSayWhichTheyMean) {
  auto wrong = load(
      "permit(principal, action, resource);\n"
      "forbid(principal, action, resource) when { resource.zones.contains(\"us\") };");
  ASSERT_FALSE(wrong) << "a session has no zones";
  EXPECT_TRUE(wrong.error().message.starts_with("rules.cedar:2:")) << wrong.error().message;
}

}  // namespace
}  // namespace drover::policy
