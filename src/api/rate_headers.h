#pragma once
// A caller's own rates as OpenAI's x-ratelimit headers, which SDKs read: limit, what remains, and
// when it is whole again ("12s"). Nothing where no rate is set. Any thread.

#include "http/message.h"
#include "road/budget.h"

namespace drover::api {

void add_rate_headers(http::Headers& headers, const road::RateState& rates);

}  // namespace drover::api
