#pragma once
// How a gateway is told of the wall's upstreams: its configuration file, or headers of each
// request. Times are short, so that a run is. Pure text.
//
// Every scenario is a model name; its upstreams are that model's endpoints, in order. A new kind of
// gateway is a function here and a name in gateway_kinds().

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "sim/wall/scenario.h"

namespace drover::app::wall {

/// "drover", "litellm", "portkey".
const std::vector<std::string>& gateway_kinds();

/// The configuration of such a gateway for upstreams at `port`; kInvalidArgument for an unknown
/// kind. Portkey takes none: its text lists each model's header.
Result<std::string> gateway_config(const std::string& kind, uint16_t port);

/// drover.yaml's secrets: the keys of all upstreams, by the names that it refers to.
std::map<std::string, std::string> wall_secrets();

/// What each request of a scenario must carry, besides the key.
std::vector<std::pair<std::string, std::string>> gateway_headers(
    const std::string& kind, uint16_t port, const sim::wall::Scenario& scenario);

}  // namespace drover::app::wall
