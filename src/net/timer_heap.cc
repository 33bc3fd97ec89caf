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

uint32_t TimerHeap::use_slot(MonoTime when) {
  uint32_t slot;
  if (free_.empty()) {
    slot = static_cast<uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  Slot& used = slots_[slot];
  ++used.generation;
  used.when = when;
  used.order = next_order_++;
  const Node node{when, used.order, slot};
  if (used.position == kNowhere) {
    heap_.push_back(node);
    sift_up(heap_.size() - 1, node);
  } else if (when < heap_[used.position].when) {
    sift_up(used.position, node);
  }
  return slot;
}

void TimerHeap::free_slot(uint32_t slot) {
  ++slots_[slot].generation;  // ids of this use are void from here on
  free_.push_back(slot);
}

TimerHeap::Id TimerHeap::add(MonoTime when, std::function<void()> fn) {
  const uint32_t slot = use_slot(when);
  slots_[slot].fn.swap(fn);  // a free slot holds none
  return id_of(slot);
}

TimerHeap::Id TimerHeap::add(MonoTime when, async::Turn& turn) {
  const uint32_t slot = use_slot(when);
  slots_[slot].turn = &turn;
  return id_of(slot);
}

void TimerHeap::remove_first() {
  slots_[heap_.front().slot].position = kNowhere;
  const Node last = heap_.back();
  heap_.pop_back();
  if (!heap_.empty()) sift_down(0, last);
}

bool TimerHeap::cancel(Id id) {
  uint32_t low = static_cast<uint32_t>(id);
  if (low == 0 || low > slots_.size()) return false;
  uint32_t slot = low - 1;
  // The generation of a free slot is even, of a used one odd: a match means it is used.
  if (slots_[slot].generation != static_cast<uint32_t>(id >> 32)) return false;
  free_slot(slot);
  Slot& gone = slots_[slot];
  if (std::exchange(gone.turn, nullptr) != nullptr) return true;
  // Its end may add timers: the slot is another's then.
  const std::function<void()> dropped = std::exchange(gone.fn, nullptr);
  return true;
}

std::optional<std::function<void()>> TimerHeap::pop_due(MonoTime now) {
  while (!heap_.empty() && heap_.front().when <= now) {
    const Node first = heap_.front();
    Slot& due = slots_[first.slot];
    const bool used = due.generation % 2 != 0;
    if (used && due.order != first.order) {
      sift_down(0, Node{due.when, due.order, first.slot});
      continue;
    }
    remove_first();
    if (!used) continue;
    free_slot(first.slot);
    if (async::Turn* turn = std::exchange(due.turn, nullptr)) return [turn] { turn->on_turn(); };
    return std::exchange(due.fn, nullptr);
  }
  return std::nullopt;
}

}  // namespace drover::net
