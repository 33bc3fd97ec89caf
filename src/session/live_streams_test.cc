#include "session/live_streams.h"

#include <gtest/gtest.h>

#include "async/sim_loop.h"
#include "base/limits/live.h"

namespace drover::session {
namespace {

store::StreamKey key(int session, uint32_t attempt = 1) {
  store::StreamKey out;
  out.session = SessionId("ses_" + std::to_string(session));
  out.sequence = 3;
  out.attempt = attempt;
  return out;
}

struct Streams {
  async::SimLoop loop;
  Context ctx{loop};
  store::MemoryStreamLog log;
  LiveStreams live{ctx, log};
  ~Streams() { loop.run_task(live.stop()); }

  Result<void> say(LiveSink& sink, std::string text) {
    contract::TextDelta delta;
    delta.text = std::move(text);
    return loop.run_task(sink.delta(ctx, contract::StreamDelta(delta)));
  }
  std::string read(store::StreamKey key, uint64_t offset = 0) {
    auto text = loop.run_task(live.read(ctx, std::move(key), offset, 1u << 30));
    EXPECT_TRUE(text) << text.error().message;
    return text.value_or("");
  }
  std::string logged(store::StreamKey key) {
    return loop.run_task(log.read(ctx, std::move(key), 0, 1u << 30)).value_or("");
  }
};

TEST(LiveStreams, NobodySeesWhatIsNotWritten) {
  Streams s;
  s.log.write_time = 10ms;
  auto watch = s.live.watch(key(1).session);
  LiveSink sink(&s.live, key(1));
  ASSERT_TRUE(s.say(sink, "one "));
  for (int i = 0; i < 100; ++i) {
    s.loop.run_for(1ms);
    if (i % 3 == 0) ASSERT_TRUE(s.say(sink, "more "));
    const std::string seen = s.read(key(1));
    EXPECT_EQ(s.logged(key(1)).substr(0, seen.size()), seen);
  }
  EXPECT_GT(s.read(key(1)).size(), 100u);
  EXPECT_GE((*watch)->text, 4u);
}

TEST(LiveStreams, ManyPiecesOfManyCallsAreOneWrite) {
  Streams s;
  std::vector<std::unique_ptr<LiveSink>> sinks;
  std::vector<std::shared_ptr<LiveWatch>> watches;
  for (int i = 0; i < 100; ++i) {
    sinks.push_back(std::make_unique<LiveSink>(&s.live, key(i)));
    watches.push_back(*s.live.watch(key(i).session));
  }
  for (int round = 0; round < 50; ++round) {
    for (auto& sink : sinks) ASSERT_TRUE(s.say(*sink, "x"));
    s.loop.run_for(1ms);
  }
  s.loop.run_for(10ms);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(s.read(key(i)), std::string(50, 'x'));
  EXPECT_LE(s.log.appends, 12u) << "5000 pieces in 50 ms";
}

TEST(LiveStreams, WhatNobodyFollowsIsWrittenSeldom) {
  Streams s;
  LiveSink sink(&s.live, key(1));
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(s.say(sink, "x"));
    s.loop.run_for(5ms);
  }
  EXPECT_LE(s.log.appends, 4u);
  // Whoever comes sees all of it at once.
  auto watch = s.live.watch(key(1).session);
  s.loop.run_for(5ms);
  EXPECT_EQ(s.read(key(1)).size(), 200u);
}

TEST(LiveStreams, ASlowDiskSlowsTheProviderNotTheMemory) {
  Streams s;
  s.log.write_time = 1s;
  LiveSink sink(&s.live, key(1));
  size_t said = 0;
  MonoTime begun = s.loop.mono();
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(s.say(sink, std::string(100'000, 'x')));
    said += 100'000;
    EXPECT_LE(said - s.logged(key(1)).size(), limits::kLivePendingBytesMax + 100'000);
  }
  EXPECT_GE(s.loop.mono() - begun, 3s);
}

TEST(LiveStreams, AcceptedTextLeavesTheLogAlsoIfItsWriteIsUnderWay) {
  Streams s;
  s.log.write_time = 10ms;
  auto watch = s.live.watch(key(1).session);
  LiveSink sink(&s.live, key(1));
  ASSERT_TRUE(s.say(sink, "one"));
  s.loop.run_for(6ms);  // the write is under way
  s.live.committed(key(1).session, 0, 0);
  s.loop.run_for(1s);
  EXPECT_EQ(s.log.bytes(), 0u);
  ASSERT_TRUE(s.say(sink, "late"));
  s.loop.run_for(1s);
  EXPECT_EQ(s.log.bytes(), 0u);
  EXPECT_EQ((*watch)->journal, 1u);
}

TEST(LiveStreams, ALateAttemptWritesNothing) {
  Streams s;
  LiveSink first(&s.live, key(1, 1));
  ASSERT_TRUE(s.say(first, "first"));
  s.loop.run_for(1s);
  s.live.committed(key(1).session, 3, 2);
  LiveSink second(&s.live, key(1, 2));
  ASSERT_TRUE(s.say(second, "second"));
  ASSERT_TRUE(s.say(first, " goes on"));
  s.loop.run_for(1s);
  EXPECT_EQ(s.read(key(1, 1)), "");
  EXPECT_EQ(s.read(key(1, 2)), "second");
}

TEST(LiveStreams, AFinishedCallStaysReadableUntilItIsDecided) {
  Streams s;
  {
    LiveSink sink(&s.live, key(1));
    ASSERT_TRUE(s.say(sink, "half an "));
    s.loop.run_for(1s);
    ASSERT_TRUE(s.say(sink, "answer"));
  }
  s.loop.run_for(1s);
  s.live.committed(key(1).session, 3, 1);  // it failed, and is still pending
  EXPECT_EQ(s.read(key(1)), "half an answer");
  EXPECT_EQ(s.read(key(1), 5), "an answer");
}

TEST(LiveStreams, AfterAFailureTheNextCallIsTriedAgain) {
  Streams s;
  auto watch = s.live.watch(key(1).session);
  s.log.broken = Error(Code::kResourceExhausted, "the disk is full");
  {
    LiveSink sink(&s.live, key(1, 1));
    ASSERT_TRUE(s.say(sink, "one"));
    s.loop.run_for(1s);
    s.log.broken.reset();
    ASSERT_TRUE(s.say(sink, "two"));  // cannot follow what was not written
    s.loop.run_for(1s);
    EXPECT_EQ(s.read(key(1, 1)), "");
  }
  LiveSink sink(&s.live, key(1, 2));
  ASSERT_TRUE(s.say(sink, "again"));
  s.loop.run_for(1s);
  EXPECT_EQ(s.read(key(1, 2)), "again");
}

TEST(LiveStreams, TheLastFollowerTakesItsEntryWithIt) {
  Streams s;
  auto one = s.live.watch(key(1).session);
  auto two = s.live.watch(key(1).session);
  EXPECT_EQ(one->get(), two->get());
  LiveWatch* before = one->get();
  before->journal = 77;
  one = fail(Code::kCancelled, "");
  two = fail(Code::kCancelled, "");
  EXPECT_EQ((*s.live.watch(key(1).session))->journal, 0u);
}

TEST(LiveStreams, WithoutStreamsTheSinkTakesEverythingAndKeepsNothing) {
  Streams s;
  LiveSink sink(nullptr, key(1));
  EXPECT_TRUE(s.say(sink, "text"));
  s.loop.run_for(1s);
  EXPECT_EQ(s.log.appends, 0u);
}

}  // namespace
}  // namespace drover::session
