// Who may call, who waits and who is refused, as properties over random arrivals of some tenants,
// on virtual time.

#include <gtest/gtest.h>

#include <cmath>
#include <list>

#include "base/random.h"
#include "base/sanitized.h"
#include "road/admission.h"

namespace drover::road {
namespace {

/// Plays calls of some tenants against one endpoint on virtual time.
class Play {
 public:
  struct Tenant {
    std::string name;
    ServiceClass service_class = ServiceClass::kSlow;
    double per_second = 1;  // arrivals
    double weight = 1;
    double cost = 1000;
    Duration length = 1s;
    // What came of them.
    size_t asked = 0, served = 0, refused = 0;
    double served_cost = 0;
    Duration waited{}, waited_most{};
  };
  Play(uint64_t seed, uint32_t places, ClassSettings settings, bool random_lengths = true)
      : seed_(seed),
        random_(seed),
        admission_(std::move(settings)),
        random_lengths_(random_lengths) {
    catalog::Endpoint e;
    e.id = "a";
    e.model = "m";
    e.provider = "p";
    catalog::Fact fact;
    fact.name = "calls_in_flight";
    fact.value = Json(int64_t{places});
    EXPECT_TRUE(e.facts.set(fact));
    placement_.catalog = *catalog::Catalog::make({e}, 1);
    placement_.endpoints.push_back(&placement_.catalog->endpoints()[0]);
  }

  /// Arrivals are the tenant's own: another tenant beside it does not change them.
  void run(std::vector<Tenant>& tenants, Duration length) {
    MonoTime end = now_ + length;
    std::vector<MonoTime> next(tenants.size());
    std::vector<SeededRandom> arrivals;
    for (size_t i = 0; i < tenants.size(); ++i) {
      arrivals.emplace_back(seed_ * 1000 + i);
      next[i] = now_ + gap(arrivals[i], tenants[i]);
    }
    while (now_ < end) {
      MonoTime soonest = end;
      for (MonoTime t : next) soonest = std::min(soonest, t);
      for (const Call& c : calls_) soonest = std::min(soonest, c.ends);
      now_ = soonest;
      for (auto it = calls_.begin(); it != calls_.end();) {
        if (it->ends > now_) {
          ++it;
          continue;
        }
        admission_.leave(it->seat, now_);
        it = calls_.erase(it);
      }
      for (size_t i = 0; i < tenants.size(); ++i) {
        if (next[i] > now_) continue;
        arrive(tenants[i]);
        next[i] = now_ + gap(arrivals[i], tenants[i]);
      }
      look_at_waiting();
      waiting_most_ = std::max(waiting_most_, waiting_.size());
    }
    for (Waiting& w : waiting_) admission_.give_up(w.ticket, now_);
    waiting_.clear();
    for (Call& c : calls_) admission_.leave(c.seat, now_);
    calls_.clear();
    EXPECT_EQ(admission_.process().calls(), 0u);
    EXPECT_EQ(admission_.waiting(true) + admission_.waiting(false), 0u);
  }
  size_t waiting_most() const { return waiting_most_; }

 private:
  struct Call {
    Seat seat;
    MonoTime ends;
  };
  struct Waiting {
    Ticket ticket;
    Tenant* tenant = nullptr;
    Seat seat;
    MonoTime since;
  };
  static Duration gap(SeededRandom& random, const Tenant& t) {
    double u = std::max(random.unit(), 1e-9);
    return Duration(static_cast<int64_t>(-std::log(u) / t.per_second * 1e9));
  }
  void begin(Tenant& t, Seat seat, Duration waited) {
    Call c;
    c.seat = seat;
    double part = random_lengths_ ? 0.5 + random_.unit() : 1;
    c.ends = now_ + Duration(static_cast<int64_t>(static_cast<double>(t.length.count()) * part));
    calls_.push_back(c);
    ++t.served;
    t.served_cost += t.cost;
    t.waited += waited;
    t.waited_most = std::max(t.waited_most, waited);
  }
  void arrive(Tenant& t) {
    ++t.asked;
    Seat seat;
    seat.fast = t.service_class == ServiceClass::kFast;
    seat.path = admission_.path_of(t.service_class, placement_, now_);
    if (admission_.enter(seat, placement_, now_)) {
      begin(t, seat, Duration::zero());
      return;
    }
    Waiting& w = waiting_.emplace_back();
    w.tenant = &t;
    w.seat = seat;
    w.since = now_;
    w.ticket.tenant = t.name;
    w.ticket.weight = t.weight;
    w.ticket.cost = t.cost;
    w.ticket.until =
        now_ + (seat.fast ? admission_.settings().fast_wait : admission_.settings().slow_wait);
    if (admission_.wait(w.ticket, seat, placement_, now_)) return;
    ++t.refused;
    waiting_.pop_back();
  }
  void look_at_waiting() {
    for (auto it = waiting_.begin(); it != waiting_.end();) {
      if (it->ticket.state == Ticket::State::kGranted) {
        admission_.take(it->ticket, it->seat, placement_, now_);
        begin(*it->tenant, it->seat, now_ - it->since);
      } else if (it->ticket.state == Ticket::State::kPushedOut || now_ >= it->ticket.until) {
        admission_.give_up(it->ticket, now_);
        ++it->tenant->refused;
      } else {
        ++it;
        continue;
      }
      it = waiting_.erase(it);
    }
  }

