#pragma once
// How long a simulated model takes: time to the first token (a base and the uncached part of the
// prompt at a prefill rate), then tokens at a rate, all with jitter. Zeros mean at once.
// Pure but for the Random handed in.

#include <cstdint>

#include "base/random.h"
#include "base/time.h"

namespace drover::sim {

struct LatencyModel {
  Duration first_token = 0ns;
  /// Prompt tokens read a second; 0: at once.
  double prefill_tokens_per_second = 0;
  /// Answer tokens a second; 0: at once.
  double tokens_per_second = 0;
  /// Each time is multiplied by a factor in [1 - jitter, 1 + jitter].
  double jitter = 0;
  /// Answer tokens of one event of a stream.
  int64_t tokens_per_event = 4;

  Duration to_first_token(int64_t uncached_tokens, Random& random) const;
  Duration for_tokens(int64_t tokens, Random& random) const;
};

}  // namespace drover::sim
