#include "world/verdict.h"

#include <chrono>

namespace drover::world {
namespace {

constexpr std::string_view kReachedNames[] = {"overshoots",
                                              "kept bills",
                                              "dearest answers",
                                              "planned timers",
                                              "planned signals",
                                              "planned approvals",
                                              "planned requests",
                                              "planned children",
                                              "held subtasks",
                                              "tenant kills",
                                              "purges"};
static_assert(std::size(kReachedNames) == kReachedKinds);

double seconds(MonoTime t) { return std::chrono::duration<double>(t.time_since_epoch()).count(); }

}  // namespace

std::string_view reached_name(size_t kind) { return kReachedNames[kind]; }

void Verdict::fail(std::string_view invariant, std::string what) {
  std::string line = fmt::format("{:.6f} s: {}: {}", seconds(loop_.mono()), invariant, what);
  if (trace_) keep("VIOLATION " + line);
  if (violations_.size() < kViolationsMax) violations_.push_back(std::move(line));
}

void Verdict::keep(std::string line) {
  // After a violation the lines that led to it are what is wanted.
  if (lines_.size() >= kTraceLinesMax) {
    if (!violations_.empty()) return;
    lines_.pop_front();
  }
  lines_.push_back(fmt::format("{:12.6f} {}", seconds(loop_.mono()), line));
}

}  // namespace drover::world
