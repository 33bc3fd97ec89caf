#pragma once
// The bugs that are put in on purpose (options.h). They live here, in the test's own seams, and
// show that the checkers would find their like.

#include "store/journal.h"

namespace drover::world {

/// An append whose fence does not hold: of an owner that was superseded it makes one that fits.
async::Task<Result<void>> append_without_fence(async::Context ctx, store::Journal& journal,
                                               store::SessionRow row, uint64_t expected_last,
                                               std::vector<contract::Event> events);

/// A row in whose books the events' settlements count twice.
store::SessionRow settle_twice(store::SessionRow row, const std::vector<contract::Event>& events);

}  // namespace drover::world
