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

#include "base/time.h"

namespace drover::net {

class TimerHeap {
 public:
  using Id = uint64_t;  // never 0

  Id add(MonoTime when, std::function<void()> fn);
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
    std::function<void()> fn;
    uint32_t position = 0;
    uint32_t generation = 0;
  };

  void place(size_t position, Node node);
  void sift_up(size_t position, Node node);
  void sift_down(size_t position, Node node);
  std::function<void()> remove_at(size_t position);

  std::vector<Node> heap_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
  uint64_t next_order_ = 0;
};

}  // namespace drover::net
