#pragma once
// The `stores` of drover.yaml: where sessions' scratch data may lie beside this server's own store
// (docs/steps.md).
//
//   stores:
//     - name: frankfurt-a
//       data: scratch/frankfurt-a        # a folder of its own, best on a disk in that fault domain
//       place: aws/eu-central-1          # facts of the catalog; optional
//       facts: {fault_domain: eu-central-1a, cleared_for: confidential, egress_usd_per_gb: 0.02}
//
// To be read after `catalog` and `here`. Pure; faults go to the caller.

#include "app/config_policy.h"

namespace drover::app {

void read_stores(const Json& root, const ConfigPath& path, const TellFault& fault, Config& out);

}  // namespace drover::app
