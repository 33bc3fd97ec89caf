#pragma once
// Internal to src/road: what an attempt used and cost. The provider's usage counts, zero included;
// where it is absent, tokens are estimated and marked: input from the bytes of the prompt, output
// from the bytes of the answer, four bytes a token, and at least one token for each event of a
// stream. It is a rule of thumb: never nothing, never taken for a fact.
//
// An attempt that failed is billed for what its provider did until then. Free is only what never
// went out, and what was refused. Where nothing of an answer was seen (a deadline of ours passed, a
// connection broke before a head), its output is booked as it was reserved, up to what could have
// been made in that time (limits::kOutputTokensPerSecondMax): otherwise whoever lets his calls time
// out would pass his budget.

#include "road/flight.h"

namespace drover::road {

struct Charge {
  Money cost;
  bool cost_known = false;
};

/// For an accepted answer, whose usage is made whole by estimates. `tier` is the service tier that
/// was asked for; what the provider says it served counts.
Charge charge_of(const catalog::Endpoint& endpoint, const Flight& flight, providers::Answer& answer,
                 std::string_view tier);
/// For a failed attempt that may be billed all the same (providers::AttemptError::billable);
/// nullopt for one that is not. `usage` is what it is billed for.
std::optional<Charge> charge_of(const catalog::Endpoint& endpoint, const Flight& flight,
                                const providers::AttemptError& error, std::string_view tier,
                                contract::Usage& usage);

/// Adds what one failed attempt was billed to what those before it were.
void add_failed(contract::Usage& sum, const contract::Usage& more);

}  // namespace drover::road
