#pragma once
// The stream log as files: <folder>/<number>.stream, written one after another. All sessions share
// the file being written, so that many streams cost one write. A file goes when none of its text
// is needed any more, or by the limits of stream_log.h. The index lives in memory and is read from
// the files at the start; a torn end (a power cut) is left out. stream_records.h has the format.

#include <memory>
#include <string>

#include "async/sync.h"
#include "store/disk.h"
#include "store/stream_log.h"

namespace drover::store {

struct StreamFileLimits {
  uint64_t bytes_max;
  uint64_t file_bytes_max;
  size_t files_max;
  Duration age_max;
  StreamFileLimits();
};

/// Opens (and makes) the folder. Blocking, at start-up. Disk, executor and clock outlive the log.
Result<std::unique_ptr<StreamLog>> open_stream_files(Disk& disk, std::string folder,
                                                     async::Executor& executor, Clock& clock,
                                                     StreamFileLimits limits = StreamFileLimits());

}  // namespace drover::store
