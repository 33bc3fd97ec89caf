#pragma once
// When an agent goes down its downgrade ladder (downgrade.h), and up again. Pure: what was measured
// and the time are handed in.
//
// Down: one rung as soon as a limit is reached, and then not again before a sixth of the dwell is
// over, so that the rung can show what it does. Rungs on which nothing can be used are passed over,
// and for a price that is too high those that are no cheaper. Where nothing can be used it moves at
// once, and up to the nearest rung where something can if there is none below.
// Up: one rung, once everything was well clear of its limit for the whole dwell, here and where it
// goes up to. A rung that had to be taken again soon after it was left is kept twice as long, up to
// 16 dwells: under a shortage that lasts the ladder does not swing, and when it is over the top is
// reached after at most 16 dwells a rung.

#include <functional>
#include <optional>
#include <string>

#include "road/downgrade.h"

namespace drover::road {

/// What is scarce for an agent's calls, on one rung.
struct Scarcity {
  double refused = 0;   // share of attempts that were refused for want of quota
  Duration queue{};     // mean wait before an attempt
  double unusable = 0;  // share of the places that are left alone
  double price = 0;     // dollars for a million tokens at the best place; 0: not known
};

/// Refusals and waits of late, forgotten by half every limits::kScarcityHalfLife.
class ScarcityMeter {
 public:
  void attempt(bool refused, MonoTime now);
  void waited(Duration wait, MonoTime now);
  /// `refused` and `queue` of it.
  Scarcity read(MonoTime now);

 private:
  void fade(MonoTime now);
  std::optional<MonoTime> at_;
  double attempts_ = 0, refused_ = 0;
  double waits_ = 0, waited_s_ = 0;
};

class Descent {
 public:
  static constexpr const char* kNothingScarce = "nothing is scarce now";
  struct Move {
    size_t from = 0;
    size_t to = 0;
  };
  /// `measure` tells what is scarce on a rung, 0 being the top.
  using Measure = std::function<Scarcity(size_t level)>;
  std::optional<Move> decide(const DowngradeLadder& ladder, const Measure& measure, MonoTime now);

  size_t level() const { return level_; }
  /// What was scarce when it last went down.
  const std::string& signal() const { return signal_; }
  const std::string& why() const { return why_; }
  /// Why it last went up: the shortage was over, or nothing on the rung that it was on could be
  /// used.
  const std::string& why_up() const { return why_up_; }

 private:
  std::optional<size_t> below(const DowngradeLadder& ladder, const Measure& measure,
                              const Scarcity& here, std::string_view signal) const;
  std::optional<size_t> above(const DowngradeLadder& ladder, const Measure& measure) const;
  Move move_to(size_t level, MonoTime when);

  size_t level_ = 0;
  std::optional<MonoTime> moved_;
  std::optional<MonoTime> hot_;   // when something was last not clear of its limit
  std::optional<MonoTime> rose_;  // when it last went up
  Duration dwell_{};
  std::string signal_;
  std::string why_;
  std::string why_up_ = kNothingScarce;  // also after a restart, which forgets the rung
};

}  // namespace drover::road
