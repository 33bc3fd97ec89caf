#pragma once
// The log: segments one after another, read at any place, written at the end. No threads and no
// queue (log_writer.h has those), and nothing of what frames mean (log_journal.h).
//
// Opening finds the end: what the last write before a crash left unfinished is cut off, but never
// below what `known_durable` says somebody knows to have been acknowledged (given the log's id).
// Damage before the end is reported and left alone.
//
// Blocking. write(), begin() with its finish(), and close() by one thread at a time; read(), end()
// and scan() by any, also beside a write. Failure of write(), begin() or finish(): nothing of the
// batch is in the log; kResourceExhausted (full disk), kUnavailable (the disk failed). Each next
// write begins with repairing what is left over.

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/random.h"
#include "store/disk.h"
#include "store/log/segment.h"

namespace drover::store::log {

struct LogOptions {
  std::string folder;
  /// A segment takes no further write beyond this; one write alone may be larger.
  uint64_t segment_bytes = 64u << 20;
  /// Space is reserved this far ahead, and filled with zeros so far ahead, so that most syncs write
  /// nothing but the bytes: space that was never written costs the file system a note of its own.
  uint64_t reserve_bytes = 4u << 20;
  uint64_t zero_bytes = 256u << 10;
};

/// Bytes that are no frames any more, with the segment and the offset for people.
struct Damage {
  Position from = 0;
  Position to = 0;
  std::string where;
};

/// One frame to write; its head is filled in by the log.
struct OutFrame {
  std::string* bytes = nullptr;
  uint32_t crc = 0;       // of the body
  Position position = 0;  // out
};

/// One frame as read.
struct InFrame {
  Position position = 0;
  Position end = 0;
  std::string body;
};

class Log {
 public:
  /// `disk` must outlive it. `random` names a new log; it is not kept.
  static Result<std::unique_ptr<Log>> open(
      Disk& disk, LogOptions options, Random& random,
      const std::function<Result<Position>(const std::string& id)>& known_durable);
  ~Log();

  /// Appends all frames with one write and one sync.
  Result<void> write(std::vector<OutFrame>& frames);
  /// The same in two parts, with something else to do between them: the bytes are on their way to
  /// the disk, and in the log only once finish() says so. After an error of begin() there is
  /// nothing to finish.
  Result<void> begin(std::vector<OutFrame>& frames);
  Result<void> finish();
  /// Marks the log as complete up to its end, so that damage is told from a torn write.
  Result<void> close();

  /// Behind the last durable frame.
  Position end() const { return end_.load(std::memory_order_acquire); }
  /// The id in each segment's head: another log's positions mean nothing here.
  const std::string& id() const { return id_; }
  /// kDataLoss when there is no sound frame at the place; the message names segment and offset.
  Result<InFrame> read(Position position) const;
  /// Every frame from `from` (0: the first) to `to`, in order, and each damaged part.
  Result<void> scan(Position from, Position to, const std::function<Result<void>(InFrame)>& frame,
                    const std::function<void(Damage)>& damage) const;
  /// The file that holds the place, and the position of its first byte; nullopt for no place.
  std::optional<std::pair<std::string, Position>> file_of(Position position) const;
  /// "log/0000000000000000.seg at byte 4711"
  std::string place(Position position) const;
  /// What was found damaged when it was opened.
  const std::vector<Damage>& damage() const { return damage_; }
  uint64_t syncs() const { return syncs_.load(std::memory_order_relaxed); }
  size_t segments() const;

 private:
  struct Segment {
    Position base = 0;
    std::string path;
    std::unique_ptr<Disk::File> file;
  };
  using SegmentPtr = std::shared_ptr<Segment>;

  Log(Disk& disk, LogOptions options) : disk_(disk), options_(std::move(options)) {}
  Result<void> load();
  Result<void> start_new(Random& random);
  Result<void> find_end(Position durable_at_least);
  Result<SegmentPtr> load_segment(Position base, bool last);
  Result<SegmentPtr> create_segment(Position base);
  Result<void> begin_segment();
  Result<void> reserve(uint64_t bytes);
  void zero_ahead(Segment& segment, uint64_t bytes);
  /// Writes the frames behind the end, which stays where it is.
  Result<void> put(std::vector<OutFrame>& frames);
  Result<void> repair();
  SegmentPtr find(Position position) const;
  Position limit_of(const SegmentPtr& segment) const;
  SegmentPtr last() const;
  void add(SegmentPtr segment);

  Disk& disk_;
  LogOptions options_;
  std::string id_;
  std::vector<Damage> damage_;
  mutable std::mutex mutex_;
  std::vector<SegmentPtr> segments_;  // by base
  std::atomic<Position> end_{0};
  std::atomic<uint64_t> syncs_{0};

  // The writer's.
  uint64_t reserved_ = 0;     // bytes that the last segment's file has
  uint64_t zeroed_ = 0;       // of those, what was written once
  bool cut_needed_ = false;   // bytes of a failed write may stand behind the end
  bool roll_needed_ = false;  // nothing may be written before the next segment is there
  bool file_failed_ = false;  // a sync of the last segment failed: it is not touched any more
  std::string buffer_;        // what was put behind the end and is not synced
  std::string zeros_;
};

}  // namespace drover::store::log
