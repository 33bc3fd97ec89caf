#pragma once
// Blobs as files: <root>/<two digits>/<session>/<ref>, with the session's naming key beside them in
// `key`. Removing the session's folder removes both. BlobFiles is the blocking form (store
// executors and the journal use it), FileBlobs the awaitable one over an executor.
//
// Threads: BlobFiles: any, also at once (each file is written whole or not at all).

#include "async/sync.h"
#include "base/random.h"
#include "base/secret.h"
#include "store/blobs.h"

namespace drover::store {

class BlobFiles {
 public:
  explicit BlobFiles(std::string root) : root_(std::move(root)) {}
  /// `fresh_key` becomes the session's naming key if it has none yet.
  Result<std::string> put(const SessionId& session, std::string_view bytes,
                          const Secret& fresh_key) const;
  /// Checks the bytes against the name.
  Result<std::string> get(const SessionId& session, std::string_view ref) const;
  Result<void> remove_all(const SessionId& session) const;
  const std::string& root() const { return root_; }

 private:
  Result<std::string> folder(const SessionId& session) const;
  Result<Secret> key(const std::string& folder) const;
  std::string root_;
};

class FileBlobs final : public Blobs {
 public:
  /// All must outlive it.
  FileBlobs(const BlobFiles& files, async::Executor& executor, Random& random)
      : files_(files), executor_(executor), random_(random) {}
  Task<Result<std::string>> put(Context ctx, SessionId session, std::string bytes) override;
  Task<Result<std::string>> get(Context ctx, SessionId session, std::string ref) override;
  Task<Result<void>> remove_all(Context ctx, SessionId session) override;

 private:
  const BlobFiles& files_;
  async::Executor& executor_;
  Random& random_;
};

}  // namespace drover::store
