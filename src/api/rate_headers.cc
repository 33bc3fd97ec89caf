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

void add_class_headers(http::Headers& headers, const road::Served& served) {
  if (served.path == road::ServiceClass::kAuto) return;
  headers.add("x-drover-service-class", std::string(road::service_class_name(served.path)));
  int64_t ms = served.waited.count() / 1'000'000;
  if (ms > 0) headers.add("x-drover-queued-ms", std::to_string(ms));
}

}  // namespace drover::api
