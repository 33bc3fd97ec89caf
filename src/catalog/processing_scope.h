#pragma once
// How far a provider routes the requests to an endpoint, where the endpoint itself tells it: by the
// name of Bedrock's model or profile, or, on Azure, not at all. Pure, any thread, no failure: what
// it cannot read is "not stated", which every rule of residency refuses.

#include <string>
#include <string_view>

#include "catalog/endpoint.h"

namespace drover::catalog {

/// The fact processing_scope of an endpoint that may leave its region, nobody says how far. No zone
/// can have this name.
inline constexpr std::string_view kScopeNotStated = "not stated";

/// Whether it is a scope without being a zone: "global", "apac", or kScopeNotStated. No residency
/// is within it.
bool is_beyond_zones(std::string_view scope);

/// "": its requests stay in its region, or within what the facts of its place say. A zone: they
/// stay within that. Else kScopeNotStated.
std::string processing_scope(const Endpoint& endpoint);

}  // namespace drover::catalog
