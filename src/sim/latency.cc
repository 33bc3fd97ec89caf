#include "sim/latency.h"

namespace drover::sim {

namespace {
Duration of_seconds(double seconds, double jitter, Random& random) {
  double factor = jitter > 0 ? 1 + jitter * (2 * random.unit() - 1) : 1;
  return Duration(static_cast<int64_t>(seconds * factor * 1e9));
}
double seconds_of(Duration d) { return static_cast<double>(d.count()) / 1e9; }
}  // namespace

Duration LatencyModel::to_first_token(int64_t uncached_tokens, Random& random) const {
  double seconds = seconds_of(first_token);
  if (prefill_tokens_per_second > 0) {
    seconds += static_cast<double>(uncached_tokens) / prefill_tokens_per_second;
  }
  return of_seconds(seconds, jitter, random);
}

Duration LatencyModel::for_tokens(int64_t tokens, Random& random) const {
  if (tokens_per_second <= 0) return 0ns;
  return of_seconds(static_cast<double>(tokens) / tokens_per_second, jitter, random);
}

}  // namespace drover::sim
