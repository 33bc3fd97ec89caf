#pragma once
// Timers of one loop: a binary heap in which a cancelled timer leaves its node to the next one that
// is added. Every request arms a deadline minutes away and cancels it microseconds later: the next
// deadline is mostly a later one, for which the node stays where it is until its old time comes.
// So there are never more nodes than there were timers at once.
//
// cancel is O(1), and so mostly is add (else O(log n)). Ids hold a generation: a late cancel of a
// reused slot does nothing. One thread.

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
  /// Whether there is no node; one of a cancelled timer stays until its time comes.
  bool empty() const { return heap_.empty(); }
  /// How many timers there are.
  size_t size() const { return slots_.size() - free_.size(); }
  /// No timer is due before that, and at that time perhaps none. Precondition: not empty.
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
  static constexpr uint32_t kNowhere = UINT32_MAX;
  struct Slot {
    async::Turn* turn = nullptr;  // or else fn
    std::function<void()> fn;
    MonoTime when{};  // the node may stand for an earlier time
    uint64_t order = 0;
    uint32_t position = kNowhere;  // of its node
    uint32_t generation = 0;       // odd while it is used
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
  /// What the slot holds is left to the caller.
  void free_slot(uint32_t slot);
  void remove_first();

  std::vector<Node> heap_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;  // with their nodes, or without
  uint64_t next_order_ = 0;
};

}  // namespace drover::net
