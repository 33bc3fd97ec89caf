#pragma once
// What drover.yaml may say and probably does not mean: a region that no catalog knows, so that
// nothing is known of the place and rules that need it say no; a requirement for a purpose that
// nothing else names, so that it may hold for nothing. They go into the notes, each once, for
// `drover config check` and the log. Pure.

#include "app/config.h"

namespace drover::app {

/// To be called once the rest is read.
void note_slips(Config& config);

}  // namespace drover::app
