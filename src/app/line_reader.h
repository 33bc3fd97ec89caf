#pragma once
// Lines of a terminal (or a pipe) for a command that has a loop to run meanwhile: a thread of its
// own waits for them. One next() at a time, on the loop thread; stop() ends it within a moment.
// A line longer than kTypedLineBytesMax is handed over in parts. The descriptor stays open
// and as it was.

#include <atomic>
#include <optional>
#include <string>

#include "async/worker_pool.h"

namespace drover::app {

inline constexpr size_t kTypedLineBytesMax = 64u << 10;

class LineReader {
 public:
  explicit LineReader(int fd) : fd_(fd), worker_("input", 1) {}
  ~LineReader() { stop(); }

  /// Without its line end; nullopt at the end of the input and after stop().
  async::Task<std::optional<std::string>> next(async::Context ctx);
  void stop() { stopped_ = true; }

 private:
  std::optional<std::string> read_line();
  std::optional<std::string> take_line();

  int fd_;
  std::atomic<bool> stopped_ = false;
  std::string read_;  // and not yet handed over; the worker's
  bool ended_ = false;
  async::WorkerPool worker_;  // last, so that it ends first
};

}  // namespace drover::app
