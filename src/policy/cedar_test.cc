#include "policy/cedar_test_fixture.h"
#include "policy/decisions.h"

namespace drover::policy {
namespace {

constexpr const char* kRules = R"(
permit(principal, action, resource);
@id("no-foreign-parent")
forbid(principal, action == Action::"call_model", resource)
when { context.sensitivity >= 2 }
unless { resource has jurisdiction && resource.jurisdiction == "de" };
@id("eu-only")
forbid(principal, action in Action::"use", resource)
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

TEST_F(CedarTest, DecisionsAreByTenantOnlyIfTheRulesAre) {
  EXPECT_FALSE((*load(kRules))->by_tenant());
  auto own = load(
      "permit(principal, action, resource);\n"
      "forbid(principal == Tenant::\"ten_2\", action, resource);");
  ASSERT_TRUE(own) << own.error().message;
  EXPECT_TRUE((*own)->by_tenant());
  EXPECT_FALSE((*own)->deny(ask(""), thing("{}")));
  EXPECT_TRUE((*own)->deny(ask("", ThingKind::kModel, "ten_2"), thing("{}")));
  // Looked at in a list, behind a comma like that of a bare head.
  auto listed = load(
      "permit(principal, action, resource);\n"
      "forbid(principal, action == Action::\"call_model\", resource)\n"
      "when { [principal, Tenant::\"ten_zz\"].contains(Tenant::\"ten_2\") };");
  ASSERT_TRUE(listed) << listed.error().message;
  EXPECT_TRUE((*listed)->by_tenant());
  PolicySpec spec;
  spec.authorizers = {*listed};
  Decisions decisions;
  decisions.reset(*Policy::make(std::move(spec)), {thing("{}")});
  for (const char* tenant : {"", "ten_1", "ten_2", "ten_1"}) {
    EXPECT_EQ(decisions.get(ask("", ThingKind::kModel, tenant)).allowed.test(0),
              std::string_view(tenant) != "ten_2")
        << tenant;
  }
}

TEST_F(CedarTest, VerbsAreJudgedByKeyOwnerAgentAndClass) {
  auto rules = load(R"(
permit(principal, action, resource);
@id("two-pairs-of-eyes")
forbid(principal, action == Action::"export", resource)
when { context.sensitivity >= 2 } unless { principal.name == "privacy officer" };
@id("own-agents")
forbid(principal in Tenant::"ten_1", action in [Action::"approve", Action::"extend"], resource)
when { resource is Session && resource.agent == "payments" && !principal.scopes.contains("admin") };
@id("no-killing-of-others")
forbid(principal, action == Action::"kill", resource)
unless { resource in Tenant::"ten_1" };
)");
  ASSERT_TRUE(rules) << rules.error().message;
  auto denied = [&](const char* verb, const char* name, const char* agent, const char* data) {
    VerbAsk ask;
    ask.verb = verb;
    ask.tenant = ask.owner = "ten_1";
    ask.key = "key_1";
    ask.name = name;
    ask.scopes = {"sessions", "approve"};
    ask.session = "ses_1";
    ask.agent = agent;
    ask.data = *contract::DataClass::parse(data);
    auto denial = (*rules)->deny_verb(ask);
    return denial ? denial->rule : std::string();
  };
  EXPECT_EQ(denied("export", "nurse", "ward", "sensitivity=internal"), "");
  EXPECT_EQ(denied("export", "nurse", "ward", "sensitivity=confidential"),
            "cedar:two-pairs-of-eyes");
  EXPECT_EQ(denied("export", "privacy officer", "ward", "sensitivity=restricted"), "");
  EXPECT_EQ(denied("approve", "nurse", "ward", ""), "");
  EXPECT_EQ(denied("extend", "nurse", "payments", ""), "cedar:own-agents");
  EXPECT_EQ(denied("kill", "nurse", "ward", ""), "");
  VerbAsk many;
  many.verb = "kill";
  many.tenant = "ten_default";
  many.name = "system";
  many.owner = "ten_2";
  ASSERT_TRUE((*rules)->deny_verb(many));
  EXPECT_EQ((*rules)->deny_verb(many)->rule, "cedar:no-killing-of-others");
  many.owner = "ten_1";
  EXPECT_FALSE((*rules)->deny_verb(many));
  for (const char* verb : {"approve", "extend", "export", "kill", "purge", "catalog", "keys",
                           "agents", "lease", "server"}) {
    many.verb = verb;
    EXPECT_FALSE((*rules)->deny_verb(many)) << verb;
    auto without = load(R"(permit(principal, action in Action::"use", resource);)");
    ASSERT_TRUE(without) << without.error().message;
    EXPECT_EQ((*without)->deny_verb(many)->why, "no rule permits it") << verb;
  }
}

/// Rules that random worlds are judged by, by number: most forbid something of some facts.
std::string numbered_rule(int n) {
  static constexpr const char* kWhen[] = {
      "resource has jurisdiction && resource.jurisdiction == \"us\"",
      "resource has retention && resource.retention == \"30d\"",
      "resource.zones.contains(\"fr\")",
      "context.sensitivity >= 2 && !(resource has certifications)",
      "context.no_training && !(resource has trains_on_data && !resource.trains_on_data)",
      R"(!context.anywhere && !(resource has sovereignty && resource.sovereignty.greaterThan(decimal("1.5"))))",
      "context.purposes.contains(\"care\") && resource.pool == \"spot\""};
  std::string id = std::to_string(n);
  return "@id(\"r" + id + "\")\nforbid(principal, action == Action::\"call_model\", resource)\n" +
         "when { " + kWhen[static_cast<size_t>(n) % std::size(kWhen)] +
         " && context.keep_seconds > " + std::to_string(n / 7 * 1000) + " };\n";
}

struct Judged {
  Judged(const std::string& text, const std::vector<Thing>& things) {
    auto rules = load_cedar(text, "rules.cedar", std::make_shared<const Zones>());
    EXPECT_TRUE(rules) << rules.error().message;
    PolicySpec spec;
    spec.authorizers = {*rules};
    decisions.reset(*Policy::make(std::move(spec)), things);
  }
  Decisions decisions;
};

TEST_F(CedarTest, OneMoreForbidNeverAddsAPlaceAndKeptDecisionsAreFreshOnes) {
  std::vector<Thing> things;
  int n = 0;
  for (const char* parent : {"us", "de"}) {
    for (const char* zone : {"de", "fr", "us"}) {
      for (const char* retention : {"none", "30d"}) {
        std::string facts = R"({"cleared_for":"restricted","tenancy":"dedicated",)"
                            R"("prompt_cache":"none","human_review":false,"purposes":"any",)"
                            R"("jurisdiction":")" +
                            std::string(parent) + R"(","zone":")" + zone + R"(","retention":")" +
                            retention + R"(","trains_on_data":)" + (n % 2 == 0 ? "false" : "true") +
                            R"(,"sovereignty":)" + std::to_string(n % 4) + "}";
        things.push_back(
            make_thing("e" + std::to_string(n), ThingKind::kModel, n % 3 == 0 ? "spot" : "warm",
                       *catalog::Facts::from_json(*Json::parse(facts), "test", ""), Zones()));
        ++n;
      }
    }
  }
  const char* classes[] = {"",
                           "sensitivity=internal",
                           "sensitivity=confidential;usage=no-training",
                           "residency=de|fr;sensitivity=internal",
                           "purpose=care",
                           "retention=30d"};
  std::string text = "permit(principal, action, resource);\n";
  Judged before(text, things);
  size_t removed = 0;
  for (int rule = 0; rule < 21; ++rule) {
    text += numbered_rule(rule);
    Judged after(text, things);
    for (const char* data : classes) {
      Ask asked = ask(data);
      Bits kept = after.decisions.get(asked).allowed;
      ASSERT_EQ(kept, after.decisions.decide(asked).allowed) << data;
      ASSERT_EQ(kept, after.decisions.get(asked).allowed) << data;
      const Bits& wider = before.decisions.get(asked).allowed;
      ASSERT_EQ(kept.word(0) & ~wider.word(0), 0u) << "rule " << rule << " added for " << data;
      removed += wider.count() - kept.count();
      for (size_t i = 0; i < things.size(); ++i) {
        ASSERT_EQ(kept.test(i), !after.decisions.why(asked, i).has_value());
      }
    }
    before.decisions.reset(after.decisions.shared_policy(), things);
  }
  EXPECT_GT(removed, 20u);
}

