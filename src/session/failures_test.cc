// What becomes of a session when its process, its disk or its model fails.

#include "session/session_test_world.h"

namespace drover::session {
namespace {

TEST(Session, ResumesAtTheEffectItWasIn) {
  World w;
  w.tools.latency["t"] = 10s;
  w.road.answer = [](const contract::ChatRequest& r) -> Result<Message> {
    if (r.messages.back().role == Role::kUser) return call_tools({"t"});
    return say("done");
  };
  SessionId id = w.create(kAgent, "go");
  w.loop.run_for(5s);  // the tool is under way
  w.restart();
  w.loop.run_for(60s);
  EXPECT_EQ(w.road.calls, 2) << "a finished model call must not be repeated";
  ASSERT_EQ(w.tools.calls.size(), 2u);
  EXPECT_EQ(w.tools.calls[0].idempotency_key, w.tools.calls[1].idempotency_key);
  EXPECT_EQ(w.tools.calls[0].attempt, 1);
  EXPECT_EQ(w.tools.calls[1].attempt, 2);
  EXPECT_EQ(w.state(id).messages.back().text(), "done");
  EXPECT_TRUE(verify_chain(id, w.events(id)));
}

TEST(Session, AFullDiskStopsNothingForGood) {
  World w;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
  SessionId id = w.create(kAgent, "one");
  w.loop.run_for(5s);
  w.store.disk().fail_next(Error(Code::kResourceExhausted, "the disk is full"), 1);
  auto refused = w.loop.run_task(
      w.manager->post_message(w.ctx, w.who, id, Message::of_text(Role::kUser, "two")));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kResourceExhausted);
  w.loop.run_for(5s);
  auto accepted = w.loop.run_task(
      w.manager->post_message(w.ctx, w.who, id, Message::of_text(Role::kUser, "three")));
  ASSERT_TRUE(accepted) << accepted.error().message;
  w.loop.run_for(5s);
  State s = w.state(id);
  ASSERT_EQ(s.messages.size(), 5u);
  EXPECT_EQ(s.messages[3].text(), "three");
  EXPECT_TRUE(verify_chain(id, w.events(id)));
}

TEST(Session, AFailedCommitOfAResultIsTriedAgain) {
  World w;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
  w.road.think = 2s;
  SessionId id = w.create(kAgent, "one");
  w.loop.run_for(1s);
  w.store.disk().fail_next(Error(Code::kResourceExhausted, "the disk is full"), 2);
  w.loop.run_for(60s);
  EXPECT_EQ(w.state(id).messages.back().text(), "ok");
  EXPECT_TRUE(verify_chain(id, w.events(id)));
  EXPECT_GE(w.road.calls, 2);
  EXPECT_EQ(w.road.keys.front(), w.road.keys.back());
}

TEST(Session, ThePauseAfterFailedCommitsIsShortAgainOnceOneHasHeld) {
  World w;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
  SessionId id = w.create(kAgent, "one");
  w.loop.run_for(5s);
  w.road.think = 100ms;
  // The actor stays awake throughout: each bad day finds the same one.
  for (int day = 0; day < 4; ++day) {
    auto posted = w.loop.run_task(
        w.manager->post_message(w.ctx, w.who, id, Message::of_text(Role::kUser, "go")));
    ASSERT_TRUE(posted) << posted.error().message;
    w.store.disk().fail_next(Error(Code::kResourceExhausted, "the disk is full"), 3);
    const int calls = w.road.calls;
    // The answer's commit fails, then twice that of a new attempt: pauses of 0.5, 1 and 2 s.
    w.loop.run_for(2s);
    EXPECT_EQ(w.road.calls, calls) << "day " << day;
    w.loop.run_for(2500ms);
    EXPECT_EQ(w.state(id).messages.back().text(), "ok") << "day " << day;
    EXPECT_EQ(w.state(id).status, Status::kWaiting) << "day " << day;
  }
}

TEST(Session, AnUnavailableModelIsAskedAgainLater) {
  World w;
  int asked = 0;
  w.road.answer = [&](const contract::ChatRequest&) -> Result<Message> {
    if (++asked < 4) return fail(Code::kUnavailable, "all endpoints are down", Retry::kOtherTarget);
    return say("back");
  };
  SessionId id = w.create(kAgent, "go");
  w.loop.run_for(120s);
  EXPECT_EQ(w.state(id).messages.back().text(), "back");
  EXPECT_EQ(asked, 4);
}

TEST(Session, ACommandAtTheDoorHidesNoCallThatIsToBeTriedAgain) {
  World w;
  w.road.answer = [&w](const contract::ChatRequest&) -> Result<Message> {
    if (w.road.calls == 1) return fail(Code::kUnavailable, "gone", Retry::kSameTarget);
    return say("ok");
  };
  SessionId id = w.create(kAgent, "go");
  w.loop.run_for(100ms);
  ASSERT_EQ(w.road.calls, 1);
  // The commit of the second attempt fails; before the journal is loaded again somebody calls.
  w.store.disk().fail_next(Error(Code::kResourceExhausted, "no space", Retry::kAfter));
  w.loop.run_for(1s);  // it is due 750 to 1000 ms after the first
  ASSERT_EQ(w.road.calls, 1);
  Json reward = Json::object().set("name", "x").set("value", 1);
  auto rewarded = w.loop.run_task(w.manager->reward(w.ctx, w.who, id, std::move(reward)));
  ASSERT_TRUE(rewarded) << rewarded.error().to_string();
  w.loop.run_for(60s);
  EXPECT_EQ(w.road.calls, 2);
  EXPECT_EQ(w.state(id).reason, "message");
}

TEST(Session, AnAttemptThatWasGivenUpIsSettledOnce) {
  World w;
  w.road.think = 300ms;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
  SessionId id = w.create(kAgent, "go");
  // Its answer arrives while a commit is under way of which nobody hears the outcome.
  w.store.disk().sync_time = 1s;
  w.store.disk().lose_next_answer(Error(Code::kUnavailable, "no answer", Retry::kSameTarget));
  auto lost = w.loop.run_task(
      w.manager->post_message(w.ctx, w.who, id, Message::of_text(Role::kUser, "more")));
  EXPECT_FALSE(lost);
  w.store.disk().sync_time = Duration{};
  w.loop.run_for(60s);
  std::map<uint32_t, int> settled;
  for (const contract::Event& e : w.events(id)) {
    if (e.kind == contract::kind::kBudgetSettled && e.causation == 3) ++settled[e.attempt];
  }
  EXPECT_EQ(settled, (std::map<uint32_t, int>{{1, 1}, {2, 1}}));
  EXPECT_EQ(w.state(id).reason, "message");
}

TEST(Session, ACallThatNoLifeFinishesWaitsForAPersonInTheEnd) {
  World w;
  w.road.think = 10s;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
  SessionId id = w.create(kAgent, "go");
  for (uint32_t life = 0; life < limits::kEffectAttemptsMax + 3; ++life) {
    w.loop.run_for(1s);
    w.crash();
  }
  w.loop.run_for(60s);
  EXPECT_EQ(w.road.calls, static_cast<int>(limits::kEffectAttemptsMax));
  EXPECT_EQ(w.state(id).status, Status::kWaiting);
  EXPECT_EQ(w.state(id).reason, "model");
  EXPECT_FALSE(w.state(id).reservation.open);
  EXPECT_NE(w.payload(id, contract::kind::kModelResult).dump().find("given up after 20"),
            std::string::npos);
  // A person's word counts as a new beginning, also over a restart.
  ASSERT_TRUE(w.loop.run_task(
      w.manager->post_message(w.ctx, w.who, id, Message::of_text(Role::kUser, "try again"))));
  w.loop.run_for(1s);
  w.crash();
  w.loop.run_for(60s);
  EXPECT_EQ(w.state(id).messages.back().text(), "ok");
  EXPECT_EQ(w.state(id).reason, "message");
}

TEST(Session, ACallWhoseLastAttemptFailedPromisesNoOther) {
  World w;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> {
    return fail(Code::kUnavailable, "no endpoint answers", Retry::kOtherTarget);
  };
  SessionId id = w.create(kAgent, "go");
  for (uint32_t life = 0; life < 2 * limits::kEffectAttemptsMax; ++life) {
    w.loop.run_for(300ms);  // before the second attempt of a life
    w.crash();
  }
  w.loop.run_for(60s);
  EXPECT_EQ(w.road.calls, static_cast<int>(limits::kEffectAttemptsMax));
  auto row = w.loop.run_task(w.manager->find(w.ctx, w.who, id));
  ASSERT_TRUE(row);
  EXPECT_EQ(row->status, "waiting");
  EXPECT_EQ(row->waiting_for, "model");
}

TEST(Session, ARefusedCallWaitsForAPersonAndGoesOn) {
  World w;
  bool broken = true;
  w.road.answer = [&](const contract::ChatRequest&) -> Result<Message> {
    if (broken) return fail(Code::kInvalidArgument, "no such model");
    return say("fine now");
  };
  SessionId id = w.create(kAgent, "go");
  w.loop.run_for(120s);
  EXPECT_EQ(w.road.calls, 1);
  EXPECT_EQ(w.state(id).reason, "model");
  broken = false;
  ASSERT_TRUE(w.loop.run_task(
      w.manager->post_message(w.ctx, w.who, id, Message::of_text(Role::kUser, "again"))));
  w.loop.run_for(10s);
  State s = w.state(id);
  EXPECT_EQ(s.messages.back().text(), "fine now");
  EXPECT_EQ(s.messages[2].text(), "again");
}

}  // namespace
}  // namespace drover::session
