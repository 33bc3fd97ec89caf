#pragma once
// The files that signed batches (signatures.h) are kept in: <folder>/<first batch>.jsonl, each with
// a first line that names its key and when it was begun. They only grow; a new one is begun beyond
// limits::kSignatureFileBytesMax and for another key. What a crash tore off is cut at the next
// opening: those heads are signed again when their sessions go on, or when somebody asks.
//
// Blocking: on an executor or at start-up. append() by one thread at a time, find() beside it. A
// batch is not synced: what a power cut takes of it is signed again.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/limits/store.h"
#include "store/disk.h"
#include "store/signatures.h"

namespace drover::store {

class SignatureFiles {
 public:
  static Result<std::unique_ptr<SignatureFiles>> open(
      Disk& disk, std::string folder, crypto::SigningKey key,
      uint64_t file_bytes_max = limits::kSignatureFileBytesMax);
  /// Signs and writes one batch.
  Result<void> append(const std::vector<Head>& heads, WallTime now);
  /// The session's newest signed head up to `most`. `about`: its commit was then, and only files of
  /// that time are read; without it all are.
  Result<std::optional<HeadProof>> find(const SessionId& session, uint64_t most,
                                        std::optional<WallTime> about) const;
  Result<void> sync();

 private:
  SignatureFiles(Disk& disk, std::string folder, crypto::SigningKey key, uint64_t file_bytes_max)
      : disk_(disk),
        folder_(std::move(folder)),
        key_(std::move(key)),
        file_bytes_max_(file_bytes_max) {}
  Result<void> take_up(const std::string& name);
  Result<void> begin_file(WallTime now);

  Disk& disk_;
  const std::string folder_;
  const crypto::SigningKey key_;
  const uint64_t file_bytes_max_;
  std::unique_ptr<Disk::File> file_;  // null: the next batch begins one
  uint64_t bytes_ = 0;
  uint64_t batch_ = 0;  // the last one
  std::string previous_;
};

}  // namespace drover::store
