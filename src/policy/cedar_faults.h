#pragma once
// What the Cedar engine says of a file of rules, as a person reads it. It judges a rule for each
// kind of thing that the rule may meet, and so says one fault of it several times at one place, in
// words that differ by the kind alone: that is one line here, which names the kinds.
//
// Pure; any thread.

#include <string>

#include "base/json.h"

namespace drover::policy {

/// Of [{"line", "column", "message"}] in their order, a line each: "FILE:LINE:COLUMN: …".
std::string cedar_faults(const Json& faults, const std::string& file);

}  // namespace drover::policy
