#pragma once
// Limits of configuration files: what each limits, its unit, and what happens when it is reached.

#include <cstddef>

namespace drover::limits {

/// Bytes of drover.yaml or an agent's file; larger is refused.
inline constexpr size_t kConfigBytesMax = 4u << 20;

}  // namespace drover::limits
