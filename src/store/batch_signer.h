#pragma once
// Signs journals, a batch of commits at a time (signatures.h): whoever commits tells the heads,
// which gather for limits::kSignaturePause and are then signed together on another thread. No
// commit waits for it, and a busy server makes as many signatures as an idle one.
//
// What was committed in the last moment before a crash is signed with the session's next commit, or
// when its proof is asked for: prove() has an unsigned head signed first.
//
// Loop thread only; everything handed in outlives it; stop() before it goes. A disk that takes no
// signatures is told once in the log, and the heads wait.

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "async/scope.h"
#include "async/sync.h"
#include "store/signature_files.h"

namespace drover::store {

using async::Context;
using async::Task;

class BatchSigner {
 public:
  BatchSigner(std::unique_ptr<SignatureFiles> files, async::Executor& executor,
              const Context& parent)
      : files_(std::move(files)), executor_(executor), scope_(parent) {}

  /// An event is durable, and with it all before it.
  void durable(const SessionId& session, uint64_t sequence, std::string hash);
  /// The proof of the session's newest signed head, which is `newest` unless there is none: then it
  /// is signed now. `updated`: when it was committed.
  Task<Result<HeadProof>> prove(Context ctx, Head newest, WallTime updated);
  /// The proof of the newest head up to `most` that was signed, for an export made earlier.
  Task<Result<HeadProof>> prove_up_to(Context ctx, SessionId session, uint64_t most);
  /// Signs what waits and ends.
  Task<void> stop();

  size_t waiting() const { return heads_.size(); }
  uint64_t batches() const { return batches_; }

 private:
  struct Place {
    uint64_t sequence = 0;
    std::string hash;
  };
  using Found = Result<std::optional<HeadProof>>;
  Task<Found> find(Context ctx, SessionId session, uint64_t most, std::optional<WallTime> about);
  Task<void> run();
  std::vector<Head> take();
  void put_back(std::vector<Head> heads);
  /// Returns once all that waits now has been tried.
  Task<Result<void>> flushed(Context ctx);

  std::unique_ptr<SignatureFiles> files_;
  async::Executor& executor_;
  async::Scope scope_;
  std::unordered_map<std::string, Place> heads_;  // by session: the newest of each
  bool running_ = false;
  bool writing_ = false;
  bool failing_ = false;
  uint64_t rounds_ = 0;
  uint64_t batches_ = 0;
  async::WaitQueue hurry_;
  async::WaitQueue done_;
};

}  // namespace drover::store
