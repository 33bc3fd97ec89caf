// What a purge does to a session, and when a class's retention does it by itself.

#include "base/limits/session.h"
#include "session/batch.h"
#include "session/session_test_world.h"
#include "session/tree.h"
#include "session/tree_test_fixture.h"
#include "store/damaged_journal.h"
#include "store/span_batch.h"

namespace drover::session {
namespace {

constexpr std::string_view kCanary = "canaryword";

std::string agent_of(const std::string& data, bool one_answer = true) {
  Json spec = Json::object().set("name", "a").set("models", Json::array().push("m"));
  if (!data.empty()) spec.set("data", data);
  if (one_answer) spec.set("end_after_answer", true);
  return spec.dump();
}

/// A session that was asked one thing.
SessionId talked(World& w, const std::string& data, bool ended = true) {
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("it is so"); };
  SessionId id = w.create(agent_of(data, ended), std::string(kCanary));
  w.loop.run_for(10s);
  return id;
}

Result<Purged> purge(World& w, const SessionId& id, std::string reason = "erasure request") {
  return w.loop.run_task(w.manager->purge(w.ctx, w.who, id, std::move(reason)));
}

void remember(World& w, const std::string& space, const std::string& key, SessionId source) {
  store::Record record;
  record.name_space = space;
  record.key = key;
  record.text = std::string(kCanary);
  record.source = std::move(source);
  ASSERT_TRUE(
      w.loop.run_task(w.store.records().put(w.ctx, w.who.tenant, std::move(record), std::nullopt)));
}

bool remembered(World& w, const std::string& space, const std::string& key) {
  return w.loop.run_task(w.store.records().get(w.ctx, w.who.tenant, space, key)).has_value();
}

TEST(Purge, LeavesWhoWhenWhyAndTheLastHash) {
  World w;
  SessionId id = talked(w, "sensitivity=confidential");
  const store::SessionRow before = w.row(id);
  ASSERT_EQ(before.status, "ended");
  remember(w, "team", "its", id);
  remember(w, "notes:" + id.str(), "by hand", SessionId());
  remember(w, "team", "another's", SessionId("ses_0000000002"));
  store::SpanRow span;
  span.context = SpanContext::make_root(w.random);
  span.session = id.str();
  ASSERT_TRUE(w.loop.run_task(w.store.spans().write(w.ctx, store::batch_of({span}))));

  auto done = purge(w, id);
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_FALSE(done->before);
  auto events = w.events(id);
  ASSERT_EQ(events.size(), 1u);
  const contract::Event& last = events.front();
  EXPECT_EQ(last.kind, contract::kind::kPurge);
  EXPECT_EQ(last.sequence, before.last_sequence + 1);
  EXPECT_EQ(last.previous_hash, before.last_hash);
  EXPECT_EQ(last.data_class, "sensitivity=confidential");
  EXPECT_EQ(last.actor.id, "system");
  EXPECT_TRUE(verify_event(id, last, before.last_hash)) << "it follows in the chain";
  EXPECT_EQ(w.payload(id, contract::kind::kPurge).get_string("reason"), "erasure request");
  const store::SessionRow after = w.row(id);
  EXPECT_EQ(after.end_reason, store::kPurged);
  EXPECT_EQ(after.pending, 0u);
  EXPECT_FALSE(after.due);
  EXPECT_FALSE(remembered(w, "team", "its"));
  EXPECT_FALSE(remembered(w, "notes:" + id.str(), "by hand"));
  EXPECT_TRUE(remembered(w, "team", "another's"));
  EXPECT_TRUE(w.loop.run_task(w.store.spans().by_session(w.ctx, id))->empty());

  auto audited = w.audit.list(std::nullopt, 0, 10);
  ASSERT_EQ(audited.size(), 1u);
  EXPECT_TRUE(audited[0].done);
  EXPECT_EQ(audited[0].verb, "purge");
  EXPECT_EQ(audited[0].session, id.str());
  EXPECT_NE(audited[0].why.find(before.last_hash), std::string::npos) << audited[0].why;
}

TEST(Purge, IsDoneOnce) {
  World w;
  SessionId id = talked(w, "");
  ASSERT_TRUE(purge(w, id));
  auto again = purge(w, id, "another reason");
  ASSERT_TRUE(again) << again.error().to_string();
  EXPECT_TRUE(again->before);
  EXPECT_EQ(w.payload(id, contract::kind::kPurge).get_string("reason"), "erasure request");
  EXPECT_EQ(w.events(id).size(), 1u);
  EXPECT_EQ(w.audit.list(std::nullopt, 0, 10).size(), 1u);
}

TEST(Purge, AnOpenSessionMustBeKilledFirst) {
  World w;
  SessionId id = talked(w, "", false);
  auto refused = purge(w, id);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
  EXPECT_EQ(refused.error().reason, "open");
  EXPECT_NE(refused.error().message.find("drover kill session " + id.str()), std::string::npos);
  EXPECT_GT(w.events(id).size(), 3u) << "it is as it was";
  KillTarget target;
  target.what = id.str();
  ASSERT_TRUE(w.loop.run_task(w.manager->kill(w.ctx, w.who, target, "")));
  EXPECT_TRUE(purge(w, id));
}

TEST(Purge, NothingCanBeDoneWithItAnyMore) {
  World w;
  SessionId id = talked(w, "");
  auto exported = w.events(id);
  ASSERT_TRUE(purge(w, id));
  auto rewarded = w.loop.run_task(w.manager->reward(
      w.ctx, w.who, id, Json::object().set("name", "x").set("value", int64_t{1})));
  ASSERT_FALSE(rewarded);
  EXPECT_EQ(rewarded.error().reason, "purged");
  auto cancelled = w.loop.run_task(w.manager->cancel(w.ctx, w.who, id, ""));
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().reason, "purged");
  auto state = w.loop.run_task(w.manager->state(w.ctx, w.who, id));
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().reason, "purged");
  auto back = w.loop.run_task(w.manager->import(w.ctx, w.who, std::move(exported)));
  ASSERT_FALSE(back) << "an old export does not bring it back";
  EXPECT_EQ(back.error().code, Code::kAlreadyExists);
  JournalPlace from;
  auto part = w.loop.run_task(w.manager->intact(w.ctx, w.who, id, from, 100));
  ASSERT_TRUE(part);
  EXPECT_EQ(part->events.size(), 1u);
  EXPECT_TRUE(part->gaps.empty());
}

