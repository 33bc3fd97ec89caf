// Who may call, who waits and who is refused: the rules one by one, on a time that the test moves.
// As properties over random arrivals: admission_properties_test.cc.

#include "road/admission.h"

#include <gtest/gtest.h>

#include <list>

namespace drover::road {
namespace {

class AdmissionTest : public ::testing::Test {
 protected:
  /// A catalog with these endpoints of the model "m", of so many calls each (0: any).
  void endpoints(std::vector<std::pair<std::string, int>> wanted) {
    std::vector<catalog::Endpoint> made;
    for (const auto& [id, calls] : wanted) {
      catalog::Endpoint e;
      e.id = id;
      e.model = "m";
      e.provider = "p";
      if (calls > 0) {
        catalog::Fact fact;
        fact.name = "calls_in_flight";
        fact.value = Json(int64_t{calls});
        EXPECT_TRUE(e.facts.set(fact));
      }
      made.push_back(std::move(e));
    }
    catalog_ = *catalog::Catalog::make(std::move(made), ++epoch_);
  }
  Placement placement(std::vector<std::string> ids = {}) {
    Placement out;
    out.catalog = catalog_;
    for (const catalog::Endpoint& e : catalog_->endpoints()) {
      bool wanted = ids.empty() || std::find(ids.begin(), ids.end(), e.id) != ids.end();
      if (wanted) out.endpoints.push_back(&e);
    }
    return out;
  }
  static Seat seat(ServiceClass c) {
    Seat out;
    out.fast = c == ServiceClass::kFast;
    out.path = c;
    return out;
  }
  bool enter(ServiceClass c, Seat& out) {
    out = seat(c);
    return admission_.enter(out, placement(), now_);
  }
  Result<void> wait(Ticket& ticket, ServiceClass c, std::string tenant = "t",
                    std::vector<std::string> ids = {}) {
    ticket.tenant = std::move(tenant);
    if (ticket.until == MonoTime::max()) ticket.until = now_ + 600s;
    return admission_.wait(ticket, seat(c), placement(std::move(ids)), now_);
  }
  /// One call through its whole life.
  void call_of(ServiceClass c, Duration length) {
    Seat s;
    ASSERT_TRUE(enter(c, s));
    now_ += length;
    admission_.leave(s, now_);
  }

