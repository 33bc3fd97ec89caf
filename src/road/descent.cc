#include "road/descent.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace drover::road {
namespace {

/// One thing that may be scarce: how near to its limit it is (1: there), below what it is clear.
struct Signal {
  std::string_view name;
  double value = 0;
  double clear = 0.5;
};

/// Averages are clear at half of their limit. The state of things is clear where it is not reached.
constexpr double kClearAverage = 0.5;
constexpr double kClearState = 0.95;

std::array<Signal, 4> signals_of(const Scarcity& s, const ScarcityLimits& when) {
  double price = when.price ? s.price / *when.price : 0;
  return {{{"unusable", s.unusable / when.unusable, kClearState},
           {"refused", s.refused / when.refused, kClearAverage},
           {"queue", to_seconds(s.queue) / to_seconds(when.queue), kClearAverage},
           {"price", price, kClearState}}};
}

Signal worst(const Scarcity& s, const ScarcityLimits& when) {
  Signal out;
  for (const Signal& one : signals_of(s, when)) {
    if (one.value > out.value) out = one;
  }
  return out;
}

bool clear(const Scarcity& s, const ScarcityLimits& when) {
  std::array<Signal, 4> all = signals_of(s, when);
  return std::all_of(all.begin(), all.end(),
                     [](const Signal& one) { return one.value <= one.clear; });
}

std::string percent(double share) { return std::to_string(std::lround(share * 100)) + " %"; }

std::string dollars(double amount) {
  char out[48];
  std::snprintf(out, sizeof out, "$%.2f", amount);
  return out;
}

std::string text_of(std::string_view signal, const Scarcity& s, const ScarcityLimits& when) {
  if (signal == "refused") {
    return percent(s.refused) + " of the attempts are refused (limit " + percent(when.refused) +
           ")";
  }
  if (signal == "queue") {
    return "calls wait for " + format_duration(s.queue) + " (limit " + format_duration(when.queue) +
           ")";
  }
  if (signal == "price") {
    return "a million tokens cost " + dollars(s.price) + " (limit " +
           dollars(when.price.value_or(0)) + ")";
  }
  if (s.unusable >= 1) return "none of the places can be used";
  return percent(s.unusable) + " of the places cannot be used (limit " + percent(when.unusable) +
         ")";
}

}  // namespace

void ScarcityMeter::fade(MonoTime now) {
  if (at_ && now > *at_) {
    double kept = std::exp2(-to_seconds(now - *at_) / to_seconds(limits::kScarcityHalfLife));
    for (double* each : {&attempts_, &refused_, &waits_, &waited_s_}) *each *= kept;
  }
  if (!at_ || now > *at_) at_ = now;
}

void ScarcityMeter::attempt(bool refused, MonoTime now) {
  fade(now);
  attempts_ += 1;
  if (refused) refused_ += 1;
}

void ScarcityMeter::waited(Duration wait, MonoTime now) {
  fade(now);
  waits_ += 1;
  waited_s_ += to_seconds(wait);
}

Scarcity ScarcityMeter::read(MonoTime now) {
  fade(now);
  Scarcity out;
  out.refused = refused_ / std::max(attempts_, limits::kScarcityAttemptsMin);
  double wait = waited_s_ / std::max(waits_, limits::kScarcityAttemptsMin);
  out.queue = Duration(std::llround(wait * 1e9));
  return out;
}

/// The rung to go down to; nullopt: staying is no worse.
std::optional<size_t> Descent::below(const DowngradeLadder& ladder, const Measure& measure,
                                     const Scarcity& here, std::string_view signal) const {
  for (size_t level = level_ + 1; level <= ladder.rungs.size(); ++level) {
    Scarcity there = measure(level);
    if (there.unusable >= ladder.when.unusable && there.unusable >= here.unusable) continue;
    if (signal == "price" && !(there.price > 0 && there.price < here.price)) continue;
    return level;
  }
  return std::nullopt;
}

std::optional<size_t> Descent::above(const DowngradeLadder& ladder, const Measure& measure) const {
  for (size_t level = level_; level > 0; --level) {
    if (measure(level - 1).unusable < ladder.when.unusable) return level - 1;
  }
  return std::nullopt;
}

Descent::Move Descent::move_to(size_t level, MonoTime when) {
  Move out{level_, level};
  level_ = level;
  moved_ = when;
  return out;
}

std::optional<Descent::Move> Descent::decide(const DowngradeLadder& ladder, const Measure& measure,
                                             MonoTime now) {
  const ScarcityLimits& when = ladder.when;
  const Duration dwell_max = when.dwell * limits::kDowngradeDwellsMax;
  level_ = std::min(level_, ladder.rungs.size());  // the agent may have become another one
  dwell_ = std::clamp(dwell_, when.dwell, dwell_max);
  const Scarcity here = measure(level_);
  const Signal scarce = worst(here, when);
  if (!clear(here, when)) hot_ = now;
  if (scarce.value >= 1) {
    bool none = here.unusable >= 1;
    bool settled = !moved_ || now - *moved_ >= when.dwell / limits::kDowngradeSettlePart;
    if (!none && !settled) return std::nullopt;
    if (auto to = below(ladder, measure, here, scarce.name)) {
      bool too_early = rose_ && now - *rose_ < 2 * dwell_;
      dwell_ = too_early ? std::min(2 * dwell_, dwell_max) : when.dwell;
      rose_.reset();
      signal_ = scarce.name;
      why_ = text_of(scarce.name, here, when);
      return move_to(*to, now);
    }
    auto to = none ? above(ladder, measure) : std::nullopt;
    if (!to) return std::nullopt;
    rose_ = now;
    why_up_ = "nothing can be used on the rung below";
    return move_to(*to, now);
  }
  if (level_ == 0) return std::nullopt;
  if (!clear(measure(level_ - 1), when)) hot_ = now;
  MonoTime since = std::max(moved_.value_or(now), hot_.value_or(now));
  if (now - since < dwell_) return std::nullopt;
  rose_ = now;
  why_up_ = kNothingScarce;
  // Not now: after a pause without calls the next call may go up further.
  return move_to(level_ - 1, since + dwell_);
}

}  // namespace drover::road
