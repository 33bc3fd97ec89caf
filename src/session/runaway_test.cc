// A tree of sessions that never has enough: what stops it, besides what the tree may use in all
// (tree_test.cc), is how much money it may use in a minute.
#include "session/road_sessions_fixture.h"

namespace drover::session {
namespace {

TEST_F(RoadSessions, MoneyPerMinuteHoldsARunawayTreeBack) {
  at("one.test", "de");
  tools_.latency["look"] = 1s;
  const std::string spawn =
      R"({\"tasks\":[{\"message\":\"a\"},{\"message\":\"b\"},{\"message\":\"c\"},)"
      R"({\"message\":\"d\"},{\"message\":\"e\"},{\"message\":\"f\"}]})";
  imposter("one.test").script(road::answer(200, asks_for("drover_spawn", spawn)));
  // The children search on and on.
  imposter("one.test").script(road::answer(200, asks_for("look", "{}")));
  const std::string_view agent =
      R"({"name":"digger","models":["m"],"tools":["fake"],"builtins":["spawn"],)"
      R"("limits":{"steps":100000,"output_tokens":100},"tree":{"width":8,"steps":100000}})";

  auto spend = [&](Duration time) {
    Money before = sums().cost;
    loop_.run_for(time);
    return sums().cost - before;
  };
  auto rate = road::budget_from_json(
      *Json::parse(R"({"name":"runaway","tree":"*","money":0.002,"per":"minute","rolling":true})"));
  ASSERT_TRUE(rate) << rate.error().message;
  ASSERT_TRUE(accounts_.set_budgets({*rate}));
  SessionId root = begin(agent, "", "Get to the bottom of it.");
  const Money limit = *Money::parse_usd("0.002");
  Money all;
  for (int minute = 0; minute < 6; ++minute) {
    Money spent = spend(60s);
    // A rolling minute counts in pieces: at its edges one piece more may have passed.
    EXPECT_LE(spent, limit + limit) << "minute " << minute;
    all += spent;
  }
  EXPECT_LE(all, limit * 7);
  EXPECT_GT(all, limit * 2) << "it is held back, not stopped for good";
  auto rows = loop_.run_task(manager_->list(Context(loop_), who_, store::SessionFilter()));
  ASSERT_TRUE(rows);
  EXPECT_GT(rows->size(), 4u) << "its children ran side by side";

  // Another tree has a rate of its own.
  SessionId other = begin(R"({"name":"other","models":["m"]})", "", "hello");
  loop_.run_for(1s);
  EXPECT_NE(journal_of(other).find("model.result"), std::string::npos);
  // Without the rate the same tree spends without end.
  ASSERT_TRUE(accounts_.set_budgets({}));
  loop_.run_for(90s);
  EXPECT_GT(spend(60s), limit * 2) << "what the rate had held back";
  (void)root;
}

}  // namespace
}  // namespace drover::session
