#include "world/scenario.h"

namespace drover::world {
namespace {

class Draw {
 public:
  explicit Draw(uint64_t seed) : random_(seed) {}
  Duration time(Duration least, Duration most) {
    auto span = static_cast<uint64_t>((most - least).count());
    return least + Duration(static_cast<int64_t>(random_.below(span + 1)));
  }
  /// In half of the worlds; else zero.
  Duration maybe(Duration least, Duration most) {
    bool there = random_.chance(0.5);
    Duration d = time(least, most);
    return there ? d : Duration::zero();
  }
  double rate(double most) {
    bool there = random_.chance(0.5);
    double p = random_.unit() * most;
    return there ? p : 0;
  }
  uint64_t below(uint64_t n) { return random_.below(n); }
  bool coin(double p) { return random_.chance(p); }

 private:
  SeededRandom random_;
};

}  // namespace

Scenario Scenario::draw(const Options& options) {
  Draw draw(options.seed * 0x9E3779B97F4A7C15u + 1);
  Scenario s;
  // Mostly dozens; one world in sixteen is crowded.
  s.sessions = static_cast<int>(draw.coin(1.0 / 16) ? 150 + draw.below(150) : 10 + draw.below(40));
  if (options.sessions > 0) s.sessions = options.sessions;
  s.spread = draw.time(1s, 30s);
  s.chaos = s.spread + draw.time(10s, 60s);
  s.between_crashes = draw.maybe(2s, 20s);
  s.between_standstills = draw.maybe(5s, 30s);
  s.crash_points = draw.coin(0.7);
  s.down_most = draw.time(10ms, 5s);
  s.sync_most = draw.coin(0.2) ? draw.time(50ms, 2s) : draw.time(200us, 5ms);
  s.between_full = draw.maybe(3s, 30s);
  s.between_lost_answers = draw.maybe(1s, 15s);
  s.rates.read_fails = draw.rate(0.1);
  s.rates.request_lost = draw.rate(0.2);
  s.rates.request_doubled = draw.rate(0.3);
  s.rates.reply_lost = draw.rate(0.2);
  s.rates.reply_late = draw.rate(0.3);
  s.rates.tool_error = draw.rate(0.3);
  s.rates.model_error = draw.rate(0.3);
  s.rates.model_refusal = draw.rate(0.05);
  s.rates.model_slow = draw.rate(0.3);
  s.rates.planner_error = draw.rate(0.3);
  s.rates.planner_nonsense = draw.rate(0.2);
  s.rates.planner_hangs = draw.rate(0.1);
  s.rates.answer_damaged = draw.rate(0.3);
  s.rates.worker_vanishes = draw.rate(0.2);
  s.rates.worker_slow = draw.rate(0.3);
  s.rates.worker_gives_back = draw.rate(0.2);
  s.rates.worker_repeats = draw.rate(0.3);
  s.log_store = draw.coin(0.65);
  if (options.plant == Plant::kLostSync) s.log_store = true;
  if (options.plant == Plant::kMissingFence) s.log_store = false;
  s.between_clock_jumps = draw.coin(0.3) ? draw.time(3s, 30s) : Duration::zero();
  s.rates.overbilled = draw.rate(0.2);
  return s;
}

}  // namespace drover::world
