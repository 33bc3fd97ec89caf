// People name tenants and keys; what judges goes by ids.

#include "app/parties.h"

#include <gtest/gtest.h>

#include "async/sim_loop.h"
#include "store/memory/memory_store.h"

namespace drover::app {
namespace {

contract::DataClass class_of(std::string_view text) { return *contract::DataClass::parse(text); }

/// Rules in a language of their own, for some tenants.
struct RulesForSome final : policy::Authorizer {
  explicit RulesForSome(std::string id) : named{{std::move(id), ""}} {}
  explicit RulesForSome(std::vector<policy::NamedTenant> all) : named(std::move(all)) {}
  std::optional<policy::Denial> deny(const policy::Ask&, const policy::Thing&) const override {
    return std::nullopt;
  }
  bool by_tenant() const override { return true; }
  std::vector<policy::NamedTenant> tenants() const override { return named; }
  std::string fingerprint() const override { return "one"; }
  std::vector<policy::NamedTenant> named;
};

class PartiesTest : public ::testing::Test {
 protected:
  PartiesTest() {
    EXPECT_TRUE(loop_.run_task(tenants_.load(ctx_)));
    auto made = loop_.run_task(tenants_.create(ctx_, "clinic"));
    EXPECT_TRUE(made);
    if (made) clinic_ = made->id.str();
  }
  /// A floor and a requirement for a tenant.
  static std::shared_ptr<const policy::Policy> naming(const std::string& tenant,
                                                      const std::string& in_requirement) {
    policy::PolicySpec spec;
    spec.tenants[tenant] = class_of("residency=de");
    spec.requirements = *Json::parse(R"([{"name":"c5","when":{"tenant":")" + in_requirement +
                                     R"("},"needs":{"certifications":"c5"}}])");
    auto made = policy::Policy::make(std::move(spec));
    EXPECT_TRUE(made);
    return *made;
  }
  Result<std::shared_ptr<const policy::Policy>> resolved(
      std::shared_ptr<const policy::Policy> named, bool skip_unknown = false) {
    return Parties(tenants_, keys_, skip_unknown).in_policy(std::move(named));
  }
  static std::string rule(const policy::Policy& policy, const std::string& tenant) {
    policy::Thing thing;
    policy::Ask ask;
    ask.tenant = tenant;
    auto denial = policy::Case(policy, ask).deny(thing);
    return denial ? denial->rule : "";
  }

  async::SimLoop loop_;
  async::Context ctx_{loop_};
  SeededRandom random_{3};
  store::MemoryStore store_{random_};
  identity::Keys keys_{store_.documents(), random_};
  identity::Tenants tenants_{store_.documents(), random_};
  std::string clinic_;
};

TEST_F(PartiesTest, APolicyHoldsForATenantThatItNames) {
  for (const std::string& named : {std::string("clinic"), clinic_}) {
    auto policy = resolved(naming(named, named));
    ASSERT_TRUE(policy) << policy.error().message;
    EXPECT_EQ((*policy)->effective(clinic_, {}).text(), "residency=de") << named;
    EXPECT_EQ((*policy)->effective("ten_default", {}).text(), "") << named;
    EXPECT_EQ(rule(**policy, clinic_), "c5") << named;
    EXPECT_EQ(rule(**policy, "ten_default"), "") << named;
    EXPECT_TRUE((*policy)->by_tenant());
  }
}

TEST_F(PartiesTest, OfATenantThatIsNamedTwiceBothFloorsHold) {
  policy::PolicySpec spec;
  spec.tenants["clinic"] = class_of("residency=de");
  spec.tenants[clinic_] = class_of("retention=none");
  auto policy = resolved(*policy::Policy::make(std::move(spec)));
  ASSERT_TRUE(policy);
  EXPECT_EQ((*policy)->effective(clinic_, {}).text(), "residency=de;retention=none");
}

TEST_F(PartiesTest, ATenantThatIsNotThereIsRefusedByName) {
  auto floor = resolved(naming("clinc", "clinic"));
  ASSERT_FALSE(floor);
  EXPECT_NE(floor.error().message.find("'policy.tenants' is for the tenant 'clinc'"),
            std::string::npos)
      << floor.error().message;
  auto when = resolved(naming("clinic", "clinc"));
  ASSERT_FALSE(when);
  EXPECT_NE(when.error().message.find("the requirement 'c5' is for the tenant 'clinc'"),
            std::string::npos)
      << when.error().message;
  auto skipped = resolved(naming("clinc", "clinic"), true);
  ASSERT_TRUE(skipped);
  EXPECT_EQ(rule(**skipped, clinic_), "c5") << "what is for others holds all the same";
}

