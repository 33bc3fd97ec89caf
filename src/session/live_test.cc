#include "session/live.h"

#include "session/live_streams.h"
#include "session/session_test_world.h"
#include "store/stream_log.h"

namespace drover::session {
namespace {

class Heard final : public LiveAnswers {
 public:
  void attempt(const SessionId& session, uint64_t call) override {
    said.push_back("attempt at " + std::to_string(call));
  }
  void text(const SessionId& session, uint64_t call, std::string_view piece) override {
    said.push_back(std::string(piece));
    sessions.push_back(session);
  }
  std::vector<std::string> said;
  std::vector<SessionId> sessions;
};

struct HeardWorld : World {
  explicit HeardWorld(Heard& heard) : streams(ctx, log, &heard) {
    live = &streams;
    restart();
    road.begun = "Hel";
  }
  ~HeardWorld() {
    loop.run_task(manager->stop());
    loop.run_task(streams.stop());
  }
  store::MemoryStreamLog log;
  LiveStreams streams;
};

TEST(LiveAnswers, HearWhatIsWrittenAndThatAnAttemptIsVoid) {
  Heard heard;
  HeardWorld w(heard);
  w.road.answer = [&](const contract::ChatRequest& r) -> Result<Message> {
    EXPECT_TRUE(r.stream);
    if (w.road.calls == 1) return fail(Code::kUnavailable, "cut", Retry::kOtherTarget);
    return say("Hello");
  };
  SessionId id = w.create(R"({"name":"a","models":["m"],"parameters":{"stream":true}})", "Hi");
  w.loop.run_for(10s);
  EXPECT_EQ(w.state(id).messages.back().text(), "Hello");
  ASSERT_EQ(heard.said.size(), 4u);
  EXPECT_EQ(heard.said[0], heard.said[2]) << "both attempts are at the same call";
  EXPECT_EQ(heard.said[1], "Hel");
  EXPECT_EQ(heard.said[3], "Hel");
  EXPECT_EQ(heard.sessions, (std::vector<SessionId>{id, id}));
}

TEST(LiveAnswers, HearNothingOfAnAgentThatDoesNotStream) {
  Heard heard;
  HeardWorld w(heard);
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("Hello"); };
  w.create(R"({"name":"a","models":["m"]})", "Hi");
  w.loop.run_for(10s);
  EXPECT_EQ(w.road.calls, 1);
  EXPECT_TRUE(heard.said.empty());
}

}  // namespace
}  // namespace drover::session
