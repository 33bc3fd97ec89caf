#pragma once
// The region that a cloud's own host name tells of: "eu-central-1" of
// bedrock-runtime.eu-central-1.amazonaws.com, "westeurope" of
// westeurope.api.cognitive.microsoft.com. An endpoint's facts are those of the region that its
// operator states; a base_url that leads to another one would make them a lie.
//
// Pure; any thread. Hosts that name no region (RESOURCE.openai.azure.com, a proxy, an address) tell
// nothing. Sources: AWS's service endpoints and VPC endpoints, Azure's regional endpoints.

#include <string>
#include <string_view>

namespace drover::cloud {

/// "" where the host is none of these clouds', or names no region.
std::string region_of_host(std::string_view host);

}  // namespace drover::cloud
