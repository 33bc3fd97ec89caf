// Imports: times and attempts that no journal has are refused; what a wrong clock writes is taken.

#include "session/import_check.h"

#include "session/import_test_fixture.h"

namespace drover::session {
namespace {

using contract::Event;

constexpr WallTime kNow{std::chrono::seconds(1'800'000'000)};

Events at_times(std::initializer_list<WallTime> times) {
  Events out;
  for (WallTime time : times) {
    Event e;
    e.sequence = out.size() + 1;
    e.time = time;
    out.push_back(std::move(e));
  }
  return out;
}

std::string why_implausible(const Events& events) {
  auto checked = check_plausible(events, kNow);
  return checked ? "" : checked.error().message;
}

TEST(ImportCheck, TimesThatNoClockGave) {
  EXPECT_EQ(why_implausible(at_times({kNow, kNow, kNow + 24h})), "") << "a clock ahead by a day";
  EXPECT_EQ(why_implausible(at_times({kNow - 20 * 366 * 24h, kNow})), "") << "an old one";
  EXPECT_EQ(why_implausible(at_times({WallTime{}, WallTime(1s), kNow})), "") << "a clock at 1970";
  EXPECT_EQ(why_implausible(at_times({kNow, kNow + 24h + 1s})),
            "event 2: its time 2027-01-16T08:00:01.000000Z is more than 24 hours ahead of the "
            "clock here");
  EXPECT_EQ(why_implausible(at_times({WallTime(-1s)})),
            "event 1: its time 1969-12-31T23:59:59.000000Z is before 1970");
  EXPECT_EQ(why_implausible(at_times({kNow, kNow, kNow - 2s})),
            "event 3: its time 2027-01-15T07:59:58.000000Z is before that of the event before it, "
            "2027-01-15T08:00:00.000000Z");
}

TEST(ImportCheck, AttemptsThatNobodyMade) {
  Events events = at_times({kNow, kNow, kNow});
  events[2].attempt = 2;
  EXPECT_EQ(why_implausible(events), "");
  for (uint32_t attempt : {3u, UINT32_MAX}) {
    events[2].attempt = attempt;
    EXPECT_EQ(why_implausible(events), "event 3: it is of attempt " + std::to_string(attempt) +
                                           ", and there are not so many events before it");
  }
}

TEST(ImportCheck, AClockThatJumpedBackWroteWhatIsTaken) {
  // Far ahead at first, then right: the events after the jump stand at the time of the one before.
  World w;
  const SessionId id = new_id(w);
  State state;
  state.id = id;
  async::SimLoop ahead(w.loop.wall() + 20h);
  Events events;
  auto add = [&](async::SimLoop& loop, std::string_view what, Json payload) {
    Batch batch(state, loop, w.random);
    EXPECT_TRUE(batch.add(system_draft(what, std::move(payload))));
    for (Event& e : batch.take()) events.push_back(std::move(e));
  };
  auto agent = AgentSpec::from_json(*Json::parse(kAgent));
  add(ahead, contract::kind::kSessionStarted,
      Json::object().set("agent", agent->to_json()).set("tenant", "ten_a"));
  Json settled = Json::object().set("reservation", "r").set("tokens", int64_t{900});
  add(w.loop, contract::kind::kBudgetSettled, settled);
  EXPECT_EQ(events[1].time, events[0].time);
  auto taken = take_in(w, w.who, events);
  EXPECT_TRUE(taken) << taken.error().message;
  EXPECT_EQ(w.events(id).size(), 2u);
}

TEST(ImportCheck, AnImportThatIsRefusedLeavesNothing) {
  World w;
  World later;
  later.loop.run_for(30 * 24h);
  const SessionId id = new_id(later);
  auto refused = take_in(w, w.who, claims(later, id, "ten_a", Json::object()));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "invalid_event");
  EXPECT_TRUE(refused.error().message.starts_with("event 1: its time ")) << refused.error().message;
  EXPECT_FALSE(w.loop.run_task(w.store.journal().find(w.ctx, id)));
}

}  // namespace
}  // namespace drover::session
