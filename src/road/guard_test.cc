// What tools and stores may see, and how often slow rules are asked about it.

#include "road/guard.h"

#include <gtest/gtest.h>

namespace drover::road {
namespace {

/// Rules that take long: one tool may not see confidential data of one tenant.
class SlowGuardRules final : public policy::Authorizer {
 public:
  explicit SlowGuardRules(bool by_tenant) : by_tenant_(by_tenant) {}
  std::optional<policy::Denial> deny(const policy::Ask& ask,
                                     const policy::Thing& thing) const override {
    ++asked;
    if (thing.id != "files" || ask.data.sensitivity < contract::Sensitivity::kConfidential ||
        (by_tenant_ && ask.tenant != "ten_a")) {
      return std::nullopt;
    }
    return policy::Denial{"slow", "the rule says so"};
  }
  bool slow() const override { return true; }
  bool by_tenant() const override { return by_tenant_; }
  std::string fingerprint() const override { return "slow"; }
  mutable int asked = 0;

 private:
  bool by_tenant_;
};

class GuardTest : public testing::Test {
 protected:
  GuardTest() { use(false); }
  void use(bool by_tenant) {
    rules_ = std::make_shared<SlowGuardRules>(by_tenant);
    policy::PolicySpec spec;
    spec.authorizers.push_back(rules_);
    policy_.replace(*policy::Policy::make(std::move(spec)));
    state("restricted");
  }
  void state(const std::string& cleared_for) {
    ThingSpec spec;
    Json facts = Json::object().set("cleared_for", cleared_for);
    spec.facts = *catalog::Facts::from_json(facts, "test", "");
    guard_.set_things({{"files", spec}, {"mail", spec}});
  }
  std::string why(const std::string& name, std::string_view data_class,
                  const char* tenant = "ten_a") {
    auto checked = guard_.check(policy::ThingKind::kTool, name, TenantId(tenant), data_class);
    return checked ? "" : checked.error().message;
  }

  policy::PolicyHolder policy_;
  std::shared_ptr<SlowGuardRules> rules_;
  Guard guard_{&policy_};
};

constexpr std::string_view kSecret = "sensitivity=confidential";

TEST_F(GuardTest, SlowRulesAreAskedOnceOfAThingAndAClass) {
  for (int round = 0; round < 3; ++round) {
    EXPECT_NE(why("files", kSecret).find("slow: the rule says so"), std::string::npos);
    EXPECT_EQ(why("files", ""), "");
    EXPECT_EQ(why("mail", kSecret), "");
    EXPECT_NE(why("files", kSecret, "ten_b"), "") << "the rule looks at no tenant";
  }
  EXPECT_EQ(rules_->asked, 3);
}

TEST_F(GuardTest, OfEachTenantWhereRulesLookAtIt) {
  use(true);
  for (int round = 0; round < 3; ++round) {
    EXPECT_NE(why("files", kSecret, "ten_a"), "");
    EXPECT_EQ(why("files", kSecret, "ten_b"), "");
  }
  EXPECT_EQ(rules_->asked, 2);
}

TEST_F(GuardTest, AnewWhenThePolicyOrTheThingsChange) {
  EXPECT_NE(why("files", kSecret), "");
  policy_.replace(std::make_shared<policy::Policy>());
  EXPECT_EQ(why("files", kSecret), "");
  use(false);
  EXPECT_NE(why("files", kSecret).find("slow"), std::string::npos);
  state("internal");
  EXPECT_NE(why("files", kSecret).find("sensitivity: "), std::string::npos)
      << "what the other rules say is judged each time";
  EXPECT_EQ(rules_->asked, 1);
}

}  // namespace
}  // namespace drover::road
