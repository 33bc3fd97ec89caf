// What workers may see of data, by the facts of their queue, and the classes of what they bring.

#include "session/work_test_fixture.h"

namespace drover::session {
namespace {

namespace kind = contract::kind;

TEST(Work, AResultStatesTheClassOfWhatItSays) {
  Workers w;
  road::ThingSpec queue;
  queue.facts = *catalog::Facts::from_json(
      *Json::parse(R"({"cleared_for":"internal","trains_on_data":false,"retention":"none"})"),
      "test", "");
  road::ThingSpec own = queue;
  own.kind = policy::ThingKind::kStore;
  queue.data_class = "usage=no-training";
  w.effects.guard().set_things({{"queue:work", queue}, {road::kOwnStore, own}});
  SessionId id = w.begin(step_plan(1));
  const Leased first = w.lease_one();
  w.crash();
  w.loop.run_for(1s);
  auto finish = [&](const WorkKey& key, std::string data_class) {
    WorkResult result;
    result.body = Json::object().set("content", "x");
    result.data_class = std::move(data_class);
    return w.loop.run_task(w.manager->finish_work(w.ctx, w.who, key, std::move(result)));
  };
  ASSERT_FALSE(finish(first.item.key, "sensitivity=internal"));
  EXPECT_EQ(w.state(id).data_class, "sensitivity=internal;usage=no-training")
      << "one that does not count stands in the journal all the same";
  const Leased again = w.lease_one(1s);
  ASSERT_TRUE(finish(again.item.key, "retention=session"));
  EXPECT_EQ(w.last(id, kind::kToolResult).data_class, "usage=no-training;retention=session");
  EXPECT_EQ(w.state(id).data_class, "sensitivity=internal;usage=no-training;retention=session");
}

TEST(Work, WorkersAreJudgedByTheFactsOfTheirQueue) {
  PlacedWorkers w;
  SessionId refused = w.create(kQueuedInEurope, "please");
  w.loop.run_for(5s);
  EXPECT_TRUE(w.lease().empty()) << "of the queue nothing is stated";
  EXPECT_NE(
      w.last(refused, kind::kPlan)
          .payload.find("tool 'queue:work' may not see this data (residency=eu): residency: "),
      std::string::npos)
      << w.last(refused, kind::kPlan).payload;
  w.queue_in("us");
  w.create(kQueuedInEurope, "please");
  EXPECT_TRUE(w.lease(1s).empty());
  w.queue_in("fr", "sensitivity=internal");
  SessionId id = w.create(kQueuedInEurope, "please");
  Leased item = w.lease_one(1s);
  EXPECT_EQ(item.item.key.session, id);
  ASSERT_TRUE(w.finish(item.item.key, Json::object().set("plan", step_plan(1))));
  EXPECT_EQ(w.last(id, kind::kPlan).data_class, "sensitivity=internal") << "a plan brings it too";
  EXPECT_EQ(w.state(id).data_class, "residency=eu;sensitivity=internal");
  // The rules change while the next item waits: it is not leased any more, nor lost.
  w.queue_in("us", "sensitivity=internal");
  EXPECT_TRUE(w.lease(1s).empty());
  w.queue_in("de", "sensitivity=internal");
  item = w.lease_one(1s);
  EXPECT_FALSE(item.item.plan);
  ASSERT_TRUE(w.finish(item.item.key, Json::object().set("content", "found")));
  EXPECT_EQ(w.last(id, kind::kToolResult).data_class, "sensitivity=internal");
}

TEST(Work, APlanBesideAResultBringsWhatItsQueueBrings) {
  PlacedWorkers w;
  w.queue_in("de", "sensitivity=internal");
  SessionId id = w.begin(step_plan(1));
  Leased item = w.lease_one();
  ASSERT_TRUE(w.finish(item.item.key, Json::object().set("content", "x").set("plan", end_plan())));
  EXPECT_EQ(w.last(id, kind::kPlan).data_class, "sensitivity=internal");
  // One that comes too late stands in the journal all the same.
  SessionId late = w.create(kQueued, "please");
  item = w.lease_one(1s);
  w.crash();
  w.loop.run_for(1s);
  ASSERT_FALSE(w.finish(item.item.key, Json::object().set("plan", end_plan())));
  EXPECT_EQ(w.last(late, kind::kPlan).data_class, "sensitivity=internal");
}

TEST(Work, IsNotOfferedWhereTheJournalMayNotHoldItsResults) {
  PlacedWorkers w;
  w.queue_in("fr", "sensitivity=internal", R"({"zone":"de"})");
  SessionId id = w.create(kQueuedInEurope, "please");
  EXPECT_TRUE(w.lease(1s).empty());
  EXPECT_NE(w.last(id, kind::kPlan).payload.find("store 'this server' may not see this data"),
            std::string::npos)
      << w.last(id, kind::kPlan).payload;
}

TEST(Work, ThatNobodyTakesDoesNotOutlastItsRetention) {
  for (const char* data : {"retention=3m", "retention=3m;retention=session"}) {
    for (bool taken : {false, true}) {
      Workers w;
      w.keep_time();
      road::ThingSpec queue;
      queue.facts = PlacedWorkers::facts(R"({"retention":"none"})");
      w.effects.guard().set_things({{"queue:work", queue}});
      Json agent = *Json::parse(kQueued);
      SessionId id = w.create(agent.set("data", data).dump(), "please");
      w.loop.run_for(1s);
      const std::vector<Leased> item = taken ? w.lease(0s, 20min) : std::vector<Leased>();
      w.loop.run_for(2min);
      EXPECT_EQ(w.state(id).status, Status::kRunning) << data;
      w.loop.run_for(5min);
      if (!taken) {
        EXPECT_TRUE(store::purged(w.row(id))) << data;
        EXPECT_TRUE(w.lease().empty()) << "it is on offer no more";
        continue;
      }
      ASSERT_EQ(item.size(), 1u) << data;
      EXPECT_EQ(w.state(id).status, Status::kRunning) << "a worker is at it";
      EXPECT_TRUE(w.finish(item[0].item.key, Json::object().set("plan", end_plan())));
    }
  }
}

/// Rules elsewhere: what workers may see is asked there, and an answer holds for a while.
class Elsewhere final : public road::ExternalRules {
 public:
  explicit Elsewhere(Workers& w) : workers_(w), rules_(std::make_shared<Rules>(w.loop)) {
    w.policy.replace(policy::Policy().with(rules_));
    w.effects.guard().set_external(this);
  }
  ~Elsewhere() override { workers_.effects.guard().set_external(nullptr); }
  Task<void> prepare(Context ctx, policy::Ask ask, std::vector<const policy::Thing*>) override {
    if (ask.kind != policy::ThingKind::kTool) co_return;
    ++asked;
    at_once_most = std::max(at_once_most, ++at_once);
    if (takes > 0ns) (void)co_await async::sleep_for(ctx, takes);
    --at_once;
    if (there) rules_->until = rules_->loop.mono() + holds;
  }
  bool prepared(const policy::Ask&, const std::vector<const policy::Thing*>&) override {
    return false;
  }

