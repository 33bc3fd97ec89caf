#pragma once
// A road that speaks slowly, a world of sessions over it, and a client that follows one and checks
// what it is told.

#include <gtest/gtest.h>

#include "async/sim_loop.h"
#include "session/fakes.h"
#include "session/live_follower.h"
#include "store/memory/memory_store.h"
#include "store/stream_log.h"

namespace drover::session {

/// What the model says in one call: pieces of text, then tools it asks for, or an error.
struct Speech {
  std::vector<std::string> pieces;
  Duration between{20ms};
  std::vector<std::string> tools;
  std::optional<Error> error;
  std::string text() const {
    std::string out;
    for (const std::string& piece : pieces) out += piece;
    return out;
  }
};

class SpeakingRoad final : public road::Road {
 public:
  /// The speech of the n-th call, from 1.
  std::function<Speech(int n)> speak;
  int calls = 0;

  SpeakingRoad() { endpoint_.id = "fake/m"; }
  Task<road::ModelResult> call_model(Context ctx, road::ModelCall&& call,
                                     providers::Sink* sink) override {
    return speak_to(std::move(ctx), sink);
  }
  std::vector<std::string> models() const override { return {"m"}; }

 private:
  Task<road::ModelResult> speak_to(Context ctx, providers::Sink* sink) {
    Speech speech = speak(++calls);
    road::ModelFailure failure;
    for (const std::string& piece : speech.pieces) {
      auto slept = co_await async::sleep_for(ctx, speech.between);
      contract::TextDelta text;
      text.text = piece;
      contract::StreamDelta delta(std::move(text));
      if (slept && sink != nullptr) slept = co_await sink->delta(ctx, delta);
      if (slept) continue;
      failure.error = slept.error();
      co_return tl::unexpected<road::ModelFailure>(std::move(failure));
    }
    if (speech.error) {
      failure.error = *speech.error;
      co_return tl::unexpected<road::ModelFailure>(std::move(failure));
    }
    road::ModelOutcome out;
    out.answer->response.message =
        contract::Message::of_text(contract::Role::kAssistant, speech.text());
    for (const std::string& name : speech.tools) {
      contract::ToolCall tool;
      tool.id = "call_" + name;
      tool.name = name;
      out.answer->response.message.tool_calls.push_back(std::move(tool));
    }
    out.endpoint = &endpoint_;
    co_return out;
  }

  catalog::Endpoint endpoint_;
};

struct LiveWorld {
  async::SimLoop loop;
  Context ctx{loop};
  SeededRandom random{7};
  store::MemoryStore store{random};
  store::MemoryStreamLog log;
  SpeakingRoad road;
  road::Effects effects{random, nullptr, nullptr};
  FakeTools tools;
  std::unique_ptr<LiveStreams> live;
  std::unique_ptr<SessionManager> manager;
  identity::Principal who = identity::Principal::system(TenantId("ten_a"));

  LiveWorld() { start(); }
  ~LiveWorld() {
    loop.run_task(manager->stop());
    loop.run_task(live->stop());
  }
  void start() {
    live = std::make_unique<LiveStreams>(ctx, log);
    Services s;
    s.loop = &loop;
    s.random = &random;
    s.journal = &store.journal();
    s.road = &road;
    s.tools = &tools;
    s.effects = &effects;
    s.live = live.get();
    manager = std::make_unique<SessionManager>(s, ctx);
  }
  /// The process is gone, and another one is there, with the same journal and the same stream log.
  /// Followers must have ended.
  void restart(bool recover = true) {
    loop.run_task(manager->stop());
    manager.reset();
    live.reset();  // what was not written is lost
    start();
    if (recover) this->recover();
  }
  void recover() {
    auto done = loop.run_task(manager->recover(ctx));
    ASSERT_TRUE(done) << done.error().message;
  }
  SessionId create(
      std::string_view agent_json =
          R"({"name":"a","models":["m"],"tools":["fake"],"parameters":{"stream":true}})") {
    NewSession spec;
    spec.agent = *AgentSpec::from_json(*Json::parse(agent_json));
    spec.message = contract::Message::of_text(contract::Role::kUser, "go");
    auto id = loop.run_task(manager->create(ctx, who, std::move(spec)));
    EXPECT_TRUE(id) << id.error().message;
    return *id;
  }
};

/// Follows a session, keeps what it was told, and checks that every piece of text begins where the
/// one before ended.
struct LiveClient {
  std::vector<std::string> told;      // names, but for deltas; "waiting message", "tool_call t"
  std::vector<std::string> messages;  // the texts of accepted answers
  std::string text;                   // of the call at hand
  LivePosition call;                  // of `text`
  std::optional<LivePosition> last;
  int resets = 0;
  size_t deltas = 0;
  std::optional<Error> error;
  bool over = false;

