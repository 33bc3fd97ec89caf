#pragma once
// Limits of memory records: what each limits, its unit, and what happens when it is reached.

#include <cstddef>

#include "base/time.h"

namespace drover::limits {

inline constexpr size_t kMemoryKeyBytesMax = 1'024;
inline constexpr size_t kMemoryValueBytesMax = 1u << 20;
/// Of a record's data class as text; a longer one is refused.
inline constexpr size_t kMemoryClassBytesMax = 8'192;
inline constexpr size_t kMemorySearchResultsMax = 100;

/// Scratch data that is copied at a time when it moves to another store.
inline constexpr size_t kScratchChunkRecords = 64;
inline constexpr size_t kScratchChunkBytes = 1u << 20;
/// Sessions of which the size of their scratch data is remembered; one more and it is counted anew.
inline constexpr size_t kScratchSizesKept = 16'384;

/// Words of one search that count; further ones are ignored.
inline constexpr size_t kMemorySearchWordsMax = 32;

/// Records that one write to the store removes for a purge or when they expire; the rest follows.
inline constexpr size_t kRecordRemovalSlice = 500;
/// How often what has expired is looked for. What is due goes within this time.
inline constexpr Duration kRecordSweepInterval = 60s;

}  // namespace drover::limits
