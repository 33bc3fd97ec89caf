#pragma once
// What a file of rules in the Cedar language says of who asks: whether they may decide differently
// by it, and for which tenants. Rules that say nothing of the principal beyond the bare heads that
// each rule must have, permit(principal, … or forbid(principal, …, decide alike for all, and one
// set of decisions serves everybody. All else counts as looking: a decision too many costs time,
// one that is taken for another tenant's is a rule without effect.
//
// Pure; any thread. Reads words as Cedar does (comments end with their line, texts have escapes)
// and knows nothing else of its grammar.

#include <string>
#include <string_view>
#include <vector>

#include "policy/policy.h"

namespace drover::policy {

bool looks_at_principals(std::string_view rules);
/// The ids of `Tenant::"…"`, each once, in order of the text; each at its place in `file`, as the
/// faults of Cedar's rules are: "FILE:LINE:COLUMN".
std::vector<NamedTenant> tenants_named(std::string_view rules, const std::string& file);

}  // namespace drover::policy
