#pragma once
// Limits of data classes and facts of places: what each limits, its unit, and what happens when it
// is reached.

#include <cstddef>

namespace drover::limits {

/// Bytes of a data class as text; a longer one is refused.
inline constexpr size_t kDataClassBytesMax = 2u << 10;
/// Zones of one clause of a residency, and purposes of a class; more are refused.
inline constexpr size_t kClassWordsMax = 64;
/// Clauses of a residency; a join that has more means nowhere (it must not be weakened).
inline constexpr size_t kResidencyClausesMax = 16;
/// Bytes of a fact's value as JSON; a longer one is refused at load.
inline constexpr size_t kFactBytesMax = 4u << 10;

}  // namespace drover::limits