  ClassSettings settings_;
  Admission admission_{ClassSettings()};
  std::shared_ptr<const catalog::Catalog> catalog_;
  uint64_t epoch_ = 0;
  MonoTime now_{1h};
};

TEST_F(AdmissionTest, WithoutLimitsEveryoneComesIn) {
  endpoints({{"a", 0}});
  std::vector<Seat> seats(1000);
  for (Seat& s : seats) EXPECT_TRUE(enter(ServiceClass::kSlow, s));
  EXPECT_EQ(admission_.process().calls(), 1000u);
  for (Seat& s : seats) admission_.leave(s, now_);
  EXPECT_EQ(admission_.process().calls(), 0u);
}

TEST_F(AdmissionTest, ARoomTellsHowLongACallWouldWaitForAPlace) {
  endpoints({{"a", 2}, {"open", 0}});
  std::map<std::string, double> waits;
  auto look = [&] {
    admission_.take_changes([&](const Room& room) { waits[room.name()] = room.wait_s(); });
  };
  call_of(ServiceClass::kFast, 4s);
  look();
  EXPECT_EQ(waits["a"], 0);
  Seat one = seat(ServiceClass::kFast), two = one;
  ASSERT_TRUE(admission_.enter(one, placement({"a"}), now_));
  ASSERT_TRUE(admission_.enter(two, placement({"a"}), now_));
  look();
  EXPECT_DOUBLE_EQ(waits["a"], 2) << "two calls of four seconds: one ends every two";
  Ticket next;
  ASSERT_TRUE(wait(next, ServiceClass::kFast, "t", {"a"}));
  look();
  EXPECT_DOUBLE_EQ(waits["a"], 4) << "one waits already";
  admission_.give_up(next, now_);
  now_ += 4s;
  admission_.leave(one, now_);
  look();
  EXPECT_EQ(waits["a"], 0) << "a place is free";
  admission_.leave(two, now_);
  waits.clear();
  look();
  EXPECT_EQ(waits.size(), 1u);
  Seat other = seat(ServiceClass::kFast);
  ASSERT_TRUE(admission_.enter(other, placement({"open"}), now_));
  waits.clear();
  look();
  EXPECT_TRUE(waits.empty()) << "an endpoint without a limit makes nobody wait";
}

TEST_F(AdmissionTest, SlowWorkLeavesTheKeptPlacesFree) {
  endpoints({{"a", 8}});
  std::vector<Seat> slow(7), fast(3);
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(enter(ServiceClass::kSlow, slow[static_cast<size_t>(i)]));
  EXPECT_FALSE(enter(ServiceClass::kSlow, slow[6])) << "a quarter of eight is kept";
  EXPECT_TRUE(enter(ServiceClass::kFast, fast[0]));
  EXPECT_TRUE(enter(ServiceClass::kFast, fast[1]));
  EXPECT_FALSE(enter(ServiceClass::kFast, fast[2])) << "eight is eight";
}

TEST_F(AdmissionTest, FastIsServedFirstAndSlowAfterIt) {
  endpoints({{"a", 2}});
  Seat one, two;
  ASSERT_TRUE(enter(ServiceClass::kSlow, one));
  ASSERT_TRUE(enter(ServiceClass::kFast, two));
  Ticket slow, fast;
  ASSERT_TRUE(wait(slow, ServiceClass::kSlow));
  ASSERT_TRUE(wait(fast, ServiceClass::kFast));
  admission_.leave(one, now_);
  EXPECT_EQ(fast.state, Ticket::State::kGranted) << "though it came later";
  EXPECT_EQ(slow.state, Ticket::State::kWaiting);
  admission_.leave(two, now_);
  EXPECT_EQ(slow.state, Ticket::State::kGranted);
  Seat taken = seat(ServiceClass::kFast);
  admission_.take(fast, taken, placement(), now_);
  EXPECT_EQ(taken.endpoint->id, "a");
  admission_.leave(taken, now_);
  admission_.give_up(slow, now_);
  EXPECT_EQ(admission_.process().calls(), 0u) << "what was granted and not taken is given back";
  EXPECT_EQ(admission_.room(*catalog_, catalog_->endpoints()[0]).calls(), 0u);
}

TEST_F(AdmissionTest, AFullEndpointHoldsUpNobodyWhoWaitsForAnother) {
  endpoints({{"a", 2}, {"b", 2}});
  std::vector<Seat> at_a(2), at_b(2);
  for (Seat& s : at_a) {
    s = seat(ServiceClass::kFast);
    ASSERT_TRUE(admission_.enter(s, placement({"a"}), now_));
  }
  for (Seat& s : at_b) {
    s = seat(ServiceClass::kFast);
    ASSERT_TRUE(admission_.enter(s, placement({"b"}), now_));
  }
  Ticket for_a, for_b, for_either;
  ASSERT_TRUE(wait(for_a, ServiceClass::kSlow, "t", {"a"}));
  ASSERT_TRUE(wait(for_b, ServiceClass::kSlow, "t", {"b"}));
  ASSERT_TRUE(wait(for_either, ServiceClass::kSlow, "t"));
  admission_.leave(at_b[0], now_);
  EXPECT_EQ(for_a.state, Ticket::State::kWaiting);
  EXPECT_EQ(for_b.state, Ticket::State::kGranted);
  admission_.leave(at_a[0], now_);
  EXPECT_EQ(for_a.state, Ticket::State::kGranted);
  EXPECT_EQ(for_either.state, Ticket::State::kWaiting);
  admission_.give_up(for_either, now_);
  admission_.give_up(for_a, now_);
  admission_.give_up(for_b, now_);
}

TEST_F(AdmissionTest, WhoWouldWaitPastHisDeadlineIsRefusedAtOnce) {
  endpoints({{"a", 1}});
  call_of(ServiceClass::kFast, 10s);  // so long takes a call
  Seat one;
  ASSERT_TRUE(enter(ServiceClass::kSlow, one));
  Ticket patient;
  ASSERT_TRUE(wait(patient, ServiceClass::kSlow));
  Ticket hurried;
  hurried.until = now_ + 5s;
  Result<void> out = wait(hurried, ServiceClass::kSlow, "other");
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, Code::kUnavailable) << "it is others who crowd him out";
  EXPECT_EQ(out.error().reason, "overloaded");
  EXPECT_EQ(out.error().retry, Retry::kAfter);
  ASSERT_TRUE(out.error().retry_after);
  EXPECT_GE(*out.error().retry_after, Duration(9s));
  EXPECT_LE(*out.error().retry_after, Duration(21s));
  EXPECT_EQ(admission_.waiting(false), 1u);
  admission_.give_up(patient, now_);
}

TEST_F(AdmissionTest, TheTimeToComeBackFollowsTheMeasuredDrain) {
  endpoints({{"a", 1}});
  std::list<Ticket> waiting;
  Seat one;
  ASSERT_TRUE(enter(ServiceClass::kSlow, one));
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(wait(waiting.emplace_back(), ServiceClass::kSlow));
  // One is served every two seconds.
  for (int i = 0; i < 20; ++i) {
    now_ += 2s;
    admission_.leave(one, now_);
    ASSERT_EQ(waiting.front().state, Ticket::State::kGranted);
    one = seat(ServiceClass::kSlow);
    admission_.take(waiting.front(), one, placement(), now_);
    waiting.pop_front();
  }
  Ticket late;
  late.until = now_ + 10s;
  Result<void> out = wait(late, ServiceClass::kSlow);
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, Code::kResourceExhausted) << "it is his own calls that wait";
  // Twenty wait before it: about forty seconds.
  EXPECT_NEAR(to_seconds(*out.error().retry_after), 42, 8);
  for (Ticket& t : waiting) admission_.give_up(t, now_);
}

