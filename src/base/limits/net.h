#pragma once
// Limits of the network and child processes: what each limits, its unit, and what happens when it
// is reached.

#include <cstddef>

#include "base/time.h"

namespace drover::limits {

/// Name look-ups under way at once in one loop; further ones wait.
inline constexpr size_t kResolvesMax = 64;
/// Addresses of one name that are tried; the rest is ignored.
inline constexpr size_t kResolvedAddressesMax = 16;
/// Sets of trusted certificates kept read; beyond, all are read anew when next needed.
inline constexpr size_t kTlsTrustsMax = 32;

// Child processes.
/// The newest part of a child's standard error that is kept for messages; older text is dropped.
inline constexpr size_t kProcessStderrBytesMax = 8u << 10;
/// Children of one spawner at once; further ones are refused with resource_exhausted.
inline constexpr size_t kProcessesMax = 256;
/// After SIGKILL a child is waited for this long (it may hang in the kernel).
inline constexpr Duration kProcessReapTimeout = 10s;

}  // namespace drover::limits
