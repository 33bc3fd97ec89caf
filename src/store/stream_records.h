#pragma once
// Internal to src/store: what stands in the stream log's files, as pure functions, and such a file
// on a disk. A file begins with 8 bytes "drvstrm1" and 8 bytes wall time in milliseconds; then
// records: 4 bytes length of the body, 4 bytes CRC-32 of the body, then the body: 1 byte length of
// the session's id, the id, 8 bytes sequence, 4 bytes attempt, 8 bytes offset, the text. Numbers
// are little-endian.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "store/disk.h"
#include "store/stream_log.h"

namespace drover::store {

/// Appends the head of a file.
void append_stream_head(std::string& out, WallTime begun);
/// Appends the record of a chunk; returns where its text begins in `out`.
size_t append_stream_record(std::string& out, const StreamChunk& chunk);

/// A record found in a file; the text is at `position`.
struct StreamRecord {
  StreamKey key;
  uint64_t offset = 0;
  uint64_t position = 0;
  uint64_t bytes = 0;
};
struct StreamFileContents {
  WallTime begun{};
  /// Up to the first that is cut off or damaged.
  std::vector<StreamRecord> records;
  /// Bytes up to there; 0 if it is no such file.
  size_t good = 0;
};
StreamFileContents read_stream_file(std::string_view bytes);

/// A range of text in a file.
struct StreamPiece {
  uint64_t position = 0;
  uint64_t bytes = 0;
};

/// A file of the log. Blocking; written by one at a time, read by any.
class StreamFile {
 public:
  /// `disk` outlives it.
  StreamFile(Disk& disk, std::string path) : disk_(disk), path_(std::move(path)) {}
  /// Opens one that is there, and reads all of it.
  Result<std::string> load();
  /// Makes the file at the first call. What a failed write left behind is written over.
  Result<void> write_at(uint64_t position, std::string_view bytes);
  /// Appends the pieces, which are in order, to `out`.
  Result<void> read(const std::vector<StreamPiece>& pieces, std::string& out) const;
  /// Takes the file's name away; who still reads it goes on.
  void remove();

 private:
  Disk& disk_;
  const std::string path_;
  std::unique_ptr<Disk::File> file_;
};

}  // namespace drover::store