  void take(const LiveEvent& event) {
    auto parsed = Json::parse(event.data);
    ASSERT_TRUE(parsed) << event.data;
    const Json& data = *parsed;
    if (event.position) {
      bool forward = !last || event.position->sequence > last->sequence ||
                     event.position->attempt > last->attempt ||
                     event.position->offset > last->offset || event.name == "reset";
      EXPECT_TRUE(forward) << event.name << " " << event.position->text();
      last = event.position;
    }
    if (event.name == "delta") {
      ++deltas;
      begin(event.position->sequence, event.position->attempt);
      text += data.get_string("text").value();
      EXPECT_EQ(text.size(), event.position->offset);
      EXPECT_FALSE(data.get_string("text")->empty());
    } else if (event.name == "reset") {
      ++resets;
      EXPECT_EQ(data.get_string("from"),
                std::to_string(call.sequence) + "." + std::to_string(call.attempt) + ".0");
      text.clear();
      call = *event.position;
    } else if (event.name == "message") {
      auto message = contract::message_from_json(*data.find("message"));
      ASSERT_TRUE(message);
      if (text.empty()) begin(0, 0);
      EXPECT_EQ(message->text(), text);
      EXPECT_EQ(event.position->offset, text.size());
      messages.push_back(text);
      text.clear();
      call = LivePosition();
    }
    std::string name(event.name);
    if (name == "waiting") name += " " + data.get_text("for");
    if (name == "tool_call") name += " " + data.get_text("name");
    if (name != "delta") told.push_back(name);
  }
  void begin(uint64_t sequence, uint32_t attempt) {
    if (call.sequence == sequence && call.attempt == attempt) return;
    EXPECT_TRUE(text.empty()) << "the text of " << call.text() << " was neither void nor accepted";
    call.sequence = sequence;
    call.attempt = attempt;
  }
};

/// Follows until the session ends, the context does, or `most` things were told; goes on from where
/// the client is.
inline Task<void> follow(Context ctx, LiveWorld* w, LiveClient* client, SessionId id,
                         size_t most = SIZE_MAX, Duration pause = Duration::zero()) {
  LiveFollower follower(*w->manager, *w->live, w->who, id);
  Result<void> begun;
  if (client->last) {
    begun = co_await follower.begin_after(ctx, *client->last);
  } else {
    begun = co_await follower.begin_at(ctx, 1);
  }
  EXPECT_TRUE(begun) << begun.error().message;
  for (size_t told = 0; told < most;) {
    auto events = co_await follower.next(ctx);
    if (!events) {
      client->error = events.error();
      co_return;
    }
    if (events->empty()) {
      client->over = true;
      co_return;
    }
    for (const LiveEvent& event : *events) {
      // A connection that ends here: the rest was never told.
      if (told++ < most) client->take(event);
    }
    if (pause > Duration::zero()) {
      auto slept = co_await async::sleep_for(ctx, pause);
      if (!slept) co_return;
    }
  }
}

}  // namespace drover::session
