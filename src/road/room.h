#pragma once
// Internal to src/road: how many calls at once a place bears: an endpoint, or this process. What is
// configured is a bound; what an endpoint refuses (429, overload) is learnt as a lower one, by
// additive increase and multiplicative decrease. A share of the places is kept for fast calls. What
// fast calls have to wait for their first token, where that is more than their target, is learnt
// too: then slow work gets fewer places there, never fast work.
//
// Beside it the load, calls in flight over what is allowed, as a mean of about a second, and
// whether it counts as heavy: with hysteresis and a least time between changes.
//
// Pure; the time is handed in. Loop thread only.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "base/time.h"
#include "road/service_class.h"

namespace drover::road {

/// A limit that is learnt: none, until something was refused.
class LearntLimit {
 public:
  /// So many in use were too many. Refusals of the same moment count once.
  void cut(double in_use, double least, MonoTime now);
  /// So many in use were fine.
  void grow(double in_use, MonoTime now);
  bool limited() const { return limit_ < std::numeric_limits<double>::infinity(); }
  uint32_t below(uint32_t bound) const {
    return limit_ < bound ? static_cast<uint32_t>(limit_) : bound;
  }

 private:
  double limit_ = std::numeric_limits<double>::infinity();
  MonoTime cut_at_ = MonoTime::min();
};

class Room {
 public:
  static constexpr uint32_t kUnlimited = UINT32_MAX;

  /// `changed` outlives this: a room whose wait may have changed puts itself there, once.
  explicit Room(std::string name, std::vector<Room*>* changed = nullptr)
      : name_(std::move(name)), changed_(changed) {}
  const std::string& name() const { return name_; }
  /// `settings` are kept in mind and outlive this.
  void configure(uint32_t calls, const ClassSettings& settings);

  /// `fast`: for a call that is stated to be fast; others leave its places free.
  bool has_place(bool fast) const { return calls_ < cap_ && (fast || others_ < others_cap_); }
  void take(bool fast, MonoTime now);
  /// After a call of that length; zero: it was not made.
  void put(bool fast, Duration took, MonoTime now);

  // What an endpoint says.
  /// It refused a call for being busy.
  void refused(MonoTime now);
  void answered(MonoTime now);
  /// A fast call's first token took so long.
  void first_token(Duration took, MonoTime now);

  bool heavy(MonoTime now) {
    sample(now);
    return heavy_;
  }
  uint32_t calls() const { return calls_; }
  uint32_t others() const { return others_; }
  uint32_t cap() const { return cap_; }
  uint32_t others_cap() const { return others_cap_; }
  /// About how many seconds a call that comes now waits for a place here: until as many calls have
  /// ended as wait already. 0 where one is free.
  double wait_s() const;
  /// Whoever keeps `changed` has looked.
  void seen() { listed_ = false; }
  /// Calls that end in a second, by how long they take; 0 where it is not known.
  double ends_per_second() const { return seconds_ > 0 ? calls_ / seconds_ : 0; }
  /// Tickets that want it: it is kept as long.
  uint32_t wanted() const { return wanted_; }
  void want() {
    ++wanted_;
    tell();
  }
  void want_no_more() {
    --wanted_;
    tell();
  }

 private:
  /// A room without a limit never makes anybody wait, and costs nothing here.
  void tell() {
    if (changed_ == nullptr || listed_ || (cap_ == kUnlimited && !limited_)) return;
    limited_ = cap_ != kUnlimited;
    listed_ = true;
    changed_->push_back(this);
  }
  /// A room without a limit is never heavy, and costs nothing here.
  void sample(MonoTime now) {
    if (cap_ != kUnlimited || heavy_) measure(now);
  }
  void measure(MonoTime now);
  double load() const {
    return cap_ == kUnlimited ? 0 : std::min(1.0, static_cast<double>(calls_) / cap_);
  }
  void set_caps();

  std::string name_;
  std::vector<Room*>* changed_;
  bool listed_ = false;
  bool limited_ = false;  // when it last told
  uint32_t wanted_ = 0;
  const ClassSettings* settings_ = nullptr;
  uint32_t bound_ = kUnlimited;  // configured
  LearntLimit learnt_;           // of all
  LearntLimit others_learnt_;    // of those that are not stated to be fast
  uint32_t cap_ = kUnlimited;
  uint32_t others_cap_ = kUnlimited;
  uint32_t calls_ = 0;
  uint32_t others_ = 0;
  double seconds_ = 0;  // mean length of a call

  bool heavy_ = false;
  double load_ = 0;  // mean
  double last_ = 0;  // the load since the last change
  MonoTime sampled_ = MonoTime::min();
  MonoTime switched_ = MonoTime::min();
};

}  // namespace drover::road