  uint64_t seed_;
  SeededRandom random_;
  Admission admission_;
  bool random_lengths_;
  Placement placement_;
  MonoTime now_{1h};
  std::list<Call> calls_;
  std::list<Waiting> waiting_;
  size_t waiting_most_ = 0;
};

Play::Tenant tenant(std::string name, double per_second, double weight = 1, double cost = 1000) {
  Play::Tenant out;
  out.name = std::move(name);
  out.per_second = per_second;
  out.weight = weight;
  out.cost = cost;
  return out;
}

ClassSettings of_queue(size_t calls) {
  ClassSettings out;
  out.waiting = calls;
  return out;
}

// A seed takes seconds under a sanitizer.
constexpr uint64_t kSeeds = kSanitized ? 1 : 8;

TEST(AdmissionProperties, TenantsThatWaitShareByWeight) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Play play(seed, 8, of_queue(200));
    // All of them ask for more than there is; one asks for twenty times as much.
    std::vector<Play::Tenant> tenants = {tenant("greedy", 100), tenant("modest", 10),
                                         tenant("paying", 20, 2), tenant("long", 10, 1, 4000)};
    play.run(tenants, 300s);
    double share = tenants[1].served_cost;
    for (const Play::Tenant& t : tenants) {
      EXPECT_GT(t.served, 0u) << t.name << " starved, seed " << seed;
      EXPECT_NEAR(t.served_cost / t.weight / share, 1, 0.1) << t.name << ", seed " << seed;
    }
  }
}

TEST(AdmissionProperties, WhoAsksForLessThanHisShareHardlyWaits) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Play play(seed, 8, of_queue(200));
    std::vector<Play::Tenant> tenants = {tenant("greedy", 100), tenant("seldom", 0.5)};
    play.run(tenants, 300s);
    EXPECT_EQ(tenants[1].refused, 0u) << "seed " << seed;
    EXPECT_LT(tenants[1].waited_most, Duration(3s)) << "two calls' length, seed " << seed;
    EXPECT_GT(tenants[0].refused, 0u);
  }
}

TEST(AdmissionProperties, FastWorkDoesNotNoticeSlowWork) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    Duration waited[2], most[2];
    for (int flood : {0, 1}) {
      Play play(seed, 40, of_queue(300), false);
      std::vector<Play::Tenant> tenants = {tenant("fast", 3)};
      tenants[0].service_class = ServiceClass::kFast;
      if (flood == 1) {
        tenants.push_back(tenant("slow", 60));
        tenants.push_back(tenant("auto", 60));
        tenants.back().service_class = ServiceClass::kAuto;
      }
      play.run(tenants, 100s);
      waited[flood] = tenants[0].waited;
      most[flood] = tenants[0].waited_most;
      EXPECT_EQ(tenants[0].refused, 0u) << "seed " << seed;
      if (flood == 1) {
        EXPECT_GT(tenants[1].served, 500u) << "what is left over is used";
      }
    }
    // Ten places are its own, and it has three calls at once on average.
    EXPECT_EQ(most[0], Duration::zero());
    EXPECT_LE(most[1], Duration(300ms)) << "a rare burst of its own, seed " << seed;
    EXPECT_LE(waited[1], Duration(600ms)) << "of some 300 calls in all, seed " << seed;
  }
}

TEST(AdmissionProperties, SlowWorkIsServedWheneverFastLeavesRoom) {
  Play play(7, 8, of_queue(200));
  std::vector<Play::Tenant> tenants = {tenant("fast", 6), tenant("slow", 50)};
  tenants[0].service_class = ServiceClass::kFast;
  play.run(tenants, 300s);
  // Eight calls a second are possible, six are fast.
  EXPECT_GT(tenants[1].served, 300u);
  EXPECT_LT(to_seconds(tenants[0].waited) / static_cast<double>(tenants[0].served), 0.5)
      << "it waits for the next call to end, never for the queue";
}

TEST(AdmissionProperties, TheQueueIsBoundedAndWhoeverStaysIsServedInTime) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    ClassSettings settings;
    settings.waiting = 100;
    settings.slow_wait = 20s;
    Play play(seed, 4, settings);
    std::vector<Play::Tenant> tenants;
    for (int i = 0; i < 30; ++i) tenants.push_back(tenant("t" + std::to_string(i), 2));
    play.run(tenants, 120s);
    EXPECT_LE(play.waiting_most(), 101u);
    size_t served = 0, refused = 0;
    for (const Play::Tenant& t : tenants) {
      served += t.served;
      refused += t.refused;
      EXPECT_LE(t.waited_most, Duration(20500ms));
      EXPECT_GT(t.served, 2u) << t.name << " starved, seed " << seed;
    }
    EXPECT_GT(served, 340u) << "none of its three places is left empty, seed " << seed;
    EXPECT_GT(refused, 5000u);
  }
}

}  // namespace
}  // namespace drover::road