TEST(Purge, ADamagedSessionCanBePurged) {
  World w;
  SessionId id = talked(w, "");
  store::DamagedJournal damaged(w.store.journal());
  damaged.damaged = {2};
  Services services = w.services();
  services.journal = &damaged;
  SessionManager manager(services, w.ctx);
  auto done = w.loop.run_task(manager.purge(w.ctx, w.who, id, "broken"));
  EXPECT_TRUE(done) << done.error().to_string();
  w.loop.run_task(manager.stop());
}

TEST(Purge, GoesOnAfterAFailureAndARestart) {
  World w;
  w.keep_time();
  SessionId id = talked(w, "");
  remember(w, "team", "its", id);
  // The purge itself is written; what follows finds a broken disk, a little later each time.
  int failed = 0;
  for (size_t writes = 1; writes <= 6; ++writes) {
    SCOPED_TRACE(writes);
    const std::string key = "k" + std::to_string(writes);
    SessionId one = talked(w, "");
    remember(w, "team", key, one);
    w.store.disk().fail_after(writes, Error(Code::kUnavailable, "the disk failed"));
    if (!purge(w, one)) ++failed;
    EXPECT_TRUE(store::purged(w.row(one)));
    EXPECT_EQ(w.events(one).size(), 1u) << "nothing is readable from the first moment";
    w.store.disk().heal();
    w.restart();
    w.loop.run_for(60s);
    EXPECT_EQ(w.row(one).pending, 0u);
    EXPECT_FALSE(w.row(one).due);
    EXPECT_FALSE(remembered(w, "team", key));
    EXPECT_EQ(w.events(one).size(), 1u);
  }
  EXPECT_GT(failed, 3);
  EXPECT_TRUE(remembered(w, "team", "its"));
}

