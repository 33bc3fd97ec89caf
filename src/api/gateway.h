#pragma once
// The gateway: OpenAI's chat completions and models over the road, for SDKs as they are. A body
// whose endpoint speaks OpenAI too passes as bytes in both directions. Status and headers wait for
// the first visible delta, so that failover stays possible until then; a stream that breaks after
// it ends with an explicit error event, never with a clean end.

#include "api/router.h"
#include "road/road.h"

namespace drover::api {

struct GatewayServices {
  road::Road* road = nullptr;
  Clock* clock = nullptr;
};

void add_gateway_routes(Router& router, GatewayServices services);

}  // namespace drover::api
