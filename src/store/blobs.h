#pragma once
// Blobs: bytes too large for a journal row, kept by session under a keyed content name, so that a
// name tells nobody what it names or that another session holds the same (crypto/hash_chain.h).
// Durable on return; equal bytes in one session are stored once. Ending or purging a session
// removes its blobs and its naming key together.
//
// Loop thread only; blocking work happens on the store's executor. Failure: kNotFound,
// kResourceExhausted (disk full, nothing kept), kDataLoss (a blob does not match its name),
// kInvalidArgument above limits::kBlobBytesMax.

#include <string>

#include "async/context.h"
#include "async/task.h"
#include "base/ids.h"
#include "base/limits/store.h"
#include "base/result.h"

namespace drover::store {

using async::Context;
using async::Task;

class Blobs {
 public:
  virtual ~Blobs() = default;
  /// Returns the reference: 64 hex digits.
  virtual Task<Result<std::string>> put(Context ctx, SessionId session, std::string bytes) = 0;
  virtual Task<Result<std::string>> get(Context ctx, SessionId session, std::string ref) = 0;
  /// Removes every blob of the session and its key. Fine if there are none.
  virtual Task<Result<void>> remove_all(Context ctx, SessionId session) = 0;
};

}  // namespace drover::store
