#pragma once
// The gateway: OpenAI's chat completions and models over the road, for SDKs as they are. A body
// whose endpoint speaks OpenAI too passes as bytes in both directions. Status and headers wait for
// the first visible delta, so that failover stays possible until then; a stream that breaks after
// it ends with an explicit error event, never with a clean end.
//
// X-Drover-Agent makes a call on behalf of an agent: its data class, service class, preference,
// budgets, downgrade ladder and whether a cut answer may be continued hold for it; what the request
// itself states of the service class and of that goes before. The answer's x-drover-downgrade says
// what was given up.

#include <functional>

#include "api/router.h"
#include "road/road.h"
#include "session/agent.h"

namespace drover::api {

struct GatewayServices {
  road::Road* road = nullptr;
  Clock* clock = nullptr;
  const session::AgentSource* agents = nullptr;  // null: no call is made on behalf of one
  /// Whether the names and the zones of a class are known that a caller or his agent states.
  std::function<Result<void>(const contract::DataClass& data)> check_class;
};

void add_gateway_routes(Router& router, GatewayServices services);

}  // namespace drover::api