TEST_F(AdmissionTest, AFullQueuePushesOutWhoeverHasMost) {
  settings_.waiting = 10;
  admission_.configure(settings_, now_);
  endpoints({{"a", 1}});
  Seat one;
  ASSERT_TRUE(enter(ServiceClass::kFast, one));
  std::list<Ticket> greedy;
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(wait(greedy.emplace_back(), ServiceClass::kSlow, "greedy"));
  }
  Ticket more;
  Result<void> refused = wait(more, ServiceClass::kSlow, "greedy");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kResourceExhausted);
  Ticket modest;
  ASSERT_TRUE(wait(modest, ServiceClass::kSlow, "modest"));
  EXPECT_EQ(greedy.back().state, Ticket::State::kPushedOut);
  EXPECT_EQ(greedy.front().state, Ticket::State::kWaiting);
  Ticket fast;
  ASSERT_TRUE(wait(fast, ServiceClass::kFast, "greedy")) << "slow work makes room";
  EXPECT_EQ(admission_.waiting(true) + admission_.waiting(false), 10u);
  EXPECT_FALSE(admission_.rest()) << "who rests between rounds is counted too";
  admission_.give_up(fast, now_);
  admission_.give_up(modest, now_);
  for (Ticket& t : greedy) admission_.give_up(t, now_);
  EXPECT_TRUE(admission_.rest());
}

TEST_F(AdmissionTest, AutoTurnsSlowUnderLoadAndBackWithHysteresis) {
  settings_.kept_for_fast = 0;
  admission_.configure(settings_, now_);
  endpoints({{"a", 10}});
  auto path = [&] { return admission_.path_of(ServiceClass::kAuto, placement(), now_); };
  EXPECT_EQ(path(), ServiceClass::kFast);
  std::vector<Seat> seats(9);
  for (Seat& s : seats) ASSERT_TRUE(enter(ServiceClass::kSlow, s));
  EXPECT_EQ(path(), ServiceClass::kFast) << "a moment is no load";
  now_ += 5s;
  EXPECT_EQ(path(), ServiceClass::kSlow) << "nine of ten for five seconds";
  for (size_t i = 0; i < 3; ++i) admission_.leave(seats[i], now_);
  now_ += 20s;
  EXPECT_EQ(path(), ServiceClass::kSlow) << "six of ten is between the two";
  admission_.leave(seats[3], now_);
  admission_.leave(seats[4], now_);
  now_ += 300ms;
  EXPECT_EQ(path(), ServiceClass::kSlow) << "nor is a moment without one an end of it";
  now_ += 5s;
  EXPECT_EQ(path(), ServiceClass::kFast);
  // Back up at once: not before the least time has passed.
  std::vector<Seat> more(6);
  for (Seat& s : more) ASSERT_TRUE(enter(ServiceClass::kSlow, s));
  now_ += 3s;
  EXPECT_EQ(path(), ServiceClass::kSlow) << "no place is left at all: it must wait";
  admission_.leave(more[0], now_);
  EXPECT_EQ(path(), ServiceClass::kFast) << "a place is free, and it turned only now";
  now_ += 3s;
  EXPECT_EQ(path(), ServiceClass::kSlow);
}

TEST_F(AdmissionTest, AutoNeverTakesThePlacesKeptForFast) {
  endpoints({{"a", 8}});
  std::vector<Seat> seats(7);
  size_t in = 0;
  for (Seat& s : seats) {
    s.path = admission_.path_of(ServiceClass::kAuto, placement(), now_);
    in += admission_.enter(s, placement(), now_) ? 1 : 0;
  }
  EXPECT_EQ(in, 6u);
  EXPECT_EQ(seats.back().path, ServiceClass::kSlow) << "it has to wait, and says so";
  Seat fast;
  EXPECT_TRUE(enter(ServiceClass::kFast, fast));
}

