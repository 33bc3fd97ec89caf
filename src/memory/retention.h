#pragma once
// Removes records whose retention has ended: every limits::kRecordSweepInterval what is due by
// then, a slice at a time, each slice told to whoever asked (the audit). When a record is due
// stands in the store, so a restart forgets nothing; a clock that is set back only makes it wait.
//
//   scope.spawn(memory::sweep_expired(ctx, records, [](const store::Removed& removed) { … }));
//
// Loop thread only. A store that fails is asked again the next time.

#include <functional>

#include "store/records.h"

namespace drover::memory {

using async::Context;
using async::Task;

/// Runs until its context ends. `records` outlives it.
Task<void> sweep_expired(Context ctx, store::Records* records,
                         std::function<void(const store::Removed&)> removed);

}  // namespace drover::memory
