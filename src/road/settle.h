#pragma once
// Internal to src/road: what an attempt used and cost. The provider's usage counts, zero included;
// where it is absent, tokens are estimated and marked: input from the bytes of the prompt, output
// from the bytes of the answer, four bytes a token; of an opaque stream, one token an event. It is
// a rule of thumb: never nothing, never taken for a fact.

#include "road/flight.h"

namespace drover::road {

struct Charge {
  contract::Usage usage;
  Money cost;
  bool cost_known = false;
};

/// For an accepted answer. `tier` is the service tier that was asked for; what the provider says it
/// served counts.
Charge charge_of(const catalog::Endpoint& endpoint, const Flight& flight,
                 const providers::Answer& answer, std::string_view tier);
/// For a failed attempt that is billed all the same; nullopt for one that is not: nothing visible
/// came and it was not we who gave it up.
std::optional<Charge> charge_of(const catalog::Endpoint& endpoint, const Flight& flight,
                                const providers::AttemptError& error, std::string_view tier);

}  // namespace drover::road
