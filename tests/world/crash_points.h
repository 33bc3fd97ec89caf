#pragma once
// Places in the code at which a process can be struck down, so that a seed does not depend on luck
// to hit the narrow ones (between write and sync, between sync and acknowledgement). One is armed
// at a time, with a count. Owned by the world; loop thread only.

#include <cstdint>

namespace drover::world {

enum class Point : uint8_t {
  kBeforeAppend,  // nothing is written yet
  kDuringSync,    // written, not synced
  kAfterSync,     // durable, not acknowledged
  kEffectStart,   // the intent is durable, the call has not left
  kEffectSent,    // the call has left
  kEffectEnd,     // the answer is here, not written down
};
inline constexpr uint64_t kPoints = 6;

class CrashPoints {
 public:
  void arm(Point point, uint64_t count) {
    point_ = point;
    left_ = count;
  }
  void disarm() { left_ = 0; }
  bool armed() const { return left_ > 0; }
  /// True for the one passage that was counted out.
  bool hit(Point point) {
    if (left_ == 0 || point != point_) return false;
    return --left_ == 0;
  }

 private:
  Point point_ = Point::kBeforeAppend;
  uint64_t left_ = 0;
};

}  // namespace drover::world
