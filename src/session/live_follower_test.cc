#include "session/live_follower.h"

#include "session/live_test_fixture.h"

namespace drover::session {
namespace {

using Names = std::vector<std::string>;

Speech speech(std::vector<std::string> pieces) {
  Speech out;
  out.pieces = std::move(pieces);
  return out;
}

/// Asks for a tool, then answers.
Speech two_steps(int n) {
  if (n == 1) {
    Speech out = speech({"I will ", "look. "});
    out.tools = {"t"};
    return out;
  }
  return speech({"It is ", "fine", "."});
}

TEST(LivePositions, AreReadAsTheyAreWritten) {
  LivePosition p;
  p.sequence = 12;
  p.attempt = 1;
  p.offset = 340;
  EXPECT_EQ(p.text(), "12.1.340");
  EXPECT_EQ(*LivePosition::parse("12.1.340"), p);
  for (const char* bad : {"", "12", "12.1", "12.1.", "12.1.x", "12.1.340.1", "-1.1.1", " 1.1.1",
                          "1.1.1 ", "1..1", "99999999999999999999.1.1"}) {
    EXPECT_FALSE(LivePosition::parse(bad)) << bad;
  }
}

TEST(LiveFollower, TellsWhatIsSaidWhileItIsSaid) {
  LiveWorld w;
  w.road.speak = two_steps;
  w.tools.latency["t"] = 1s;
  SessionId id = w.create();
  LiveClient client;
  async::Scope scope(w.ctx);
  scope.spawn(follow(scope.context(), &w, &client, id));
  w.loop.run_for(30ms);
  EXPECT_EQ(client.text, "I will ");
  w.loop.run_for(20ms);
  EXPECT_EQ(client.messages, Names{"I will look. "});
  w.loop.run_for(5s);
  Names told = {"message", "tool_call t", "message", "waiting message"};
  EXPECT_EQ(client.told, told);
  Names messages = {"I will look. ", "It is fine."};
  EXPECT_EQ(client.messages, messages);
  EXPECT_EQ(client.resets, 0);
  scope.cancel();
  w.loop.run_task(scope.join());
}

TEST(LiveFollower, ATextThatCameWholeIsToldWhole) {
  LiveWorld w;
  w.road.speak = [](int) { return speech({"All ", "at once."}); };
  SessionId id = w.create(R"({"name":"a","models":["m"],"end_after_answer":true})");
  LiveClient client;
  w.loop.run_task(follow(w.ctx, &w, &client, id));
  EXPECT_EQ(client.messages, Names{"All at once."});
  EXPECT_EQ(client.deltas, 1u);
  EXPECT_TRUE(client.over);
  EXPECT_EQ(w.log.appends, 0u);
}

/// A client that loses its connection after each single thing it is told.
Task<void> hop(Context ctx, LiveWorld* w, LiveClient* client, SessionId id) {
  while (!client->over && !client->error) co_await follow(ctx, w, client, id, 1);
}

TEST(LiveFollower, AClientThatReconnectsAfterEachPieceMissesAndRepeatsNothing) {
  LiveWorld w;
  w.road.speak = two_steps;
  w.tools.latency["t"] = 10ms;
  SessionId id = w.create(
      R"({"name":"a","models":["m"],"tools":["fake"],"parameters":{"stream":true},
          "end_after_answer":true})");
  LiveClient hopping, steady;
  async::Scope scope(w.ctx);
  scope.spawn(hop(scope.context(), &w, &hopping, id));
  scope.spawn(follow(scope.context(), &w, &steady, id));
  w.loop.run_for(10s);
  w.loop.run_task(scope.join());
  Names told = {"message", "tool_call t", "message", "ended"};
  EXPECT_EQ(steady.told, told);
  EXPECT_EQ(hopping.told, told);
  EXPECT_EQ(hopping.messages, steady.messages);
  EXPECT_GE(hopping.deltas, 5u);
  // The same again from the journal alone.
  LiveClient later;
  w.loop.run_task(hop(w.ctx, &w, &later, id));
  EXPECT_EQ(later.told, told);
  EXPECT_EQ(later.messages, steady.messages);
  EXPECT_EQ(w.log.bytes(), 0u) << "what is in the journal has left the stream log";
}

TEST(LiveFollower, ResumesAtEveryCharacterAndBeginsAnewInsideOne) {
  LiveWorld w;
  const std::string text = "Grüße, 世界 👋!";
  w.road.speak = [&](int) { return speech({text}); };
  SessionId id = w.create();
  w.loop.run_for(1s);
  auto events = w.loop.run_task(w.manager->events(w.ctx, w.who, id, 1, 100));
  ASSERT_TRUE(events);
  auto call = std::find_if(events->begin(), events->end(),
                           [](const auto& e) { return e.kind == contract::kind::kModelCall; });
  ASSERT_NE(call, events->end());
  for (size_t at = 0; at <= text.size() + 1; ++at) {
    LiveFollower follower(*w.manager, *w.live, w.who, id);
    LivePosition seen;
    seen.sequence = call->sequence;
    seen.attempt = 1;
    seen.offset = at;
    ASSERT_TRUE(w.loop.run_task(follower.begin_after(w.ctx, seen)));
    auto told = w.loop.run_task(follower.next(w.ctx));
    ASSERT_TRUE(told);
    std::string got;
    bool again = told->front().name == "reset";
    for (const LiveEvent& e : *told) {
      if (e.name == "delta") got += Json::parse(e.data)->get_string("text").value();
    }
    bool inside = at > text.size() || (at < text.size() && (text[at] & 0xC0) == 0x80);
    EXPECT_EQ(again, inside) << at;
    EXPECT_EQ(got, inside ? text : text.substr(at)) << at;
    EXPECT_EQ(told->back().name, "message");
  }
}

TEST(LiveFollower, ACharacterSplitOverPiecesIsToldWhole) {
  LiveWorld w;
  const std::string text = "ünïcödé 世界 👋👋";
  std::vector<std::string> bytes;
  for (char c : text) bytes.emplace_back(1, c);
  w.road.speak = [&](int) { return speech(bytes); };
  SessionId id = w.create();
  LiveClient client;
  async::Scope scope(w.ctx);
  scope.spawn(follow(scope.context(), &w, &client, id));
  w.loop.run_for(10s);
  EXPECT_EQ(client.messages, Names{text});
  EXPECT_EQ(client.deltas, 13u) << "one for each character";
  scope.cancel();
  w.loop.run_task(scope.join());
}

TEST(LiveFollower, ANewAttemptVoidsTheTextOfTheLast) {
  LiveWorld w;
  w.road.speak = [](int n) {
    Speech out = speech({"Half of ", "it"});
    if (n == 1) out.error = Error(Code::kUnavailable, "cut", Retry::kOtherTarget);
    if (n > 1) out.pieces = {"All ", "of it."};
    return out;
  };
  SessionId id = w.create();
  LiveClient early, late;
  async::Scope scope(w.ctx);
  scope.spawn(follow(scope.context(), &w, &early, id));
  w.loop.run_for(200ms);
  EXPECT_EQ(early.text, "Half of it");
  w.loop.run_for(20s);
  Names told = {"reset", "message", "waiting message"};
  EXPECT_EQ(early.told, told);
  EXPECT_EQ(early.messages, Names{"All of it."});
  // Who never saw the first attempt has nothing to take back.
  scope.spawn(follow(scope.context(), &w, &late, id));
  w.loop.run_for(1s);
  Names whole = {"message", "waiting message"};
  EXPECT_EQ(late.told, whole);
  EXPECT_EQ(late.messages, Names{"All of it."});
  scope.cancel();
  w.loop.run_task(scope.join());
}

TEST(LiveFollower, ACallThatWasGivenUpIsWaitedForAndItsTextStays) {
  LiveWorld w;
  bool broken = true;
  w.road.speak = [&](int) {
    Speech out = speech({"Half of ", "it"});
    if (broken) out.error = Error(Code::kInvalidArgument, "refused");
    return out;
  };
  SessionId id = w.create();
  LiveClient client;
  async::Scope scope(w.ctx);
  scope.spawn(follow(scope.context(), &w, &client, id));
  w.loop.run_for(60s);
  EXPECT_EQ(client.text, "Half of it");
  EXPECT_EQ(client.told, Names{"waiting model"});
  LiveClient late;
  scope.spawn(follow(scope.context(), &w, &late, id));
  w.loop.run_for(1s);
  EXPECT_EQ(late.text, "Half of it");
  EXPECT_EQ(late.told, Names{"waiting model"});
  broken = false;
  ASSERT_TRUE(w.loop.run_task(w.manager->post_message(
      w.ctx, w.who, id, contract::Message::of_text(contract::Role::kUser, "again"))));
  w.loop.run_for(1s);
  Names told = {"waiting model", "reset", "message", "waiting message"};
  EXPECT_EQ(client.told, told);
  EXPECT_EQ(late.told, told);
  scope.cancel();
  w.loop.run_task(scope.join());
}

TEST(LiveFollower, WhatAClientSawSurvivesTheProcess) {
  for (Duration killed_at = 10ms; killed_at < 260ms; killed_at += 7ms) {
    LiveWorld w;
    w.road.speak = [](int) { return speech({"one ", "two ", "three ", "four ", "five"}); };
    SessionId id = w.create();
    LiveClient client;
    {
      async::Scope scope(w.ctx);
      scope.spawn(follow(scope.context(), &w, &client, id));
      w.loop.run_for(killed_at);
      scope.cancel();
      w.loop.run_task(scope.join());
    }
    const std::string seen = client.text;
    const bool whole = !client.messages.empty();
    w.restart(false);
    if (!whole) {
      // Nobody has taken the session up yet: the text is what it was.
      LiveClient other;
      async::Scope scope(w.ctx);
      scope.spawn(follow(scope.context(), &w, &other, id));
      w.loop.run_for(1s);
      EXPECT_EQ(other.text.substr(0, seen.size()), seen);
      scope.cancel();
      w.loop.run_task(scope.join());
    }
    w.recover();
    async::Scope scope(w.ctx);
    scope.spawn(follow(scope.context(), &w, &client, id));
    w.loop.run_for(10s);
    EXPECT_EQ(client.messages, Names{"one two three four five"});
    EXPECT_EQ(client.resets, !whole && !seen.empty() ? 1 : 0);
    EXPECT_EQ(w.road.calls, whole ? 1 : 2);
    scope.cancel();
    w.loop.run_task(scope.join());
  }
}

TEST(LiveFollower, ASlowClientReadsTheLogAtItsOwnPace) {
  LiveWorld w;
  Speech fast;
  for (int i = 0; i < 400; ++i) fast.pieces.push_back(std::string(1000, 'a' + i % 26));
  fast.between = 1ms;
  fast.pieces.push_back("");  // empty pieces say nothing
  w.road.speak = [&](int) {
    Speech out = fast;
    out.pieces.push_back("end");
    out.between = 10ms;
    return out;
  };
  SessionId id = w.create();
  LiveClient slow;
  async::Scope scope(w.ctx);
  scope.spawn(follow(scope.context(), &w, &slow, id, SIZE_MAX, 800ms));
  w.loop.run_for(3s);
  EXPECT_LT(slow.text.size(), 300'000u);
  EXPECT_GT(w.log.reads, 0u) << "it is further behind than memory goes";
  w.loop.run_for(60s);
  ASSERT_EQ(slow.messages.size(), 1u);
  EXPECT_EQ(slow.messages[0], fast.text() + "end");
  scope.cancel();
  w.loop.run_task(scope.join());
}

TEST(LiveFollower, WithoutTheLogTheTextComesFromTheJournal) {
  LiveWorld w;
  w.road.speak = [](int) { return speech({"one ", "two ", "three"}); };
  w.log.broken = Error(Code::kResourceExhausted, "the disk is full");
  SessionId id = w.create();
  LiveClient client;
  async::Scope scope(w.ctx);
  scope.spawn(follow(scope.context(), &w, &client, id));
  w.loop.run_for(55ms);
  EXPECT_EQ(client.text, "");
  w.loop.run_for(1s);
  EXPECT_EQ(client.messages, Names{"one two three"});
  EXPECT_EQ(client.deltas, 1u);
  scope.cancel();
  w.loop.run_task(scope.join());
}

TEST(LiveFollower, TheEndIsToldAndNothingFollows) {
  LiveWorld w;
  w.road.speak = [](int) { return speech({"one ", "two "}); };
  SessionId id = w.create();
  LiveClient client;
  async::Scope scope(w.ctx);
  scope.spawn(follow(scope.context(), &w, &client, id));
  w.loop.run_for(30ms);
  ASSERT_TRUE(w.loop.run_task(w.manager->cancel(w.ctx, w.who, id, "enough")));
  w.loop.run_task(scope.join());
  EXPECT_TRUE(client.over);
  EXPECT_EQ(client.told, Names{"ended"});
  EXPECT_EQ(w.log.bytes(), 0u);
  LiveFollower again(*w.manager, *w.live, w.who, id);
  ASSERT_TRUE(w.loop.run_task(again.begin_after(w.ctx, *client.last)));
  EXPECT_TRUE(again.over());
  auto nothing = w.loop.run_task(again.next(w.ctx));
  ASSERT_TRUE(nothing);
  EXPECT_TRUE(nothing->empty());
}

TEST(LiveFollower, AnotherTenantAndABadPositionAreRefused) {
  LiveWorld w;
  w.road.speak = [](int) { return speech({"secret"}); };
  SessionId id = w.create();
  w.loop.run_for(1s);
  LiveFollower other(*w.manager, *w.live, identity::Principal::system(TenantId("ten_b")), id);
  auto refused = w.loop.run_task(other.begin_at(w.ctx, 1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kNotFound);
  LiveFollower mine(*w.manager, *w.live, w.who, id);
  LivePosition beyond;
  beyond.sequence = 99;
  auto wrong = w.loop.run_task(mine.begin_after(w.ctx, beyond));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Code::kOutOfRange);
}

TEST(LiveFollower, TheEndOfTheProcessLetsClientsGo) {
  LiveWorld w;
  w.road.speak = [](int) { return speech({"one"}); };
  SessionId id = w.create();
  LiveClient client;
  async::Scope scope(w.ctx);
  scope.spawn(follow(scope.context(), &w, &client, id));
  w.loop.run_for(1s);
  w.live->release_followers();
  w.loop.run_task(scope.join());
  ASSERT_TRUE(client.error);
  EXPECT_EQ(client.error->code, Code::kUnavailable);
  EXPECT_FALSE(w.live->watch(id));
}

}  // namespace
}  // namespace drover::session
