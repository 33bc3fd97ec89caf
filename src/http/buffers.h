#pragma once
// Sizes that reading and writing are tuned to; none of them is a limit.

#include <cstddef>

namespace drover::http {

/// What one read takes at most.
inline constexpr size_t kReadBytes = 16u << 10;
/// Up to here a copy is cheaper than a second piece of the same write.
inline constexpr size_t kSmallBody = 4u << 10;
/// Up to here a copy is cheaper than another write.
inline constexpr size_t kCoalesceMax = 16u << 10;
/// Memory in which a message was put together is kept for the next one up to here.
inline constexpr size_t kOutputKeptMax = 4 * kCoalesceMax;
/// An idle connection keeps the last head up to here, for the next one to be read behind it.
inline constexpr size_t kHeadKeptMax = 4u << 10;

}  // namespace drover::http
