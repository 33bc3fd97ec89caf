#pragma once
// What drover.yaml may say and probably does not mean: a region that no catalog knows, so that
// nothing is known of the place and rules that need it say no; a purpose that a requirement is for
// and nothing else names; one that a place serves and that looks like another that data is for.
// They go into the notes, each once, for `drover config check` and the log. Pure.

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
