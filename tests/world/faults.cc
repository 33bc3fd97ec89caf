#include "world/faults.h"

namespace drover::world {

Duration Faults::between(Duration least, Duration most) {
  auto span = static_cast<uint64_t>((most - least).count());
  return least + Duration(static_cast<int64_t>(random_.below(span + 1)));
}

ToolFate Faults::tool_fate(std::string_view tool) {
  ToolFate fate;
  fate.request = between(1ms, 20ms);
  fate.reply = between(1ms, 20ms);
  if (tool == "slow") {
    fate.work = between(500ms, 5s);
  } else if (tool == "long") {
    fate.work = between(10s, 50s);  // some beyond what a caller waits
  } else {
    fate.work = between(1ms, 50ms);
  }
  fate.request_lost = random_.chance(rates_.request_lost);
  fate.doubled = random_.chance(rates_.request_doubled);
  fate.second_request = between(1ms, 20s);
  fate.error = random_.chance(tool == "flaky" ? 0.5 : rates_.tool_error);
  fate.reply_lost = random_.chance(rates_.reply_lost);
  if (random_.chance(rates_.reply_late)) fate.reply = between(1s, 60s);
  return fate;
}

ModelFate Faults::model_fate() {
  ModelFate fate;
  fate.think = random_.chance(rates_.model_slow) ? between(5s, 40s) : between(20ms, 2s);
  if (random_.chance(rates_.model_error)) fate.end = ModelFate::End::kUnavailable;
  if (random_.chance(rates_.model_refusal)) fate.end = ModelFate::End::kRefused;
  fate.overbilled = random_.chance(rates_.overbilled);
  fate.endpoint = random_.below(12);
  return fate;
}

PlannerFate Faults::planner_fate() {
  PlannerFate fate;
  fate.think = random_.chance(rates_.planner_hangs) ? 10min : between(5ms, 500ms);
  if (random_.chance(rates_.planner_error)) fate.end = PlannerFate::End::kUnavailable;
  if (random_.chance(rates_.planner_nonsense)) fate.end = PlannerFate::End::kNonsense;
  return fate;
}

WorkerFate Faults::worker_fate() {
  WorkerFate fate;
  fate.work = random_.chance(rates_.worker_slow) ? between(5s, 40s) : between(5ms, 800ms);
  fate.vanishes = random_.chance(rates_.worker_vanishes);
  fate.gives_back = random_.chance(rates_.worker_gives_back);
  fate.repeats = random_.chance(rates_.worker_repeats);
  return fate;
}

}  // namespace drover::world
