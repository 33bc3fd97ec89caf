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

}  // namespace
}  // namespace drover::session
