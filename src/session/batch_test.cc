#include "session/batch.h"

#include <gtest/gtest.h>

#include "async/sim_loop.h"

namespace drover::session {
namespace {

namespace kind = contract::kind;

struct Drafting {
  SeededRandom random{1};
  async::SimLoop loop;
  State state;

  Drafting() { state.id = SessionId::make(loop.wall(), random); }
  static Draft start() {
    Json payload = Json::object().set("tenant", "ten_a");
    payload.set("agent",
                Json::object().set("name", "a").set("models", Json(Json::Array{Json("m")})));
    return system_draft(kind::kSessionStarted, std::move(payload));
  }
  static Draft reward(std::string name) {
    return system_draft(kind::kReward, Json::object().set("name", std::move(name)));
  }
};

TEST(Batch, ChainsWhatItIsGivenAlsoAfterOneThatItRefused) {
  Drafting d;
  Batch first(d.state, d.loop, d.random);
  ASSERT_TRUE(first.add(Drafting::start()));
  ASSERT_TRUE(first.add(Drafting::reward("one")));
  auto refused = first.add(Drafting::reward("\xff"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
  auto taken = first.add(Drafting::reward("two"));
  ASSERT_TRUE(taken);
  EXPECT_EQ(*taken, 3u) << "nothing is left of what was refused";
  std::vector<contract::Event> events = first.take();
  ASSERT_EQ(events.size(), 3u);

  Batch second(d.state, d.loop, d.random);
  EXPECT_EQ(second.expected_last(), 3u);
  ASSERT_TRUE(second.add(Drafting::reward("three")));
  events.push_back(second.events().front());
  auto chained = verify_chain(d.state.id, events);
  EXPECT_TRUE(chained) << chained.error().message;
}

TEST(Batch, IsEmptyAfterARefusalAlone) {
  Drafting d;
  Batch batch(d.state, d.loop, d.random);
  EXPECT_FALSE(batch.add(Drafting::reward("\xff")));
  EXPECT_TRUE(batch.empty());
}

}  // namespace
}  // namespace drover::session
