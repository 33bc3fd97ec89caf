#pragma once
// One file of the log and how it is read through (FORMAT.md, "Segments"). A segment's name is the
// position of its first byte; its head says the format, the log that it belongs to, and the same
// position. Blocking.

#include <memory>
#include <optional>
#include <string>

#include "store/disk.h"
#include "store/log/frame.h"

namespace drover::store::log {

inline constexpr size_t kSegmentHeadBytes = 64;
inline constexpr uint32_t kFormatVersion = 1;

struct SegmentHead {
  Position base = 0;
  std::string log_id;  // 16 bytes
};

/// "0000000004000040.seg"
std::string segment_name(Position base);
std::optional<Position> parse_segment_name(std::string_view name);

std::string encode_segment_head(const SegmentHead& head);
/// kDataLoss when damaged, kFailedPrecondition for a newer format.
Result<SegmentHead> decode_segment_head(std::string_view bytes);

/// What stands at one place of a segment.
struct Found {
  enum class What { kFrame, kDamage, kEnd };
  What what = What::kEnd;
  Position position = 0;
  Position end = 0;      // behind it
  Position durable = 0;  // for a frame: all before this was durable when it was written
  std::string body;
};

/// Reads frames one after another. Where one is damaged the search goes on for the next sound one;
/// zeros up to the end of the file are its end.
class SegmentScanner {
 public:
  /// From `from` (a frame's position) up to `end` or the end of the file. `file` must outlive it.
  SegmentScanner(Disk::File& file, Position base, Position from, Position end)
      : file_(file), base_(base), at_(from), end_(end) {}
  Result<Found> next();

 private:
  /// At least `bytes` from `position` if the file has them.
  Result<std::string_view> view(Position position, size_t bytes);
  Result<std::optional<Found>> frame_at(Position position);
  Result<Found> skip_damage();

  Disk::File& file_;
  Position base_;
  Position at_;
  Position end_;
  Position buffer_at_ = 0;
  std::string buffer_;
};

}  // namespace drover::store::log
