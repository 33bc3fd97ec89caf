#pragma once
// Memory for what each call makes and ends: frames of coroutines, of which a gateway call makes
// some twenty, many above a kilobyte, where malloc leaves its fast path, and what it holds beside
// them. The sizes are always the same few, so what was freed is kept by size and handed out again:
// two instructions instead of two hundred, and memory that the first cache still has.
//
// By thread, and what one thread took another may give back. Bounded: kKeptMax pieces of each size
// are kept, what is above goes back to malloc; pieces over kPooledBytesMax always do. With
// AddressSanitizer or ThreadSanitizer nothing is kept, so that they see the end of each.

#include <array>
#include <cstddef>
#include <new>

#include "base/sanitized.h"

namespace drover {

class MemoryPool {
 public:
  static constexpr size_t kStep = 64;
  static constexpr size_t kPooledBytesMax = 4096;
  static constexpr size_t kKeptMax = 64;
  static constexpr bool kPooled = !kSanitized;

  static void* take(size_t bytes) {
    if (!kPooled || bytes > kPooledBytesMax) return ::operator new(bytes);
    List& list = lists_[index(bytes)];
    if (list.first == nullptr) return ::operator new(rounded(bytes));
    Free* out = list.first;
    list.first = out->next;
    --list.kept;
    return out;
  }

  static void give(void* piece, size_t bytes) noexcept {
    if (!kPooled || bytes > kPooledBytesMax) {
      ::operator delete(piece);
      return;
    }
    List& list = lists_[index(bytes)];
    if (list.kept >= kKeptMax) {
      ::operator delete(piece);
      return;
    }
    list.first = ::new (piece) Free{list.first};
    ++list.kept;
  }

  /// Pieces of that size that wait to be used again by this thread.
  static size_t kept(size_t bytes) {
    return bytes > kPooledBytesMax ? 0 : lists_[index(bytes)].kept;
  }

 private:
  struct Free {
    Free* next;
  };
  struct List {
    Free* first = nullptr;
    size_t kept = 0;
  };

  static size_t index(size_t bytes) { return (bytes - 1) / kStep; }
  static size_t rounded(size_t bytes) { return (index(bytes) + 1) * kStep; }

  // Constant-initialised and without a destructor: no guard on the hot path. What a thread keeps
  // when it ends stays with the process; loops live as long as it.
  static thread_local std::array<List, kPooledBytesMax / kStep> lists_;
};

inline constinit thread_local std::array<MemoryPool::List,
                                         MemoryPool::kPooledBytesMax / MemoryPool::kStep>
    MemoryPool::lists_{};

/// The base of what is made with `new` from there.
struct Pooled {
  static void* operator new(size_t bytes) { return MemoryPool::take(bytes); }
  static void operator delete(void* piece, size_t bytes) noexcept {
    MemoryPool::give(piece, bytes);
  }
};

}  // namespace drover
