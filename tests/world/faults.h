#pragma once
// What goes wrong, call by call, as often as the scenario says. calm() ends it all.
// Owned by the world. Loop thread only.

#include <string_view>

#include "base/random.h"
#include "base/time.h"

namespace drover::world {

/// Probabilities; each kind of trouble is in about half of all worlds.
struct Rates {
  double read_fails = 0;
  double request_lost = 0;
  double request_doubled = 0;
  double reply_lost = 0;
  double reply_late = 0;
  double tool_error = 0;
  double model_error = 0;
  double model_refusal = 0;
  double model_slow = 0;
  double overbilled = 0;  // a provider bills more than was reserved
  double planner_error = 0;
  double planner_nonsense = 0;
  double planner_hangs = 0;
  double answer_damaged = 0;  // of planners, models and tools
  double worker_vanishes = 0;
  double worker_slow = 0;
  double worker_gives_back = 0;
  double worker_repeats = 0;
};

/// What becomes of one call of a tool on its way there and back.
struct ToolFate {
  Duration request{};  // until it arrives
  bool request_lost = false;
  bool doubled = false;
  Duration second_request{};
  Duration work{};
  bool error = false;
  bool reply_lost = false;
  Duration reply{};
};

struct ModelFate {
  Duration think{};
  enum class End : uint8_t { kAnswer, kUnavailable, kRefused } end = End::kAnswer;
  bool overbilled = false;
  /// Which of the endpoints that may serve the call does; modulo their number.
  uint64_t endpoint = 0;
};

struct PlannerFate {
  Duration think{};
  enum class End : uint8_t { kAnswer, kUnavailable, kNonsense } end = End::kAnswer;
};

/// What a worker does with a lease.
struct WorkerFate {
  Duration work{};
  bool vanishes = false;    // never answers
  bool gives_back = false;  // answers with an error
  bool repeats = false;     // answers twice
};

class Faults {
 public:
  Faults(Rates rates, uint64_t seed) : rates_(rates), random_(seed) {}
  void calm() { rates_ = Rates(); }
  bool read_fails() { return random_.chance(rates_.read_fails); }
  ToolFate tool_fate(std::string_view tool);
  ModelFate model_fate();
  PlannerFate planner_fate();
  WorkerFate worker_fate();
  /// What damages the answer at hand on its way; nullptr mostly.
  Random* damage() { return random_.chance(rates_.answer_damaged) ? &random_ : nullptr; }

 private:
  Duration between(Duration least, Duration most);
  Rates rates_;
  SeededRandom random_;
};

}  // namespace drover::world
