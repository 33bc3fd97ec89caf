#include "net/timer_heap.h"

#include <utility>

namespace drover::net {

void TimerHeap::place(size_t position, Node node) {
  slots_[node.slot].position = static_cast<uint32_t>(position);
  heap_[position] = node;
}

void TimerHeap::sift_up(size_t position, Node node) {
  while (position > 0) {
    size_t parent = (position - 1) / 2;
    if (!node.before(heap_[parent])) break;
    place(position, heap_[parent]);
    position = parent;
  }
  place(position, node);
}

void TimerHeap::sift_down(size_t position, Node node) {
  for (;;) {
    size_t child = 2 * position + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1].before(heap_[child])) ++child;
    if (!heap_[child].before(node)) break;
    place(position, heap_[child]);
    position = child;
  }
  place(position, node);
}

TimerHeap::Id TimerHeap::add(MonoTime when, std::function<void()> fn) {
  uint32_t slot;
  if (free_.empty()) {
    slot = static_cast<uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  Slot& s = slots_[slot];
  s.fn.swap(fn);  // a free slot holds none
  ++s.generation;
  uint32_t generation = s.generation;
  Node node{when, next_order_++, slot};
  heap_.push_back(node);
  sift_up(heap_.size() - 1, node);
  // Slot + 1, so that no id is 0.
  return (static_cast<uint64_t>(generation) << 32) | (slot + 1);
}

std::function<void()> TimerHeap::remove_at(size_t position) {
  uint32_t slot = heap_[position].slot;
  Node last = heap_.back();
  heap_.pop_back();
  if (position < heap_.size()) {
    if (position > 0 && last.before(heap_[(position - 1) / 2])) {
      sift_up(position, last);
    } else {
      sift_down(position, last);
    }
  }
  std::function<void()> fn;
  fn.swap(slots_[slot].fn);
  ++slots_[slot].generation;  // ids of this use are void from here on
  free_.push_back(slot);
  return fn;
}

bool TimerHeap::cancel(Id id) {
  uint32_t low = static_cast<uint32_t>(id);
  if (low == 0 || low > slots_.size()) return false;
  uint32_t slot = low - 1;
  if (slots_[slot].generation != static_cast<uint32_t>(id >> 32)) return false;
  // The generation of a free slot is even, of a used one odd: a match means it is in the heap.
  auto dropped = remove_at(slots_[slot].position);
  return true;
}

std::optional<std::function<void()>> TimerHeap::pop_due(MonoTime now) {
  if (heap_.empty() || heap_.front().when > now) return std::nullopt;
  return remove_at(0);
}

}  // namespace drover::net