TEST_F(AdmissionTest, RefusalsOfAnEndpointAreLearntAndForgotten) {
  endpoints({{"a", 0}});
  std::vector<Seat> seats(20);
  for (Seat& s : seats) ASSERT_TRUE(enter(ServiceClass::kFast, s));
  Room& room = admission_.room(*catalog_, catalog_->endpoints()[0]);
  room.refused(now_);
  EXPECT_EQ(room.cap(), 14u);
  for (int i = 0; i < 10; ++i) room.refused(now_ + 100ms);
  EXPECT_EQ(room.cap(), 14u) << "refusals of one moment count once";
  room.refused(now_ + 2s);
  EXPECT_EQ(room.cap(), 9u);
  for (int i = 0; i < 100; ++i) room.refused(now_ + 10s + i * 2s);
  EXPECT_EQ(room.cap(), limits::kLearntCallsLeast);
  // Good answers while it is full allow one more after about as many.
  for (int i = 0; i < 5; ++i) room.answered(now_ + 300s);
  EXPECT_EQ(room.cap(), limits::kLearntCallsLeast + 1);
  for (Seat& s : seats) admission_.leave(s, now_ + 300s);
  room.answered(now_ + 500s);
  EXPECT_EQ(room.cap(), Room::kUnlimited) << "long ago, and far from reached";
}

TEST_F(AdmissionTest, SlowWorkMakesRoomWhereFastCallsMissTheirTarget) {
  settings_.fast_target = 1s;
  admission_.configure(settings_, now_);
  endpoints({{"a", 0}});
  std::vector<Seat> slow(10);
  for (Seat& s : slow) ASSERT_TRUE(enter(ServiceClass::kSlow, s));
  Room& room = admission_.room(*catalog_, catalog_->endpoints()[0]);
  room.first_token(500ms, now_);
  EXPECT_EQ(room.others_cap(), Room::kUnlimited);
  room.first_token(2s, now_);
  EXPECT_EQ(room.others_cap(), 7u);
  EXPECT_EQ(room.cap(), Room::kUnlimited) << "fast work is not limited";
  Seat more, fast;
  EXPECT_FALSE(enter(ServiceClass::kSlow, more));
  EXPECT_TRUE(enter(ServiceClass::kFast, fast));
  for (int i = 0; i < 8; ++i) room.first_token(100ms, now_ + 5s);
  EXPECT_EQ(room.others_cap(), 8u);
}

TEST_F(AdmissionTest, AReloadKeepsWhoIsInAndForgetsWhatIsGone) {
  endpoints({{"a", 2}, {"b", 2}});
  Seat a = seat(ServiceClass::kFast), b = seat(ServiceClass::kFast);
  ASSERT_TRUE(admission_.enter(a, placement({"a"}), now_));
  ASSERT_TRUE(admission_.enter(b, placement({"b"}), now_));
  Placement old = placement({"b"});
  endpoints({{"c", 1}, {"a", 5}});
  Seat c = seat(ServiceClass::kFast);
  ASSERT_TRUE(admission_.enter(c, placement({"c"}), now_));
  EXPECT_EQ(admission_.room(*catalog_, *catalog_->find("a")).calls(), 1u);
  EXPECT_EQ(admission_.room(*catalog_, *catalog_->find("a")).cap(), 5u);
  Seat late = seat(ServiceClass::kFast);
  EXPECT_TRUE(admission_.enter(late, old, now_)) << "placed before the reload";
  admission_.leave(late, now_);
  admission_.leave(b, now_);
  EXPECT_EQ(admission_.rooms(), 3u);
  endpoints({{"a", 5}});
  ASSERT_TRUE(enter(ServiceClass::kFast, late));
  EXPECT_EQ(admission_.rooms(), 2u) << "c is in use, b is gone";
  for (Seat* s : {&a, &c, &late}) admission_.leave(*s, now_);
  EXPECT_EQ(admission_.process().calls(), 0u);
}

TEST_F(AdmissionTest, WhoClosesWakesAll) {
  endpoints({{"a", 1}});
  Seat one;
  ASSERT_TRUE(enter(ServiceClass::kFast, one));
  Ticket a, b;
  ASSERT_TRUE(wait(a, ServiceClass::kSlow));
  ASSERT_TRUE(wait(b, ServiceClass::kFast));
  admission_.close();
  EXPECT_EQ(a.state, Ticket::State::kPushedOut);
  EXPECT_EQ(b.state, Ticket::State::kPushedOut);
}

}  // namespace
}  // namespace drover::road
