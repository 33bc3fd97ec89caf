#include "base/assert.h"

#include <atomic>

namespace drover {
namespace {
std::atomic<unsigned long> failures{0};
std::atomic<bool> fatal_expectations{false};
}  // namespace

unsigned long expectation_failures() { return failures.load(); }
void make_expectations_fatal(bool fatal) { fatal_expectations.store(fatal); }

void assertion_failed(const char* expr, const char* file, int line) {
  std::fprintf(stderr, "drover: assertion failed: %s at %s:%d\n", expr, file, line);
  std::abort();
}

bool expectation_failed(const char* expr, const char* file, int line) {
  failures.fetch_add(1);
  std::fprintf(stderr, "drover: expectation failed: %s at %s:%d\n", expr, file, line);
  if (fatal_expectations.load()) std::abort();
  return false;
}

}  // namespace drover
