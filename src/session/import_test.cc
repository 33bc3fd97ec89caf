// Imports: what a journal says of its key is a claim, and its labels are bounded.

#include "session/import_test_fixture.h"

namespace drover::session {
namespace {

namespace kind = contract::kind;

identity::Principal with_key(std::string key) {
  identity::Principal out = identity::Principal::system(TenantId("ten_a"));
  out.key = KeyId(std::move(key));
  return out;
}

TEST(Import, ItsCallsCountAgainstTheKeyOfWhoImportsIt) {
  // Whatever its journal names, and if it names none; the process itself has none.
  for (const char* named : {"key_theirs", ""}) {
    for (const char* mine : {"key_mine", ""}) {
      World w;
      w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
      Json place = Json::object();
      if (*named != 0) place.set("key", named);
      const SessionId id = new_id(w);
      const Events events = claims(w, id, "ten_a", std::move(place));
      ASSERT_TRUE(take_in(w, with_key(mine), events));
      for (int calls = 1; calls <= 2; ++calls) {
        // Who goes on with it makes no difference, as with sessions that began here.
        const identity::Principal other = with_key("key_other");
        ASSERT_TRUE(w.loop.run_task(
            w.manager->post_message(w.ctx, other, id, Message::of_text(Role::kUser, "go on"))));
        w.loop.run_for(10s);
        ASSERT_EQ(w.road.callers.size(), static_cast<size_t>(calls));
        EXPECT_EQ(w.road.callers.back(), mine) << "named: " << named;
        EXPECT_EQ(w.state(id).key, mine);
        w.restart();
      }
      const Events all = w.events(id);
      EXPECT_EQ(exported(Events(all.begin(), all.begin() + 2)), exported(events));
    }
  }
}

TEST(Import, ItsLabelsAreAsFewAndShortAsThoseOfANewOne) {
  World w;
  const auto with = [&w](const Json& labels) {
    Json place = Json::object().set("labels", labels);
    return take_in(w, w.who, claims(w, new_id(w), "ten_a", std::move(place)));
  };
  Json many = Json::object();
  for (size_t i = 0; i < limits::kLabelsMax; ++i) many.set("l" + std::to_string(i), "x");
  EXPECT_TRUE(with(many));
  many.set("more", "x");
  const Json wrong[] = {many, Json::object().set("a", std::string(limits::kLabelBytesMax + 1, 'x')),
                        Json::object().set("a", Json::object())};
  for (const Json& labels : wrong) {
    auto taken = with(labels);
    ASSERT_FALSE(taken) << labels.dump();
    EXPECT_EQ(taken.error().code, Code::kInvalidArgument);
  }
}

TEST(Import, ItsChildrenCountAgainstThatKeyToo) {
  Tree there;
  there.who = with_key("key_theirs");
  const SessionId id = there.create(kParent, "go");
  there.loop.run_for(60s);
  const Events all = there.events(id);
  Tree w;
  // As it was when it had begun.
  ASSERT_TRUE(take_in(w, with_key("key_mine"), Events(all.begin(), all.begin() + 1)));
  ASSERT_TRUE(w.loop.run_task(
      w.manager->post_message(w.ctx, w.who, id, Message::of_text(Role::kUser, "go"))));
  w.loop.run_for(60s);
  EXPECT_EQ(w.rows().size(), 4u);
  for (const store::SessionRow& row : w.rows()) {
    if (row.id == id) continue;
    EXPECT_EQ(w.payload(row.id, kind::kSessionStarted).get_text("key"), "key_mine");
  }
  EXPECT_EQ(w.road.callers, std::vector<std::string>(w.road.callers.size(), "key_mine"));
}

}  // namespace
}  // namespace drover::session
