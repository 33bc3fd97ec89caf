// What a call that nobody heard the end of counts, and which limit it was that cut one.

#include "session/session_test_world.h"

namespace drover::session {
namespace {

namespace kind = contract::kind;

std::string budgeted(std::string more) {
  return R"({"name":"a","models":["m"],"tools":["fake"],)" + more + "}";
}

/// Of that kind, in order.
std::vector<Json> payloads_of(World& w, const SessionId& id, std::string_view kind) {
  std::vector<Json> out;
  for (const contract::Event& e : w.events(id)) {
    if (e.kind == kind) out.push_back(Json::parse(e.payload).value_or(Json()));
  }
  return out;
}

TEST(LostCall, ACrashFreesNothingOfWhatItsCallMayHaveCost) {
  World w;
  w.road.price_input = Money::from_pico_usd(1'000'000);
  w.road.price_output = Money::from_pico_usd(4'000'000);
  w.road.think = 10s;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
  SessionId id = w.create(budgeted(R"("limits":{"output_tokens":50})"), "go");
  w.loop.run_for(1s);
  w.crash();
  w.loop.run_for(60s);
  EXPECT_EQ(w.state(id).messages.back().text(), "ok");
  std::vector<Json> reserved = payloads_of(w, id, kind::kBudgetReserved);
  std::vector<Json> settled = payloads_of(w, id, kind::kBudgetSettled);
  ASSERT_EQ(reserved.size(), 2u);
  ASSERT_EQ(settled.size(), 2u);
  EXPECT_EQ(settled[0].get_int("tokens"), reserved[0].get_int("tokens"));
  EXPECT_EQ(settled[0].get_string("cost_usd"), reserved[0].get_string("cost_usd"));
  EXPECT_EQ(settled[0].get_bool("estimated"), true);
  EXPECT_EQ(w.state(id).tokens, *reserved[0].get_int("tokens") + 15);
}

TEST(LostCall, ACallThatIsCancelledMayBeBilledInFull) {
  World w;
  w.road.think = 10s;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
  SessionId id = w.create(budgeted(R"("limits":{"output_tokens":50})"), "go");
  w.loop.run_for(1s);
  const int64_t reserved = w.state(id).reservation.tokens;
  EXPECT_GT(reserved, 50);
  ASSERT_TRUE(w.loop.run_task(w.manager->cancel(w.ctx, w.who, id, "enough")));
  EXPECT_EQ(w.state(id).tokens, reserved);
}

TEST(LostCall, AStepOutlivesACrashThoughAllOfItWasReserved) {
  World w;
  w.road.think = 10s;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
  SessionId id = w.create(budgeted(R"("step_budget":{"tokens":1000})"), "go");
  w.loop.run_for(1s);
  EXPECT_EQ(w.state(id).reservation.tokens, 1000);
  w.crash();
  w.loop.run_for(60s);
  EXPECT_EQ(w.state(id).reason, "message");
  EXPECT_EQ(w.road.calls, 2);
  EXPECT_EQ(w.state(id).tokens, 1015) << "the tree's books have it in full";
}

TEST(Cut, MoneyOfTheTreeThatCutAnAnswerIsSaidAndRaised) {
  World w;
  w.road.price_output = Money::from_pico_usd(1'000'000'000);  // 0.001 a token
  w.road.answer = [&w](const contract::ChatRequest& r) -> Result<Message> {
    w.road.output_tokens = std::min<int64_t>(900, r.max_tokens.value_or(900));
    return say("long");
  };
  SessionId id = w.create(budgeted(R"("tree":{"cost_usd":"0.5"})"), "go");
  w.loop.run_for(60s);
  EXPECT_EQ(w.state(id).reason, "budget");
  EXPECT_EQ(w.payload(id, kind::kBudgetExceeded).dump(),
            R"({"budget":"money","scope":"tree","effect":"cut","limit":"0.5","used":"0.5"})");
  ExtensionDecision more;
  more.budget = "tree";
  more.cost = Money::from_usd(1);
  ASSERT_TRUE(w.loop.run_task(w.manager->decide_extension(w.ctx, w.who, id, more)));
  w.loop.run_for(60s);
  EXPECT_EQ(w.state(id).messages.back().text(), "long");
  EXPECT_EQ(w.state(id).cost.usd(), "1.4");
}

TEST(Cut, AStepThatLeavesLessThanTheTreeIsTheOneThatCuts) {
  World w;
  w.road.output_tokens = 900;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("long"); };
  SessionId id =
      w.create(budgeted(R"("step_budget":{"tokens":1000},"tree":{"tokens":5000})"), "go");
  w.loop.run_for(60s);
  Json over = w.payload(id, kind::kBudgetExceeded);
  EXPECT_EQ(over.get_string("scope"), "step");
  EXPECT_EQ(over.get_string("limit"), "1000");
}

}  // namespace
}  // namespace drover::session
