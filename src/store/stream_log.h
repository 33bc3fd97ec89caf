#pragma once
// Live output apart from the journal: the text of model calls under way, so that a client that
// reconnects finds what it has not seen, also after the process was killed. Only the final message
// is journalled; once it is, its stream is needed no more and goes.
//
// A position is (sequence, attempt, offset): the sequence of the call's intent in the journal, the
// attempt, and bytes of its text. Text survives the process when append() returns; it is not
// synced, since a power cut costs no more than a reset of the text under way.
//
// Owned by src/app (or a test), outlives who uses it. Loop thread only; blocking work happens on
// an executor. Bounded by limits::kStream…: where they are reached, the oldest text goes and its
// readers wait for the journal. Two forms: files (stream_log_files.h) and memory (below).

#include <compare>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "async/context.h"
#include "async/task.h"
#include "base/ids.h"

namespace drover::store {

using async::Context;
using async::Task;

/// One attempt at a model call.
struct StreamKey {
  SessionId session;
  uint64_t sequence = 0;
  uint32_t attempt = 1;
  auto operator<=>(const StreamKey&) const = default;
};

/// A piece of an attempt's text, which begins at `offset`.
struct StreamChunk {
  StreamKey key;
  uint64_t offset = 0;
  std::string text;
};

class StreamLog {
 public:
  virtual ~StreamLog() = default;
  /// Writes all chunks at once, at most one for an attempt. Each follows what its attempt has
  /// already (else kInvalidArgument); an attempt may begin with any offset. After an error none of
  /// them counts as written: kResourceExhausted when the disk is full.
  virtual Task<Result<void>> append(Context ctx, std::vector<StreamChunk> chunks) = 0;
  /// Text from `offset` on, at most `bytes_max`; empty where there is none (yet). kNotFound when
  /// the text from there on is gone while later text is there.
  virtual Task<Result<std::string>> read(Context ctx, StreamKey key, uint64_t offset,
                                         size_t bytes_max) = 0;
  /// Forgets an attempt.
  virtual void forget(const StreamKey& key) = 0;
  /// Forgets the session's attempts but the one named (sequence 0: all of them).
  virtual void release(const SessionId& session, uint64_t keep_sequence, uint32_t keep_attempt) = 0;
  /// Bytes held.
  virtual uint64_t bytes() const = 0;
};

/// For tests, the world simulation and --dev. It outlives the LiveStreams of a simulated process as
/// files outlive a real one.
class MemoryStreamLog final : public StreamLog {
 public:
  Task<Result<void>> append(Context ctx, std::vector<StreamChunk> chunks) override;
  Task<Result<std::string>> read(Context ctx, StreamKey key, uint64_t offset,
                                 size_t bytes_max) override;
  void forget(const StreamKey& key) override;
  void release(const SessionId& session, uint64_t keep_sequence, uint32_t keep_attempt) override;
  uint64_t bytes() const override { return bytes_; }

  /// How long a write takes.
  Duration write_time{};
  /// Set: writes fail with it.
  std::optional<Error> broken;
  /// Writes and reads done.
  uint64_t appends = 0;
  uint64_t reads = 0;

 private:
  struct Text {
    uint64_t begin = 0;
    std::string text;
  };
  std::map<StreamKey, Text>::iterator erase(std::map<StreamKey, Text>::iterator it);
  std::map<StreamKey, Text> texts_;
  uint64_t bytes_ = 0;
};

}  // namespace drover::store
