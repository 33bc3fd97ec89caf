// Decisions of which a slow authoriser makes a part, elsewhere.

#include <gtest/gtest.h>

#include "base/random.h"
#include "policy/decisions.h"

namespace drover::policy {
namespace {

/// Denies by chance, but always the same.
class Chance final : public Authorizer {
 public:
  Chance(bool slow, uint64_t seed, bool by_tenant)
      : slow_(slow), seed_(seed), by_tenant_(by_tenant) {}
  std::optional<Denial> deny(const Ask& ask, const Thing& thing) const override {
    ++asked;
    std::string about = thing.id + "/" + ask.data.text() + std::to_string(generation_);
    if (by_tenant_) about += ask.tenant;
    const size_t chance = std::hash<std::string>()(about) ^ (seed_ * 0x9E3779B97F4A7C15);
    if (chance % 4 != 0) return std::nullopt;
    return Denial{slow_ ? "slow" : "quick", "number " + std::to_string(chance % 12)};
  }
  bool slow() const override { return slow_; }
  bool by_tenant() const override { return by_tenant_; }
  uint64_t generation() const override { return generation_; }
  std::string fingerprint() const override { return "chance"; }
  void change() { ++generation_; }
  mutable int asked = 0;

 private:
  bool slow_;
  uint64_t seed_;
  bool by_tenant_;
  uint64_t generation_ = 0;
};

std::vector<Thing> some_things(Random& random) {
  static constexpr const char* kFacts[] = {R"({"cleared_for":"restricted","vision":true})",
                                           R"({"cleared_for":"internal","vision":false})",
                                           R"({"context_window":8000,"vision":true})", "{}"};
  std::vector<Thing> out;
  for (int i = 0; i < 70; ++i) {
    auto facts = catalog::Facts::from_json(*Json::parse(kFacts[random.below(4)]), "test", "");
    out.push_back(make_thing("e" + std::to_string(i), ThingKind::kModel, "", *facts, Zones()));
  }
  return out;
}

Ask some_ask(Random& random) {
  static constexpr const char* kClasses[] = {"", "sensitivity=internal", "usage=no-review",
                                             "sensitivity=confidential"};
  Ask out;
  out.tenant = "ten_" + std::to_string(random.below(2));
  out.data = *contract::DataClass::parse(kClasses[random.below(4)]);
  out.needs.vision = random.below(2) == 0;
  if (random.below(3) == 0) out.needs.context_tokens = 4'000;
  return out;
}

TEST(SlowDecisions, KeptOnesAreFreshOnesWhoeverMadeThem) {
  size_t allowed = 0, removed = 0;
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    SeededRandom random(seed);
    auto slow = std::make_shared<Chance>(true, seed, seed % 2 == 0);
    auto quick = std::make_shared<Chance>(false, seed + 1000, seed % 3 == 0);
    PolicySpec spec;
    spec.authorizers = {slow, quick};
    auto policy = Policy::make(std::move(spec));
    ASSERT_TRUE(policy);
    Decisions decisions;
    decisions.reset(*policy, some_things(random));
    for (int i = 0; i < 40; ++i) {
      Ask ask = some_ask(random);
      // Half of them made elsewhere, as the road has it; the others in get().
      if (!decisions.ready(ask) && random.below(2) == 0) {
        Question question = decisions.question(ask);
        ASSERT_TRUE(decisions.take(question, judge(question)));
        ASSERT_TRUE(decisions.ready(ask));
      }
      const Bits kept = decisions.get(ask).allowed;
      ASSERT_EQ(kept, decisions.decide(ask).allowed) << "seed " << seed;
      for (size_t t = 0; t < decisions.things().size(); ++t) {
        auto why = decisions.why(ask, t);
        ASSERT_EQ(kept.test(t), !why.has_value());
        auto fresh = Case(**policy, ask).deny(decisions.things()[t]);
        if (why) {
          ASSERT_EQ(why->rule + why->why, fresh->rule + fresh->why);
        }
      }
      allowed += kept.count();
      removed += decisions.things().size() - kept.count();
      if (random.below(5) == 0) quick->change();
    }
  }
  EXPECT_GT(allowed, 1000u);
  EXPECT_GT(removed, 1000u);
}

TEST(SlowDecisions, AreAskedForOnceForAClassWhateverIsNeeded) {
  SeededRandom random(1);
  auto slow = std::make_shared<Chance>(true, 1, false);
  PolicySpec spec;
  spec.authorizers = {slow};
  Decisions decisions;
  decisions.reset(*Policy::make(std::move(spec)), some_things(random));
  Ask ask;
  ask.tenant = "ten_0";
  decisions.get(ask);
  const int asked = slow->asked;
  EXPECT_EQ(asked, 70);
  ask.needs.vision = true;
  ask.tenant = "ten_1";
  EXPECT_TRUE(decisions.ready(ask));
  decisions.get(ask);
  decisions.why(ask, 3);
  EXPECT_EQ(slow->asked, asked);
  ask.data = *contract::DataClass::parse("usage=no-review");
  EXPECT_FALSE(decisions.ready(ask));
}

TEST(SlowDecisions, OfAnotherEpochAreNotTaken) {
  SeededRandom random(1);
  PolicySpec spec;
  spec.authorizers = {std::make_shared<Chance>(true, 1, false)};
  auto policy = *Policy::make(std::move(spec));
  Decisions decisions;
  decisions.reset(policy, some_things(random));
  Question old = decisions.question(Ask());
  Verdicts verdicts = judge(old);
  decisions.reset(policy, some_things(random));
  EXPECT_FALSE(decisions.take(old, std::move(verdicts)));
  EXPECT_FALSE(decisions.ready(Ask()));
}

TEST(SlowDecisions, AreBounded) {
  SeededRandom random(1);
  PolicySpec spec;
  spec.authorizers = {std::make_shared<Chance>(true, 1, true)};
  Decisions decisions;
  decisions.reset(*Policy::make(std::move(spec)), {});
  Ask ask;
  for (size_t i = 0; i < 2 * limits::kDecisionsMax; ++i) {
    ask.tenant = "ten_" + std::to_string(i);
    decisions.get(ask);
    ASSERT_LE(decisions.asked().size(), limits::kDecisionsMax);
  }
}

}  // namespace
}  // namespace drover::policy
