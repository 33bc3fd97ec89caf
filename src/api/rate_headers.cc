#include "api/rate_headers.h"

namespace drover::api {

void add_rate_headers(http::Headers& headers, const road::RateState& rates) {
  if (rates.limit_requests) {
    headers.add("x-ratelimit-limit-requests", std::to_string(*rates.limit_requests));
    headers.add("x-ratelimit-remaining-requests", std::to_string(*rates.remaining_requests));
    headers.add("x-ratelimit-reset-requests", std::to_string(rates.reset_requests) + "s");
  }
  if (rates.limit_tokens) {
    headers.add("x-ratelimit-limit-tokens", std::to_string(*rates.limit_tokens));
    headers.add("x-ratelimit-remaining-tokens", std::to_string(*rates.remaining_tokens));
    headers.add("x-ratelimit-reset-tokens", std::to_string(rates.reset_tokens) + "s");
  }
}

}  // namespace drover::api
