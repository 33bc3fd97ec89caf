#pragma once
// Assertions in three grades. All print the expression, file and line.
//   DROVER_ASSERT  always on, ends the process: an invariant whose breach would lose data.
//   DROVER_DASSERT not in a release (make release): what is too dear to look at on each call.
//   DROVER_EXPECT  counted and logged in release, fatal in tests; yields the condition.

#include <cstdio>
#include <cstdlib>

namespace drover {
/// How many DROVER_EXPECT failures this process has seen.
unsigned long expectation_failures();
/// Makes DROVER_EXPECT failures fatal (tests).
void make_expectations_fatal(bool fatal);
[[noreturn]] void assertion_failed(const char* expr, const char* file, int line);
bool expectation_failed(const char* expr, const char* file, int line);
}  // namespace drover

#define DROVER_ASSERT(x) \
  (static_cast<bool>(x) ? void(0) : ::drover::assertion_failed(#x, __FILE__, __LINE__))
#ifdef NDEBUG
#define DROVER_DASSERT(x) void(0)
#else
#define DROVER_DASSERT(x) DROVER_ASSERT(x)
#endif
#define DROVER_EXPECT(x) \
  (static_cast<bool>(x) ? true : ::drover::expectation_failed(#x, __FILE__, __LINE__))