TEST_F(CedarTest, TwoHundredRulesAreLoadedAndOneOfThemIsNamed) {
  std::string text = "permit(principal, action, resource);\n";
  for (int n = 0; n < 199; ++n) text += numbered_rule(n);
  auto rules = load(text);
  ASSERT_TRUE(rules) << rules.error().message;
  Thing german =
      thing(R"({"jurisdiction":"de","zone":"de","sovereignty":3,"trains_on_data":false})");
  EXPECT_FALSE((*rules)->deny(ask("retention=unlimited"), german));
  auto denial = (*rules)->deny(ask("retention=none"), thing(R"({"jurisdiction":"us"})"));
  EXPECT_FALSE(denial) << "each asks for more than 0 seconds";
  denial = (*rules)->deny(ask("retention=1d"), thing(R"({"jurisdiction":"us"})"));
  ASSERT_TRUE(denial);
  EXPECT_NE(denial->rule.find("r196"), std::string::npos) << "28 * 1000 s: " << denial->rule;
  EXPECT_TRUE((*rules)->fingerprint() != (*load(text + numbered_rule(200)))->fingerprint());
}

TEST_F(CedarTest, APolicyWithRulesKeepsItsDecisions) {
  PolicySpec spec;
  spec.authorizers = {*load(kRules)};
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
