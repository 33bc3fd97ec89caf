#pragma once
// The sections of drover.yaml about places and data: here, catalog, policy, placement, and the
// facts of endpoints, tools and planners. Read into the Config; every fault is told with the path
// of what is wrong.
//
//   here: {region: eu-central-1, zone: de, cleared_for: confidential}   # this server and its store
//   catalog: [places.yaml]              # more places, beside the starter catalog
//   (catalog/places.h)
//   placement:                      # listed, balanced, cheapest, fastest, greenest or spare
//     prefer: cheapest
//     low_risk: fastest             # for data that is at most internal and bound to nothing else
//   policy:
//     zones: [{name: de-by, within: [de], title: Bavaria}]
//     classes: {patient: {residency: de, sensitivity: confidential, retention: session}}
//     floor: {sensitivity: internal}    # the least for everything
//     tenants: {clinic: patient}        # the least for what a tenant brings (app/parties.h)
//     requirements: [...]               # policy/requirement.h
//     cedar: rules.cedar                # rules in the Cedar language: policy/cedar.h
//     opa: {url: "http://127.0.0.1:8181/v1/data/drover/decision", timeout: 2s, keep: 60s,
//           token: env:OPA_TOKEN, ca_file: opa.pem}     # an external authoriser: road/opa.h
//   endpoints:
//     - {…, region: eu-central-1, facts: {retention: none, cleared_for: confidential}}
//   tools:
//     - {…, facts: {zone: de, purposes: [care]}, data: patient}   # data: what its results bring
//
// An endpoint's facts are those of its provider's region in the catalog, then its own.

#include <functional>
#include <string>

#include "app/config.h"
#include "app/config_deadlines.h"

namespace drover::app {

/// A path in drover.yaml as the file system has it.
using ConfigPath = std::function<std::string(const std::string& path)>;

/// The sections of the root. To be called before endpoints are read. If `policy` has a fault,
/// out.policy is null: names of classes and zones are then not checked, for each would be a fault.
void read_policy_sections(const Json& root, const ConfigPath& path, const ReadFile& read_file,
                          const TellFault& fault, Config& out);
/// The `facts` that the operator states of an item; none where there are none.
catalog::Facts own_facts(const Json& item, const std::string& at, const TellFault& fault);
/// The place of the catalog that an item names by `place`; null where it names none, or an unknown
/// one, which is a fault.
const catalog::Place* named_place(const Json& item, const std::string& at, const TellFault& fault,
                                  const Config& config);
/// facts and place of one endpoint, whose other members are set.
void read_endpoint_facts(const Json& item, const std::string& at, const TellFault& fault,
                         const Config& config, catalog::Endpoint& endpoint);
/// facts and data of a tool server, a planner's origin or the workers of a queue.
void read_thing(const Json& item, const std::string& at, const std::string& name,
                const TellFault& fault, Config& out);
/// The names of classes and zones that agents use exist.
Result<void> check_data_class(const Config& config, const std::string& data_class);

}  // namespace drover::app
