#pragma once
// Shares a thing among those on one loop. std::shared_ptr counts with locked instructions once a
// process has threads, and such a one waits for every store before it to reach the cache; a
// connection changes hands several times in each call.
//
//   class Core : public LocalCounted { ... };
//   LocalPtr<Core> core = make_local<Core>(loop);
//
// The last owner ends the thing. One thread at a time; no weak references.

#include <cstddef>
#include <cstdint>
#include <utility>

namespace drover::async {

/// What LocalPtr can share. A class that is not final needs a virtual destructor.
class LocalCounted {
 public:
  LocalCounted(const LocalCounted&) = delete;
  LocalCounted& operator=(const LocalCounted&) = delete;

 protected:
  LocalCounted() = default;
  ~LocalCounted() = default;

 private:
  template <typename T>
  friend class LocalPtr;
  uint32_t owners_ = 0;
};

template <typename T>
class LocalPtr {
 public:
  LocalPtr() = default;
  LocalPtr(std::nullptr_t) {}
  explicit LocalPtr(T* thing) : thing_(thing) { share(); }
  LocalPtr(const LocalPtr& o) : thing_(o.thing_) { share(); }
  LocalPtr(LocalPtr&& o) noexcept : thing_(std::exchange(o.thing_, nullptr)) {}
  LocalPtr& operator=(LocalPtr o) noexcept {
    std::swap(thing_, o.thing_);
    return *this;
  }
  ~LocalPtr() {
    if (thing_ != nullptr && --counted().owners_ == 0) delete thing_;
  }

  T* get() const { return thing_; }
  T* operator->() const { return thing_; }
  T& operator*() const { return *thing_; }
  explicit operator bool() const { return thing_ != nullptr; }
  bool operator==(std::nullptr_t) const { return thing_ == nullptr; }

 private:
  LocalCounted& counted() const { return *thing_; }
  void share() {
    if (thing_ != nullptr) ++counted().owners_;
  }

  T* thing_ = nullptr;
};

template <typename T, typename... Args>
LocalPtr<T> make_local(Args&&... args) {
  return LocalPtr<T>(new T(std::forward<Args>(args)...));
}

}  // namespace drover::async