TEST(Retention, AnEndedSessionGoesWhenItsTimeIsOver) {
  World w;
  w.keep_time();
  SessionId id = talked(w, "retention=2d");
  SessionId other = talked(w, "");
  const WallTime ended = w.row(id).updated;
  EXPECT_EQ(w.row(id).due, ended + 48h);
  EXPECT_EQ(w.state(id).kept_until(), ended + 48h);
  w.loop.run_for(47h);
  EXPECT_GT(w.events(id).size(), 1u);
  w.restart();  // nothing of it is in memory
  w.loop.run_for(59min);
  EXPECT_GT(w.events(id).size(), 1u);
  w.loop.run_for(2min);
  ASSERT_EQ(w.events(id).size(), 1u);
  EXPECT_EQ(w.events(id)[0].actor.id, "retention");
  EXPECT_EQ(w.payload(id, contract::kind::kPurge).get_string("reason"), "its retention has ended");
  EXPECT_GT(w.events(other).size(), 1u);
  auto audited = w.audit.list(std::nullopt, 0, 10);
  ASSERT_EQ(audited.size(), 1u);
  EXPECT_EQ(audited[0].name, "retention");
  EXPECT_EQ(audited[0].session, id.str());
}

TEST(Retention, AClockSetBackOnlyMakesItWait) {
  World w;
  SessionId id = talked(w, "retention=1d");
  w.loop.run_for(23h);
  w.loop.run_task(w.manager->stop());
  // The next process finds an earlier time.
  async::SimLoop earlier(w.loop.wall() - 10h);
  Context ctx(earlier);
  Services services = w.services();
  services.loop = &earlier;
  services.audit = nullptr;
  SessionManager manager(services, ctx);
  ASSERT_TRUE(earlier.run_task(manager.recover(ctx)));
  earlier.run_for(10h);
  EXPECT_FALSE(store::purged(*earlier.run_task(w.store.journal().find(ctx, id))))
      << "a day is not over by the clock";
  earlier.run_for(2h);
  EXPECT_TRUE(store::purged(*earlier.run_task(w.store.journal().find(ctx, id))));
  earlier.run_task(manager.stop());
}

TEST(Retention, WhatIsKeptForTheWorkAloneGoesSoonAfterIt) {
  World w;
  w.keep_time();
  for (const char* data : {"retention=none", "retention=session"}) {
    SessionId id = talked(w, data);
    w.loop.run_for(limits::kPurgeGrace - 1min);
    EXPECT_GT(w.events(id).size(), 1u) << "whoever waits for its end can read it";
    w.loop.run_for(2min);
    EXPECT_EQ(w.events(id).size(), 1u) << data;
  }
  SessionId open = talked(w, "retention=session", false);
  w.loop.run_for(48h);
  EXPECT_GT(w.events(open).size(), 1u) << "it has not ended";
}

TEST(Retention, AnOpenSessionThatOnlyWaitsEndsFirst) {
  World w;
  w.keep_time();
  SessionId id = talked(w, "retention=1d", false);
  w.loop.run_for(20h);
  auto said = w.loop.run_task(
      w.manager->post_message(w.ctx, w.who, id, Message::of_text(Role::kUser, "still here")));
  ASSERT_TRUE(said);
  w.loop.run_for(20h);
  EXPECT_EQ(w.state(id).status, Status::kWaiting) << "it counts from its last event";
  w.loop.run_for(5h);
  EXPECT_TRUE(store::purged(w.row(id)));
}

