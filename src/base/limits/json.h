#pragma once
// Limits of JSON documents: what each limits, its unit, and what happens when it is reached.

#include <cstddef>

namespace drover::limits {

/// Nesting levels of a JSON document; deeper is refused with invalid_argument.
inline constexpr int kJsonDepthMax = 128;
/// Bytes of one JSON document; larger is refused.
inline constexpr size_t kJsonBytesMax = 64u << 20;

}  // namespace drover::limits
