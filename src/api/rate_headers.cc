#include "api/rate_headers.h"

#include "base/decimal.h"

namespace drover::api {

void add_rate_headers(http::Headers& headers, const road::RateState& rates) {
  if (rates.limit_requests) {
    headers.add_sound("x-ratelimit-limit-requests", Decimal(*rates.limit_requests).view());
    headers.add_sound("x-ratelimit-remaining-requests", Decimal(*rates.remaining_requests).view());
    headers.add_sound("x-ratelimit-reset-requests", std::to_string(rates.reset_requests) + "s");
  }
  if (rates.limit_tokens) {
    headers.add_sound("x-ratelimit-limit-tokens", Decimal(*rates.limit_tokens).view());
    headers.add_sound("x-ratelimit-remaining-tokens", Decimal(*rates.remaining_tokens).view());
    headers.add_sound("x-ratelimit-reset-tokens", std::to_string(rates.reset_tokens) + "s");
  }
}

void add_class_headers(http::Headers& headers, const road::Served& served) {
  if (served.path == road::ServiceClass::kAuto) return;
  headers.add_sound("x-drover-service-class", road::service_class_name(served.path));
  int64_t ms = served.waited.count() / 1'000'000;
  if (ms > 0) headers.add_sound("x-drover-queued-ms", Decimal(ms).view());
}

}  // namespace drover::api
