#pragma once
// Whether rules in the Cedar language may decide differently by who asks. Rules that say nothing of
// the principal beyond the bare heads that each rule must have, permit(principal, … or
// forbid(principal, …, decide alike for all, and one set of decisions serves everybody. All else
// counts as looking: a decision too many costs time, one that is taken for another tenant's is a
// rule without effect.
//
// Pure; any thread. Reads words as Cedar does (comments end with their line, texts have escapes)
// and knows nothing else of its grammar.

#include <string_view>

namespace drover::policy {

bool looks_at_principals(std::string_view rules);

}  // namespace drover::policy
