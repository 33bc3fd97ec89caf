#pragma once
// The `classes` of drover.yaml: service classes and admission (docs/classes.md).
//
//   classes:
//     default: auto                  # of calls that state none
//     calls: 500                     # in flight in this process
//     kept_for_fast: 0.25            # the share of places that only fast calls may take
//     queue: {calls: 2000, fast: 5s, slow: 10m}     # how many wait, and how long at most
//     load: {heavy: 0.8, light: 0.5, dwell: 5s}     # when auto turns slow, and back
//     fast: {first_token: 1500ms, hedge_after: 700ms, tier: priority}
//     slow: {tier: flex}             # none: no tier is asked for
//     tenants: {research: {default: slow, at_most: auto, weight: 2}}
//     keys: {nightly: {default: slow}}
//
// Tenants and keys may be names; whoever knows them resolves them. Pure; faults go to the caller.

#include "app/config_deadlines.h"

namespace drover::app {

void read_classes(const Json& section, const TellFault& fault, road::ClassSettings& out);

}  // namespace drover::app
