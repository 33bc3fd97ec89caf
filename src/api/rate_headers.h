#pragma once
// A caller's own rates as OpenAI's x-ratelimit headers, which SDKs read: limit, what remains, and
// when it is whole again ("12s"). Nothing where no rate is set. Beside them how the call was
// served: x-drover-service-class (fast or slow), and x-drover-queued-ms where it had to wait. Any
// thread.

#include "http/message.h"
#include "road/budget.h"
#include "road/service_class.h"

namespace drover::api {

void add_rate_headers(http::Headers& headers, const road::RateState& rates);
void add_class_headers(http::Headers& headers, const road::Served& served);

}  // namespace drover::api
