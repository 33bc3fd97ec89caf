// What holds of all policies and places: stricter never allows more, and kept decisions are fresh
// ones. Random worlds, each from its seed.

#include <gtest/gtest.h>

#include "base/random.h"
#include "policy/decisions.h"

namespace drover::policy {
namespace {

catalog::Facts facts_from(const Json& json) {
  auto out = catalog::Facts::from_json(json, "test", "2026-11-01");
  EXPECT_TRUE(out) << (out ? "" : out.error().message);
  return out.value_or(catalog::Facts());
}

Thing place_of(const Json& json, const Zones& zones, ThingKind kind) {
  return make_thing("e", kind, "serverless", facts_from(json), zones);
}

/// A random world: things with random facts, some missing, and a policy of random requirements.
struct RandomWorld {
  explicit RandomWorld(uint64_t seed) : random(seed) {}
  std::string pick(std::initializer_list<const char*> words) {
    return *(words.begin() + random.below(words.size()));
  }
  Thing thing(const Zones& zones, ThingKind kind = ThingKind::kModel) {
    Json all = Json::object();
    auto maybe = [&](const char* name, Json value) {
      if (random.below(4) != 0) all.set(name, std::move(value));
    };
    maybe("zone", pick({"de", "fr", "us", "us-gov", "gb", "no"}));
    maybe("processing_scope", pick({"de", "eu", "us", "global", "not stated"}));
    maybe("prompt_cache", pick({"none", "de", "fr", "us"}));
    maybe("jurisdiction", pick({"de", "us"}));
    maybe("cleared_for", pick({"public", "internal", "confidential", "restricted"}));
    maybe("retention", pick({"none", "session", "1d", "30d", "unlimited"}));
    maybe("trains_on_data", random.below(3) == 0);
    maybe("human_review", random.below(3) == 0);
    maybe("tenancy", pick({"shared", "dedicated"}));
    maybe("purposes", pick({"any", "care", "billing"}));
    maybe("certifications", pick({"c5", "hds"}));
    maybe("sovereignty", static_cast<int>(random.below(5)));
    return place_of(all, zones, kind);
  }
  std::string clause() {
    return pick({"", "residency=eu;", "residency=de;", "residency=de|us;", "residency=us;"}) +
           pick({"", "sensitivity=internal;", "sensitivity=confidential;",
                 "sensitivity=restricted;"}) +
           pick({"", "purpose=care;", "purpose=care|billing;"}) +
           pick({"", "usage=no-training;", "usage=no-review,no-cache;"}) +
           pick({"", "retention=session", "retention=30d", "retention=none"});
  }
  contract::DataClass data_class() {
    std::string text = clause();
    if (!text.empty() && text.back() == ';') text.pop_back();
    return *contract::DataClass::parse(text);
  }
  Json requirement(int n) {
    Json when = Json::object();
    if (random.below(2) == 0) when.set("sensitivity", pick({"internal", "confidential"}));
    if (random.below(3) == 0) when.set("residency", pick({"eu", "de", "us"}));
    if (random.below(3) == 0) when.set("purpose", pick({"care", "billing"}));
    if (random.below(4) == 0) when.set("tenant", pick({"ten_1", "ten_2"}));
    Json needs = Json::object();
    if (random.below(2) == 0) needs.set("certifications", pick({"c5", "hds"}));
    if (random.below(3) == 0) needs.set("sovereignty", static_cast<int>(random.below(4)));
    if (random.below(3) == 0) needs.set("jurisdiction", pick({"eu", "us"}));
    if (needs.members() == nullptr || needs.members()->empty())
      needs.set("zone", pick({"eu", "us"}));
    Json out = Json::object();
    out.set("name", "r" + std::to_string(n)).set("when", std::move(when));
    out.set("needs", std::move(needs));
    return out;
  }
  std::shared_ptr<const Policy> policy(Json requirements) {
    PolicySpec spec;
    spec.requirements = std::move(requirements);
    return *Policy::make(std::move(spec));
  }
  Ask ask() { return Ask{ThingKind::kModel, pick({"ten_1", "ten_2"}), data_class()}; }
  SeededRandom random;
};

bool subset(const Bits& a, const Bits& b) {
  for (size_t w = 0; w < a.words(); ++w) {
    if ((a.word(w) & ~b.word(w)) != 0) return false;
  }
  return true;
}

TEST(PolicyProperty, KeptDecisionsAreFreshOnesAndStricterNeverAllowsMore) {
  int allowed = 0, removed = 0;
  for (uint64_t seed = 1; seed <= 25; ++seed) {
    RandomWorld world(seed);
    Json list = Json::array();
    for (int i = 0; i < 4; ++i) list.push(world.requirement(i));
    auto policy = world.policy(list);
    std::vector<Thing> things;
    for (int i = 0; i < 70; ++i) things.push_back(world.thing(policy->zones()));
    Decisions decisions, stricter;
    decisions.reset(policy, things);
    list.push(world.requirement(9));
    stricter.reset(world.policy(list), things);
    for (int i = 0; i < 40; ++i) {
      Ask ask = world.ask();
      Bits kept = decisions.get(ask).allowed;
      ASSERT_EQ(kept, decisions.decide(ask).allowed) << ask.data.text();
      ASSERT_EQ(kept, decisions.get(ask).allowed);
      allowed += static_cast<int>(kept.count());
      removed += static_cast<int>(things.size() - kept.count());
      // One more requirement never adds a thing.
      ASSERT_TRUE(subset(stricter.get(ask).allowed, kept)) << "seed " << seed;
      // Data that is derived from more inputs may go to no more places.
      Ask derived = ask;
      derived.data = join(ask.data, world.data_class());
      ASSERT_TRUE(subset(decisions.get(derived).allowed, kept))
          << ask.data.text() << " joined to " << derived.data.text();
      // A thing is removed exactly when there is a reason.
      size_t one = world.random.below(things.size());
      ASSERT_EQ(kept.test(one), !decisions.why(ask, one).has_value());
    }
  }
  EXPECT_GT(allowed, 400);
  EXPECT_GT(removed, 400);
}

/// The same place with one fact changed, or taken away (null).
Thing with_fact(const Thing& whole, const std::string& name, Json value, const Zones& zones) {
  Json all = Json::object();
  for (const catalog::Fact& fact : whole.facts.all()) {
    if (fact.name != name) all.set(fact.name, fact.value);
  }
  if (!value.is_null()) all.set(name, std::move(value));
  return place_of(all, zones, whole.kind);
}

TEST(PolicyProperty, WhatIsKeptForFreeDataIsOfItsKindAndItsList) {
  RandomWorld world(3);
  auto policy = world.policy(Json::array());
  std::vector<Thing> things;
  for (ThingKind kind : {ThingKind::kModel, ThingKind::kStore, ThingKind::kModel}) {
    things.push_back(world.thing(policy->zones(), kind));
  }
  Decisions decisions;
  Ask free;
  Ask of_stores;
  of_stores.kind = ThingKind::kStore;
  Ask bound;
  bound.data = *contract::DataClass::parse("sensitivity=restricted");
  for (int list = 0; list < 2; ++list) {
    decisions.reset(policy, things);
    for (const Ask& ask : {free, of_stores, bound, free, of_stores, bound}) {
      ASSERT_EQ(decisions.get(ask).allowed, decisions.decide(ask).allowed) << list;
    }
    EXPECT_EQ(decisions.kept(), 3u);
    things.erase(things.begin());
  }
}

TEST(PolicyProperty, AFactTakenAwayNeverAllowsMore) {
  int scopes = 0, denied = 0;
  for (uint64_t seed = 1; seed <= 1'200; ++seed) {
    RandomWorld world(seed);
    Json list = Json::array();
    for (int i = 0; i < 3; ++i) list.push(world.requirement(i));
    auto policy = world.policy(list);
    Thing whole = world.thing(policy->zones(), static_cast<ThingKind>(seed % 3));
    Ask ask = world.ask();
    ask.kind = whole.kind;
    bool was_denied = Case(*policy, ask).deny(whole).has_value();
    for (const catalog::Fact& fact : whole.facts.all()) {
      Thing less = with_fact(whole, fact.name, Json(), policy->zones());
      const bool is_denied = Case(*policy, ask).deny(less).has_value();
      if (fact.name == "processing_scope") {
        // The exception: where nothing is stated of it, requests stay in the zone.
        ++scopes;
        Json zone = std::string(less.facts.text("zone"));
        if (zone.string()->empty()) zone = Json();
        Thing stated = with_fact(less, fact.name, zone, policy->zones());
        ASSERT_EQ(is_denied, Case(*policy, ask).deny(stated).has_value()) << "seed " << seed;
      } else if (was_denied) {
        ++denied;
        ASSERT_TRUE(is_denied) << "without " << fact.name << ", seed " << seed;
      }
    }
  }
  EXPECT_GT(scopes, 100);
  EXPECT_GT(denied, 500);
}

}  // namespace
}  // namespace drover::policy
