#include "session/work_test_fixture.h"

namespace drover::session {
namespace {

namespace kind = contract::kind;

TEST(Work, ALongPollGetsThePlanWithItsEvents) {
  Workers w;
  SessionId id = w.create(kQueued, "please");
  const Leased item = w.lease_one(10s);
  EXPECT_TRUE(item.item.plan);
  EXPECT_EQ(item.item.key.session, id);
  EXPECT_GE(item.item.body.find("events")->array_items()->size(), 2u);
  EXPECT_TRUE(w.lease().empty()) << "leased once";
  ASSERT_TRUE(w.finish(item.item.key, Json::object().set("plan", end_plan())));
  EXPECT_EQ(w.state(id).status, Status::kEnded);
}

TEST(Work, WhatNoWorkerWasAskedForIsNotTaken) {
  Workers w;
  w.road.think = 60s;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("thought"); };
  NewSession spec = Workers::planned(*Json::parse(R"({"effects":[{"kind":"model_call"}]})"));
  spec.agent = *AgentSpec::from_json(
      *Json::parse(R"({"name":"q","models":["m"],"planner":{"queue":"work"}})"));
  auto id = w.loop.run_task(w.manager->create(w.ctx, w.who, std::move(spec)));
  ASSERT_TRUE(id);
  w.loop.run_for(1s);
  const WorkKey thought{*id, w.last(*id, kind::kModelCall).sequence, 1};
  auto refused = w.finish(thought, Json::object().set("content", "mine"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kNotFound);
  w.loop.run_for(90s);
  EXPECT_EQ(w.road.calls, 1) << "it was not disturbed";
}

TEST(Work, APlanThatComesWithAResultIsBoundedBySteps) {
  Workers w;
  NewSession spec;
  spec.agent = *AgentSpec::from_json(
      *Json::parse(R"({"name":"q","planner":{"queue":"work"},"limits":{"steps":3}})"));
  spec.plan = step_plan(1);
  auto id = w.loop.run_task(w.manager->create(w.ctx, w.who, std::move(spec)));
  ASSERT_TRUE(id);
  int done = 0;
  for (auto items = w.lease(); !items.empty(); items = w.lease()) {
    Json body = Json::object().set("content", "x");
    body.set("plan", step_plan(2));
    ASSERT_TRUE(w.finish(items[0].item.key, std::move(body)));
    ASSERT_LT(++done, 20);
  }
  EXPECT_EQ(done, 3);
  EXPECT_EQ(w.state(*id).reason, "limit");
}

TEST(Work, AnotherTenantsWorkIsNotSeen) {
  Workers w;
  w.begin(step_plan(1));
  identity::Principal other = identity::Principal::system(TenantId("ten_b"));
  LeaseRequest request;
  request.queues = {"work"};
  auto got = w.loop.run_task(w.manager->lease(w.ctx, other, request));
  ASSERT_TRUE(got);
  EXPECT_TRUE(got->empty());
  const Leased mine = w.lease_one();
  WorkResult result;
  result.body = Json::object().set("content", "stolen");
  auto stolen = w.loop.run_task(w.manager->finish_work(w.ctx, other, mine.item.key, result));
  ASSERT_FALSE(stolen);
  EXPECT_EQ(stolen.error().code, Code::kNotFound);
}

TEST(Work, AWrongBodyLeavesTheLeaseAsItIs) {
  Workers w;
  w.begin(step_plan(1));
  const Leased item = w.lease_one();
  auto wrong = w.finish(item.item.key, Json::object().set("result", 1));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Code::kInvalidArgument);
  Json bad = Json::object().set("content", "x");
  bad.set("plan", *Json::parse(R"({"effects":[{"kind":"fly"}]})"));
  EXPECT_FALSE(w.finish(item.item.key, std::move(bad)));
  EXPECT_TRUE(w.finish(item.item.key, Json::object().set("content", "x")));
}

TEST(Work, LeaseIdsReadBackAndNonsenseIsRefused) {
  WorkKey key;
  key.session = SessionId("ses_01ABC");
  key.sequence = 12;
  key.attempt = 3;
  auto back = WorkKey::parse(key.str());
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, key);
  for (const char* text : {"", ".", "..", "ses_1", "ses_1.2", "ses_1.x.1", "ses_1.1.-1", "a.1.1"}) {
    EXPECT_FALSE(WorkKey::parse(text)) << text;
  }
}

/// Keeps the work of one agent from a worker.
struct NotThatAgent final : identity::Gate {
  bool has_rules() const override { return true; }
  Result<void> judge(const identity::Principal&, identity::Action,
                     const identity::Subject& subject) const override {
    if (subject.agent != "q") return {};
    return fail(Error(Code::kPermissionDenied, "not that agent's").with_reason("policy"));
  }
  void denied(const identity::Principal&, identity::Action action, const identity::Subject& subject,
              const Error&) const override {
    told.push_back(std::string(identity::verb_of(action)) + " " + subject.session);
  }
  mutable std::vector<std::string> told;
};

TEST(Work, ALeaseIsAVerbAndTheOperatorsRulesSayWhoseWorkAWorkerMayHave) {
  Workers w;
  NotThatAgent gate;
  SessionId kept = w.create(kQueued, "please");
  SessionId other = w.create(R"({"name":"p","planner":{"queue":"work"}})", "please");
  w.loop.run_for(1s);
  w.who.gate = &gate;
  LeaseRequest request;
  request.queues = {"work"};
  request.most = 10;
  auto items = w.loop.run_task(w.manager->lease(w.ctx, w.who, request));
  ASSERT_TRUE(items) << items.error().message;
  ASSERT_EQ(items->size(), 1u);
  EXPECT_EQ((*items)[0].item.key.session, other);
  ASSERT_FALSE(gate.told.empty());
  EXPECT_EQ(gate.told[0], "lease " + kept.str());
}

}  // namespace
}  // namespace drover::session
