#pragma once
// Timers of one loop: a binary heap that knows where each timer stands in it, so that a cancelled
// timer leaves at once. Every request arms a deadline minutes away and cancels it microseconds
// later; a lazy heap would keep them all until then.
//
// add and cancel are O(log n) with a small constant (a fresh deadline is usually near the bottom).
// Ids hold a generation: a late cancel of a reused slot does nothing. One thread.

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "async/loop.h"
#include "base/time.h"

namespace drover::net {

class TimerHeap {
 public:
  using Id = uint64_t;  // never 0

  Id add(MonoTime when, std::function<void()> fn);
  /// The same for what outlives the timer: nothing is made or ended for it, as waits mostly want,
  /// whose deadline is given up.
  Id add(MonoTime when, async::Turn& turn);
  /// False if it ran or was cancelled before.
  bool cancel(Id id);
  bool empty() const { return heap_.empty(); }
  size_t size() const { return heap_.size(); }
  /// Precondition: not empty.
  MonoTime earliest() const { return heap_.front().when; }
  /// Takes out the earliest timer if it is due. Equal times leave in the order they were added.
  std::optional<std::function<void()>> pop_due(MonoTime now);

 private:
  struct Node {
    MonoTime when;
    uint64_t order;
    uint32_t slot;
    bool before(const Node& o) const { return when != o.when ? when < o.when : order < o.order; }
  };
  struct Slot {
    async::Turn* turn = nullptr;  // or else fn
    std::function<void()> fn;
    uint32_t position = 0;
    uint32_t generation = 0;
  };

  void place(size_t position, Node node);
  void sift_up(size_t position, Node node);
  void sift_down(size_t position, Node node);
  /// A slot for a timer that is in the heap then.
  uint32_t use_slot(MonoTime when);
  /// Slot + 1, so that no id is 0.
  Id id_of(uint32_t slot) const {
    return (static_cast<uint64_t>(slots_[slot].generation) << 32) | (slot + 1);
  }
  /// Takes the timer out; what its slot holds is left to the caller.
  Slot& remove_at(size_t position);

  std::vector<Node> heap_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
  uint64_t next_order_ = 0;
};

}  // namespace drover::net
