#include "road/retry_budget.h"

#include <algorithm>

#include "base/limits/road.h"

namespace drover::road {

std::string RetryBudget::place_of(const catalog::Endpoint& endpoint) {
  return endpoint.provider + "|" + endpoint.region + "|" + endpoint.base_url;
}

double RetryBudget::tokens(const Bucket& bucket, MonoTime now) const {
  double seconds = to_seconds(now - bucket.at);
  return std::min(options_.burst, bucket.tokens + seconds * options_.per_second);
}

RetryBudget::Bucket& RetryBudget::touch(const std::string& place, MonoTime now) {
  auto it = buckets_.find(place);
  if (it == buckets_.end()) {
    if (buckets_.size() >= limits::kRetryPlacesMax) {
      buckets_.erase(order_.back().place);
      order_.pop_back();
    }
    Bucket& fresh = order_.emplace_front();
    fresh.place = place;
    fresh.tokens = options_.burst;
    fresh.at = now;
    buckets_[place] = order_.begin();
    return fresh;
  }
  order_.splice(order_.begin(), order_, it->second);
  Bucket& bucket = order_.front();
  bucket.tokens = tokens(bucket, now);
  bucket.at = now;
  return bucket;
}

void RetryBudget::visited(const catalog::Endpoint& endpoint, MonoTime now) {
  if (buckets_.empty()) return;
  auto it = buckets_.find(place_of(endpoint));
  if (it == buckets_.end()) return;
  Bucket& bucket = *it->second;
  bucket.tokens = tokens(bucket, now) + options_.ratio;
  bucket.at = now;
  if (bucket.tokens < options_.burst) return;
  order_.erase(it->second);
  buckets_.erase(it);
}

bool RetryBudget::take(const catalog::Endpoint& endpoint, MonoTime now) {
  Bucket& bucket = touch(place_of(endpoint), now);
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

double RetryBudget::left(const catalog::Endpoint& endpoint, MonoTime now) const {
  auto it = buckets_.find(place_of(endpoint));
  return it == buckets_.end() ? options_.burst : tokens(*it->second, now);
}

}  // namespace drover::road
