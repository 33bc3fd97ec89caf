#pragma once
// Endpoints with a region that the catalog has, filed under the name of their provider, for other
// providers alone: CoreWeave's regions are clusters with engines of one's own (vllm,
// openai-compatible), and what the provider coreweave serves unasked, its inference service, may be
// elsewhere. Such an endpoint gets no facts until its place is named; that goes into the notes,
// once for each region, for `drover config check` and the log. Pure.

#include "app/config.h"

namespace drover::app {

/// To be called once endpoints are read.
void note_unplaced(Config& config);

}  // namespace drover::app
