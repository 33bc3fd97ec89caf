// Imports: what a journal says of its key is a claim; its labels and its amounts are bounded.

#include "session/import_test_fixture.h"

namespace drover::session {
namespace {

namespace kind = contract::kind;

identity::Principal with_key(std::string key) {
  identity::Principal out = identity::Principal::system(TenantId("ten_a"));
  out.key = KeyId(std::move(key));
  return out;
}

TEST(Import, ItsCallsCountAgainstTheKeyOfWhoImportsIt) {
  // Whatever its journal names, and if it names none; the process itself has none.
  for (const char* named : {"key_theirs", ""}) {
    for (const char* mine : {"key_mine", ""}) {
      World w;
      w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
      Json place = Json::object();
      if (*named != 0) place.set("key", named);
      const SessionId id = new_id(w);
      const Events events = claims(w, id, "ten_a", std::move(place));
      ASSERT_TRUE(take_in(w, with_key(mine), events));
      for (int calls = 1; calls <= 2; ++calls) {
        // Who goes on with it makes no difference, as with sessions that began here.
        const identity::Principal other = with_key("key_other");
        ASSERT_TRUE(w.loop.run_task(
            w.manager->post_message(w.ctx, other, id, Message::of_text(Role::kUser, "go on"))));
        w.loop.run_for(10s);
        ASSERT_EQ(w.road.callers.size(), static_cast<size_t>(calls));
        EXPECT_EQ(w.road.callers.back(), mine) << "named: " << named;
        EXPECT_EQ(w.state(id).key, mine);
        w.restart();
      }
      const Events all = w.events(id);
      EXPECT_EQ(exported(Events(all.begin(), all.begin() + 2)), exported(events));
    }
  }
}

TEST(Import, ItsLabelsAreAsFewAndShortAsThoseOfANewOne) {
  World w;
  const auto with = [&w](const Json& labels) {
    Json place = Json::object().set("labels", labels);
    return take_in(w, w.who, claims(w, new_id(w), "ten_a", std::move(place)));
  };
  Json many = Json::object();
  for (size_t i = 0; i < limits::kLabelsMax; ++i) many.set("l" + std::to_string(i), "x");
  EXPECT_TRUE(with(many));
  many.set("more", "x");
  const Json wrong[] = {many, Json::object().set("a", std::string(limits::kLabelBytesMax + 1, 'x')),
                        Json::object().set("a", Json::object())};
  for (const Json& labels : wrong) {
    auto taken = with(labels);
    ASSERT_FALSE(taken) << labels.dump();
    EXPECT_EQ(taken.error().code, Code::kInvalidArgument);
  }
}

/// A journal that says so of budgets, one event each, after it has begun.
Events says(World& w, const SessionId& id,
            const std::vector<std::pair<std::string_view, Json>>& of) {
  State state;
  state.id = id;
  Batch batch(state, w.loop, w.random);
  auto agent = AgentSpec::from_json(*Json::parse(kAgent));
  Json started = Json::object().set("agent", agent->to_json()).set("tenant", "ten_a");
  EXPECT_TRUE(batch.add(system_draft(kind::kSessionStarted, std::move(started))));
  for (const auto& [what, payload] : of) EXPECT_TRUE(batch.add(system_draft(what, payload)));
  return batch.take();
}

TEST(Import, AbsurdAmountsAddUpLikeOthers) {
  World w;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
  Json bill = Json::object().set("reservation", "r").set("tokens", INT64_MAX);
  bill.set("step_tokens", INT64_MAX).set("cost_usd", "1" + std::string(24, '0'));
  Json raise = Json::object().set("request_id", "r").set("granted", true).set("tokens", INT64_MAX);
  raise.set("time_ms", int64_t{1'000'000'000'000'000'000})
      .set("cost_usd", "1" + std::string(24, '0'));
  raise.set("steps", INT64_MAX).set("spawns", INT64_MAX).set("by", "rule:x");
  std::vector<std::pair<std::string_view, Json>> all;
  for (int i = 0; i < 4; ++i) {
    all.emplace_back(kind::kBudgetSettled, bill);
    for (const char* budget : {"tree", "session", "step"}) {
      Json one = raise;
      all.emplace_back(kind::kBudgetExtensionDecided, one.set("budget", budget));
    }
  }
  const SessionId id = new_id(w);
  auto taken = take_in(w, w.who, says(w, id, all));
  ASSERT_TRUE(taken) << taken.error().message;
  const State s = w.state(id);
  constexpr int64_t kMost = limits::kBudgetAmountMax;
  EXPECT_EQ(s.tokens, 4 * kMost);
  EXPECT_EQ(s.cost, Money::from_usd(4 * limits::kBudgetUsdMax));
  EXPECT_EQ(w.row(id).spent.tokens, 4 * kMost);
  EXPECT_EQ(s.tree.tokens, limits::kTreeTokensMax + 4 * kMost);
  EXPECT_EQ(s.tree.time, limits::kBudgetTimeMax);
  EXPECT_EQ(s.agent.steps_max, limits::kSessionStepsMax + 4 * kMost);
  EXPECT_EQ(s.step.next_tokens, 4 * kMost);
  EXPECT_EQ(s.step.next_time, limits::kBudgetTimeMax);
  EXPECT_EQ(s.extension_time_granted, limits::kBudgetTimeMax);
}

TEST(Import, NoAmountGivesAnythingBack) {
  World w;
  Json bill = Json::object().set("reservation", "r").set("tokens", int64_t{-900});
  auto refused = take_in(w, w.who, says(w, new_id(w), {{kind::kBudgetSettled, bill}}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "invalid_event");
  // Money may be written with a sign.
  bill.set("tokens", int64_t{900}).set("cost_usd", "-1000");
  Json raise = Json::object().set("request_id", "r").set("granted", true).set("budget", "tree");
  raise.set("cost_usd", "-1000");
  const SessionId id = new_id(w);
  auto taken =
      take_in(w, w.who,
              says(w, id, {{kind::kBudgetSettled, bill}, {kind::kBudgetExtensionDecided, raise}}));
  ASSERT_TRUE(taken) << taken.error().message;
  EXPECT_EQ(w.row(id).spent.cost, Money());
  EXPECT_EQ(w.state(id).tree.cost, Money::from_usd(limits::kTreeCostUsdMax));
}

TEST(Import, ItsChildrenCountAgainstThatKeyToo) {
  Tree there;
  there.who = with_key("key_theirs");
  const SessionId id = there.create(kParent, "go");
  there.loop.run_for(60s);
  const Events all = there.events(id);
  Tree w;
  // As it was when it had begun.
  ASSERT_TRUE(take_in(w, with_key("key_mine"), Events(all.begin(), all.begin() + 1)));
  ASSERT_TRUE(w.loop.run_task(
      w.manager->post_message(w.ctx, w.who, id, Message::of_text(Role::kUser, "go"))));
  w.loop.run_for(60s);
  EXPECT_EQ(w.rows().size(), 4u);
  for (const store::SessionRow& row : w.rows()) {
    if (row.id == id) continue;
    EXPECT_EQ(w.payload(row.id, kind::kSessionStarted).get_text("key"), "key_mine");
  }
  EXPECT_EQ(w.road.callers, std::vector<std::string>(w.road.callers.size(), "key_mine"));
}

}  // namespace
}  // namespace drover::session
