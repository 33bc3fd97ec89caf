#pragma once
// What drover.yaml may say and probably does not mean: a region that no catalog knows, so that
// nothing is known of the place and rules that need it say no; a purpose that nothing else names,
// so that a requirement may hold for nothing, or a place serve nothing. They go into the notes,
// each once, for `drover config check` and the log. Pure.

#include <set>
#include <string>
#include <string_view>

#include "app/config.h"

namespace drover::app {

/// ": did you mean 'care'?" of the known word that is near, whatever its case; "" if none is.
std::string did_you_mean(std::string_view word, const std::set<std::string>& known);

/// To be called once the rest is read.
void note_slips(Config& config);

}  // namespace drover::app