  bool there = true;
  Duration holds{60s};
  Duration takes{};
  int asked = 0;
  int at_once = 0;
  int at_once_most = 0;

 private:
  struct Rules final : policy::Authorizer {
    explicit Rules(async::Loop& l) : loop(l) {}
    std::optional<policy::Denial> deny(const policy::Ask& ask,
                                       const policy::Thing&) const override {
      if (ask.kind != policy::ThingKind::kTool || loop.mono() < until) return std::nullopt;
      return policy::Denial{"elsewhere", "it gave no answer", true};
    }
    bool by_tenant() const override { return false; }
    std::string fingerprint() const override { return "elsewhere"; }
    async::Loop& loop;
    MonoTime until{};
  };
  Workers& workers_;
  std::shared_ptr<Rules> rules_;
};

TEST(Work, IsAskedAboutAgainWhereNobodyCouldSayWhoMaySeeIt) {
  Workers w;
  Elsewhere elsewhere(w);
  elsewhere.there = false;
  SessionId id = w.begin(step_plan(1));
  w.loop.run_for(5s);
  EXPECT_TRUE(w.lease().empty());
  EXPECT_EQ(elsewhere.asked, 3) << "after a second, then after two";
  EXPECT_EQ(w.count(id, kind::kToolResult), 0u);
  elsewhere.there = true;
  Leased item = w.lease_one(30s);
  EXPECT_EQ(item.item.key.attempt, 1u) << "nobody had begun it";
  ASSERT_TRUE(w.finish(item.item.key, Json::object().set("content", "x")));
  EXPECT_EQ(w.count(id, kind::kToolResult), 1u);
}

TEST(Work, IsGivenUpWhereNobodyCanSayForLong) {
  Workers w;
  Elsewhere elsewhere(w);
  elsewhere.there = false;
  SessionId id = w.begin(step_plan(1));
  w.loop.run_for(11s);
  EXPECT_EQ(w.count(id, kind::kToolResult), 0u);
  w.loop.run_for(5s);
  ASSERT_EQ(w.count(id, kind::kToolResult), 1u);
  EXPECT_NE(w.last(id, kind::kToolResult).payload.find("elsewhere: it gave no answer"),
            std::string::npos);
}

TEST(Work, WaitsForWorkersLongerThanTheAnswerThatItWasOfferedBy) {
  Workers w;
  Elsewhere elsewhere(w);
  w.begin(step_plan(1));
  w.loop.run_for(120s);
  EXPECT_EQ(elsewhere.asked, 1);
  w.lease_one();
  EXPECT_EQ(elsewhere.asked, 2) << "by the lease";
}

TEST(Work, OfManyClassesIsAskedAboutTogether) {
  Workers w;
  Elsewhere elsewhere(w);
  road::ThingSpec queue;
  queue.facts = PlacedWorkers::facts(R"({"retention":"none"})");
  w.effects.guard().set_things({{"queue:work", queue}});
  constexpr int kClasses = 12;
  for (int i = 0; i < kClasses; ++i) {
    Json agent = *Json::parse(kQueued);
    w.create(agent.set("data", "retention=" + std::to_string(i + 1) + "d").dump(), "please");
  }
  w.loop.run_for(120s);  // each was offered, and what was said of it is over
  elsewhere.takes = 2s;
  elsewhere.asked = elsewhere.at_once_most = 0;
  EXPECT_FALSE(w.lease(5s).empty()) << "two rounds of two seconds";
  EXPECT_EQ(elsewhere.asked, kClasses);
  EXPECT_EQ(elsewhere.at_once_most, static_cast<int>(limits::kLeaseQuestionsMax));
}

TEST(Work, IsAskedAboutAtOnceWhereTheLastAnswerIsOver) {
  Workers w;
  Elsewhere elsewhere(w);
  elsewhere.holds = 2s;
  SessionId id = w.begin(step_plan(1));
  Leased item = w.lease_one(100ms);
  w.loop.run_for(2'500ms);  // its actor is still awake
  Json result = Json::object().set("content", "x").set("plan", step_plan(2));
  ASSERT_TRUE(w.finish(item.item.key, std::move(result)));
  item = w.lease_one(100ms);
  EXPECT_EQ(item.item.key.attempt, 1u);
  EXPECT_EQ(w.count(id, kind::kToolResult), 1u) << "none of a refusal";
  EXPECT_EQ(elsewhere.asked, 2);
}

}  // namespace
}  // namespace drover::session