TEST(Retention, OfNoneAnOpenSessionThatOnlyWaitsGoesAsWell) {
  World w;
  w.keep_time();
  SessionId id = talked(w, "retention=none", false);
  EXPECT_EQ(w.state(id).kept_until(), w.state(id).last_time + limits::kRestWithNoneMax);
  w.loop.run_for(limits::kRestWithNoneMax - 1min);
  auto said = w.loop.run_task(
      w.manager->post_message(w.ctx, w.who, id, Message::of_text(Role::kUser, "still here")));
  ASSERT_TRUE(said);
  w.loop.run_for(limits::kRestWithNoneMax - 1min);
  EXPECT_EQ(w.state(id).status, Status::kWaiting) << "it counts from its last event";
  w.restart();  // nothing of it is in memory
  w.loop.run_for(3min);
  EXPECT_TRUE(store::purged(w.row(id)));
  EXPECT_EQ(w.events(id).size(), 1u);
}

TEST(Retention, NoWorkOutlastsTheDurationBesideIt) {
  World w;
  w.keep_time();
  for (const char* data : {"retention=none;retention=3m", "retention=session;retention=3m"}) {
    SessionId open = talked(w, data, false);
    EXPECT_EQ(w.state(open).kept_until(), w.state(open).last_time + 3min) << data;
    SessionId ended = talked(w, data);
    w.loop.run_for(2min);
    EXPECT_EQ(w.state(open).status, Status::kWaiting) << data;
    EXPECT_GT(w.events(ended).size(), 1u) << data;
    w.loop.run_for(5min);
    EXPECT_TRUE(store::purged(w.row(open))) << data;
    EXPECT_TRUE(store::purged(w.row(ended))) << data;
  }
}

TEST(Retention, OfNoneOneWhoseDataWasRefusedGoesAsWell) {
  World w;
  w.keep_time();
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> {
    return fail(Code::kPermissionDenied, "no place for this data");
  };
  SessionId id = w.create(agent_of("retention=none"), std::string(kCanary));
  w.loop.run_for(1min);
  ASSERT_EQ(w.state(id).status, Status::kWaiting);
  w.loop.run_for(limits::kRestWithNoneMax);
  EXPECT_TRUE(store::purged(w.row(id)));
}

TEST(Retention, OfNoneOneWhoseChildrenAreOpenWaitsForThem) {
  Tree w;
  w.keep_time();
  w.spawn = R"({"tasks":[{"agent":"worker","message":"one"}]})";
  auto lead = w.road.answer;
  w.road.answer = [lead](const contract::ChatRequest& r) -> Result<Message> {
    if (r.messages[0].text() == "work") return fail(Code::kPermissionDenied, "no place for it");
    return lead(r);
  };
  Json agent = *Json::parse(kParent);
  agent.set("data", "retention=none");
  SessionId id = w.create(agent.dump(), "go");
  w.loop.run_for(10s);
  EXPECT_EQ(w.state(id).open_children(), 1u);
  EXPECT_EQ(w.state(id).kept_until(), std::nullopt);
  const SessionId child = child_of(w, id);
  EXPECT_EQ(w.state(child).kept_until(), w.state(child).last_time + limits::kRestWithNoneMax);
  w.loop.run_for(limits::kRestWithNoneMax + 1min);
  EXPECT_TRUE(store::purged(w.row(child)));
  EXPECT_EQ(w.row(id).end_reason, "completed") << "it was told, and answered";
}

TEST(Retention, TheStrictestThatCameInCounts) {
  World w;
  w.keep_time();
  SessionId id = talked(w, "retention=30d", false);
  auto said = w.loop.run_task(w.manager->post_message(
      w.ctx, w.who, id, Message::of_text(Role::kUser, "a result"), "retention=1d"));
  ASSERT_TRUE(said);
  w.loop.run_for(10s);
  EXPECT_EQ(w.state(id).kept_until(), w.state(id).last_time + 24h);
}

TEST(Retention, ManyAreDueAtOnceAndAllGo) {
  World w;
  w.keep_time();
  std::vector<SessionId> ids;
  for (int i = 0; i < 30; ++i) ids.push_back(talked(w, "retention=1d"));
  w.loop.run_task(w.manager->stop());
  w.loop.run_for(72h);
  w.start();
  w.keep_time();
  w.loop.run_for(60s);
  for (const SessionId& id : ids) EXPECT_TRUE(store::purged(w.row(id))) << id.str();
}

}  // namespace
}  // namespace drover::session
