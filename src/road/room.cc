#include "road/room.h"

#include <algorithm>
#include <cmath>

namespace drover::road {
namespace {

constexpr double kDecrease = 0.7;
/// Between two decreases: what was sent before the first says nothing new.
constexpr Duration kSettle = 1s;
/// What was learnt so long ago, and is not reached any more, is forgotten.
constexpr Duration kForget = 60s;
/// The load is a mean over about so long.
constexpr Duration kWindow = 1s;
/// A measured length moves the mean by this part.
constexpr double kNewWaitPart = 0.1;
/// What a call is taken to last before one was measured.
constexpr double kUnknownLength = 1;

/// Since the time of something that may never have happened.
bool within(MonoTime since, Duration time, MonoTime now) {
  return since != MonoTime::min() && now - since < time;
}

}  // namespace

void LearntLimit::cut(double in_use, double least, MonoTime now) {
  if (within(cut_at_, kSettle, now)) return;
  limit_ = std::max(least, std::min(limit_, in_use) * kDecrease);
  cut_at_ = now;
}

void LearntLimit::grow(double in_use, MonoTime now) {
  if (!limited()) return;
  if (in_use >= limit_ * 0.9) {
    limit_ += 1 / limit_;
  } else if (in_use <= limit_ / 2 && !within(cut_at_, kForget, now)) {
    limit_ = std::numeric_limits<double>::infinity();
  }
}

void Room::configure(uint32_t calls, const ClassSettings& settings) {
  bound_ = calls;
  settings_ = &settings;
  set_caps();
}

void Room::set_caps() {
  cap_ = learnt_.below(bound_);
  uint32_t most = cap_;
  if (cap_ != kUnlimited) {
    double left = std::floor(cap_ * (1 - settings_->kept_for_fast));
    most = std::max(1u, static_cast<uint32_t>(left));
  }
  others_cap_ = others_learnt_.below(most);
  last_ = load();
  tell();
}

double Room::wait_s() const {
  if (calls_ < cap_) return 0;
  const double length = seconds_ > 0 ? seconds_ : kUnknownLength;
  return length * (1 + wanted_) / std::max(1u, calls_);
}

void Room::take(bool fast, MonoTime now) {
  sample(now);
  ++calls_;
  if (!fast) ++others_;
  last_ = load();
  tell();
}

void Room::put(bool fast, Duration took, MonoTime now) {
  sample(now);
  --calls_;
  if (!fast) --others_;
  last_ = load();
  tell();
  if (took <= Duration::zero()) return;
  double seconds = to_seconds(took);
  seconds_ += seconds_ == 0 ? seconds : kNewWaitPart * (seconds - seconds_);
}

void Room::refused(MonoTime now) {
  // One of few says nothing of how many it bears.
  if (calls_ < limits::kLearntCallsLeast) return;
  learnt_.cut(calls_, limits::kLearntCallsLeast, now);
  set_caps();
}

void Room::answered(MonoTime now) {
  if (!learnt_.limited()) return;
  learnt_.grow(calls_, now);
  set_caps();
}

void Room::first_token(Duration took, MonoTime now) {
  if (settings_->fast_target <= Duration::zero()) return;
  if (took > settings_->fast_target) {
    // With none of them there, it is not they who are in the way.
    if (others_ == 0) return;
    others_learnt_.cut(others_, 1, now);
  } else if (others_learnt_.limited()) {
    others_learnt_.grow(others_, now);
  } else {
    return;
  }
  set_caps();
}

void Room::measure(MonoTime now) {
  // Calls that come together find the same.
  if (now == sampled_) return;
  if (sampled_ != MonoTime::min()) {
    double share = static_cast<double>((now - sampled_).count()) / kWindow.count();
    load_ += (last_ - load_) * std::min(1.0, share);
  }
  sampled_ = now;
  if (within(switched_, settings_->dwell, now)) return;
  bool next = heavy_ ? load_ > settings_->light_below : load_ >= settings_->heavy_above;
  if (next == heavy_) return;
  heavy_ = next;
  switched_ = now;
}

}  // namespace drover::road
