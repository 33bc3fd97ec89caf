#pragma once
// Memory of coroutine frames. A gateway call makes some twenty of them, many above a kilobyte,
// where malloc leaves its fast path; the sizes are always the same few, so freed frames are kept by
// size and handed out again: two instructions instead of two hundred.
//
// By thread, and a frame may end on another thread than it began. Bounded: kKeptMax frames of each
// size are kept, what is above goes back to malloc; frames over kPooledBytesMax always do. With
// AddressSanitizer or ThreadSanitizer nothing is kept, so that they see each frame's end.

#include <array>
#include <cstddef>
#include <new>

#include "base/sanitized.h"

namespace drover::async {

/// Asks for the beginning of a frame that is about to be gone on with: where others took their turn
/// since, the second cache has it at best.
inline void fetch_frame(const void* frame) {
  constexpr size_t kBytes = 384;
  constexpr size_t kLine = 64;
  for (size_t at = 0; at < kBytes; at += kLine) {
    __builtin_prefetch(static_cast<const char*>(frame) + at);
  }
}

class FramePool {
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

  static void give(void* frame, size_t bytes) noexcept {
    if (!kPooled || bytes > kPooledBytesMax) {
      ::operator delete(frame);
      return;
    }
    List& list = lists_[index(bytes)];
    if (list.kept >= kKeptMax) {
      ::operator delete(frame);
      return;
    }
    list.first = ::new (frame) Free{list.first};
    ++list.kept;
  }

  /// Frames of that size that wait to be used again by this thread.
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

inline constinit thread_local std::array<FramePool::List,
                                         FramePool::kPooledBytesMax / FramePool::kStep>
    FramePool::lists_{};

}  // namespace drover::async
