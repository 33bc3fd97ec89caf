#pragma once
// LocalPtr<T>: a value that several own, all on one thread. Counts without atomics, of which each
// costs as much as twenty other instructions and waits for all writes before it; for what a call
// hands on a few times, that is most of what std::shared_ptr does.
//
// One thread at a time: not to be copied, and not to go, on two. No weak owners, no cycles.

#include <cstddef>
#include <utility>

#include "base/memory_pool.h"

namespace drover {

template <typename T>
class LocalPtr {
 public:
  LocalPtr() = default;
  LocalPtr(std::nullptr_t) {}
  template <typename... Args>
  static LocalPtr make(Args&&... args) {
    LocalPtr out;
    out.node_ = new Node(std::forward<Args>(args)...);
    return out;
  }
  LocalPtr(const LocalPtr& o) : node_(o.node_) {
    if (node_ != nullptr) ++node_->owners;
  }
  LocalPtr(LocalPtr&& o) noexcept : node_(std::exchange(o.node_, nullptr)) {}
  LocalPtr& operator=(LocalPtr o) noexcept {
    std::swap(node_, o.node_);
    return *this;
  }
  ~LocalPtr() { reset(); }

  explicit operator bool() const { return node_ != nullptr; }
  bool operator==(std::nullptr_t) const { return node_ == nullptr; }
  T& operator*() const { return node_->value; }
  T* operator->() const { return &node_->value; }
  /// nullptr if it holds nothing.
  T* get() const { return node_ == nullptr ? nullptr : &node_->value; }
  void reset() {
    Node* gone = std::exchange(node_, nullptr);
    if (gone != nullptr && --gone->owners == 0) delete gone;
  }

 private:
  struct Node : Pooled {
    static_assert(alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);  // more the pool does not give
    template <typename... Args>
    explicit Node(Args&&... args) : value(std::forward<Args>(args)...) {}
    size_t owners = 1;
    T value;
  };
  Node* node_ = nullptr;
};

}  // namespace drover
