#pragma once
// Limits of placement: what each limits, its unit, and what happens when it is reached.

#include <cstddef>
#include <cstdint>

namespace drover::limits {

/// Endpoints of one placement, best first: more than a call can try, even if some refuse its key.
inline constexpr size_t kPlacesMax = 16;
/// Rejections that an event, an error or an answer spells out; the rest is counted.
inline constexpr size_t kRejectionsShownMax = 64;
/// Sessions whose last endpoint is remembered for its prompt cache; one more and all are forgotten.
inline constexpr size_t kWarmSessionsMax = 16'384;
/// Stores for scratch data in drover.yaml; more are a fault of the file.
inline constexpr size_t kScratchStoresMax = 16;

}  // namespace drover::limits