TEST_F(PartiesTest, SoIsOneThatOnlyARuleNames) {
  auto with_rule_for = [&](const std::string& tenant, bool skip_unknown = false) {
    return resolved(policy::Policy().with(std::make_shared<RulesForSome>(tenant)), skip_unknown);
  };
  EXPECT_TRUE(with_rule_for(clinic_));
  auto nobody = with_rule_for("ten_nobody");
  ASSERT_FALSE(nobody);
  EXPECT_NE(nobody.error().message.find("a rule in 'policy.cedar' is for the tenant 'ten_nobody'"),
            std::string::npos)
      << nobody.error().message;
  EXPECT_TRUE(with_rule_for("ten_nobody", true));
}

TEST_F(PartiesTest, ARuleGoesByIdsAloneAndAllThatAreNoneAreTold) {
  ASSERT_TRUE(loop_.run_task(tenants_.create(ctx_, "ten_lookalike")));
  auto refused = [&](std::vector<policy::NamedTenant> tenants) {
    auto rules = std::make_shared<RulesForSome>(std::move(tenants));
    auto policy = resolved(policy::Policy().with(std::move(rules)));
    return policy ? "" : policy.error().message;
  };
  EXPECT_EQ(refused({{clinic_, "r.cedar:2:3"}, {"ten_default", ""}}), "");
  EXPECT_EQ(refused({{"ten_lookalike", "r.cedar:2:21"}}),
            "a rule in 'policy.cedar' is for the tenant 'ten_lookalike' (r.cedar:2:21), and nobody "
            "has such an id: `drover tenant ls` has the ids of those that there are");
  const std::string all = refused(
      {{"ten_z", "r.cedar:1:1"}, {clinic_, "r.cedar:2:1"}, {"clinic", ""}, {"ten_a", "r:3:1"}});
  EXPECT_NE(all.find("each of the tenants 'clinic', 'ten_a' (r:3:1), 'ten_z' (r.cedar:1:1), and"),
            std::string::npos)
      << all;
}

TEST_F(PartiesTest, AnIdThatIsNotThereIsLookedUpAndNotMade) {
  const std::string id = clinic_ + "x";
  auto policy = Parties(tenants_, keys_, false, "data").in_policy(naming(id, "clinic"));
  ASSERT_FALSE(policy);
  EXPECT_EQ(policy.error().message.find("tenant create"), std::string::npos);
  EXPECT_NE(policy.error().message.find(
                "'" + id + "', which there is not: `drover tenant ls --data data` has the ids"),
            std::string::npos)
      << policy.error().message;
}

TEST_F(PartiesTest, TheRemedyNamesTheFolderThatIsMeant) {
  const Parties elsewhere(tenants_, keys_, false, "data");
  auto policy = elsewhere.in_policy(naming("clinc", "clinic"));
  ASSERT_FALSE(policy);
  EXPECT_NE(policy.error().message.find("`drover tenant create clinc --data data`"),
            std::string::npos)
      << policy.error().message;
  road::Settings settings;
  settings.classes.keys["bot"].weight = 3;
  auto by_key = elsewhere.in_settings(settings);
  ASSERT_FALSE(by_key);
  EXPECT_NE(by_key.error().message.find("`drover key create --label bot --data data`"),
            std::string::npos)
      << by_key.error().message;
  auto usual = resolved(naming("clinc", "clinic"));
  ASSERT_FALSE(usual);
  EXPECT_NE(usual.error().message.find("`drover tenant create clinc`"), std::string::npos)
      << usual.error().message;
}

TEST_F(PartiesTest, ClassesAndBudgetsGoByIdsToo) {
  road::Settings settings;
  settings.classes.tenants["clinic"].weight = 3;
  auto by_id = Parties(tenants_, keys_, false).in_settings(settings);
  ASSERT_TRUE(by_id);
  ASSERT_EQ(by_id->classes.tenants.size(), 1u);
  EXPECT_EQ(by_id->classes.tenants.at(clinic_).weight, 3);
  road::Budget budget;
  budget.name = "b";
  budget.whom[static_cast<size_t>(road::Dimension::kTenant)] = "clinic";
  auto budgets = Parties(tenants_, keys_, false).in_budgets({budget});
  ASSERT_TRUE(budgets);
  ASSERT_EQ(budgets->size(), 1u);
  EXPECT_EQ(budgets->front().of(road::Dimension::kTenant), clinic_);
  budget.whom[static_cast<size_t>(road::Dimension::kTenant)] = "clinc";
  EXPECT_FALSE(Parties(tenants_, keys_, false).in_budgets({budget}));
  EXPECT_TRUE(Parties(tenants_, keys_, true).in_budgets({budget})->empty());
}

}  // namespace
}  // namespace drover::app
