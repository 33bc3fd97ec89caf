#include "policy/cedar.h"

#include <gtest/gtest.h>

#include "policy/decisions.h"

namespace drover::policy {
namespace {

class CedarTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!cedar_built_in()) GTEST_SKIP() << "cargo: this build has no Cedar engine (make cedar)";
  }
  static Result<std::shared_ptr<const Authorizer>> load(std::string_view rules) {
    return load_cedar(rules, "rules.cedar", std::make_shared<const Zones>());
  }
  static Thing thing(const std::string& facts, ThingKind kind = ThingKind::kModel) {
    return make_thing("e", kind, "serverless",
                      *catalog::Facts::from_json(*Json::parse(facts), "test", ""), Zones());
  }
  static Ask ask(std::string_view data, ThingKind kind = ThingKind::kModel,
                 const std::string& tenant = "ten_1") {
    return Ask{kind, tenant, *contract::DataClass::parse(data)};
  }
};

constexpr const char* kRules = R"(
permit(principal, action, resource);
@id("no-foreign-parent")
forbid(principal, action == Action::"call_model", resource)
when { context.sensitivity >= 2 }
unless { resource has jurisdiction && resource.jurisdiction == "de" };
@id("eu-only")
forbid(principal, action, resource)
when { !context.anywhere && context.zones.contains("de") && !resource.zones.contains("eu") };
)";

TEST_F(CedarTest, PermitsForbidsAndNamesTheRule) {
  auto rules = load(kRules);
  ASSERT_TRUE(rules) << rules.error().message;
  Thing german = thing(R"({"jurisdiction":"de","zone":"de"})");
  Thing foreign = thing(R"({"jurisdiction":"us","zone":"de"})");
  Thing unknown = thing(R"({"zone":"de"})");
  EXPECT_FALSE((*rules)->deny(ask("sensitivity=confidential"), german));
  EXPECT_FALSE((*rules)->deny(ask("sensitivity=internal"), foreign));
  for (const Thing& t : {foreign, unknown}) {
    auto denial = (*rules)->deny(ask("sensitivity=confidential"), t);
    ASSERT_TRUE(denial);
    EXPECT_EQ(denial->rule, "cedar:no-foreign-parent");
  }
  auto outside = (*rules)->deny(ask("residency=de", ThingKind::kTool),
                                thing(R"({"zone":"us"})", ThingKind::kTool));
  ASSERT_TRUE(outside);
  EXPECT_EQ(outside->rule, "cedar:eu-only");
}

TEST_F(CedarTest, WhatNoRulePermitsIsDenied) {
  auto rules = load(R"(permit(principal, action == Action::"call_tool", resource);)");
  ASSERT_TRUE(rules) << rules.error().message;
  auto denial = (*rules)->deny(ask(""), thing("{}"));
  ASSERT_TRUE(denial);
  EXPECT_EQ(denial->why, "no rule permits it");
  EXPECT_FALSE((*rules)->deny(ask("", ThingKind::kTool), thing("{}", ThingKind::kTool)));
  EXPECT_TRUE((*load(""))->deny(ask(""), thing("{}")));
}

TEST_F(CedarTest, EveryKindOfFactIsSeen) {
  auto rules = load(
      "permit(principal, action, resource) when { resource has batch && resource.batch && "
      "resource has certifications && resource.certifications.contains(\"c5\") && "
      "resource has sovereignty && resource.sovereignty.greaterThan(decimal(\"1.5\")) && "
      "resource has retention && resource.retention == \"none\" && resource.pool == "
      "\"serverless\" && context.no_training && context.keep_seconds == 0 && "
      "context.purposes.contains(\"care\") };");
  ASSERT_TRUE(rules) << rules.error().message;
  Ask asked = ask("usage=no-training;retention=none;purpose=care");
  EXPECT_FALSE((*rules)->deny(
      asked, thing(R"({"batch":true,"certifications":"c5","sovereignty":2,"retention":"none",)"
                   R"("rtt_ms":{"a":1}})")));
  EXPECT_TRUE((*rules)->deny(
      asked, thing(R"({"batch":true,"certifications":"c5","sovereignty":1,"retention":"none"})")));
}

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
  auto unasked =
      load("forbid(principal, action, resource) when { resource.jurisdiction == \"us\" };");
  ASSERT_FALSE(unasked) << "a fact that may be missing is asked for with `has`";
}

TEST_F(CedarTest, DecisionsAreByTenantOnlyIfTheRulesAre) {
  EXPECT_FALSE((*load(kRules))->by_tenant());
  auto own = load(
      "permit(principal, action, resource);\n"
      "forbid(principal == Tenant::\"ten_2\", action, resource);");
  ASSERT_TRUE(own) << own.error().message;
  EXPECT_TRUE((*own)->by_tenant());
  EXPECT_FALSE((*own)->deny(ask(""), thing("{}")));
  EXPECT_TRUE((*own)->deny(ask("", ThingKind::kModel, "ten_2"), thing("{}")));
}

TEST_F(CedarTest, APolicyWithRulesKeepsItsDecisions) {
  PolicySpec spec;
  spec.authorizer = *load(kRules);
  auto policy = Policy::make(std::move(spec));
  ASSERT_TRUE(policy);
  Decisions decisions;
  std::vector<Thing> things;
  for (const char* parent : {"de", "us", "fr"}) {
    things.push_back(
        thing(R"({"cleared_for":"confidential","jurisdiction":")" + std::string(parent) + "\"}"));
  }
  decisions.reset(*policy, things);
  Ask asked = ask("sensitivity=confidential");
  EXPECT_EQ(decisions.get(asked).allowed, decisions.decide(asked).allowed);
  EXPECT_TRUE(decisions.get(asked).allowed.test(0));
  EXPECT_EQ(decisions.get(asked).allowed.count(), 1u);
  EXPECT_EQ(decisions.why(asked, 1)->rule, "cedar:no-foreign-parent");
}

TEST(Cedar, AProgramWithoutItRefusesRulesAndOneWithItSaysItsVersion) {
  EXPECT_EQ(cedar_version().empty(), !cedar_built_in());
  if (cedar_built_in()) return;
  auto rules = load_cedar("permit(principal, action, resource);", "rules.cedar",
                          std::make_shared<const Zones>());
  ASSERT_FALSE(rules);
  EXPECT_EQ(rules.error().code, Code::kUnimplemented);
}

TEST(Cedar, TheSchemaNamesEveryFactARuleMayAskFor) {
  std::string schema = cedar_schema();
  for (const catalog::FactKind& kind : catalog::fact_kinds()) {
    bool table = kind.type == catalog::FactType::kTable;
    EXPECT_EQ(schema.find(" " + std::string(kind.name) + "?: ") == std::string::npos, table)
        << kind.name;
  }
}

}  // namespace
}  // namespace drover::policy
