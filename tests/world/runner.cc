#include "world/runner.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <vector>

namespace drover::world {
namespace {

/// What a child tells its parent of one seed, through a pipe; small enough to be written whole.
struct Message {
  enum class Kind : uint8_t { kStarted, kPassed, kFailed };
  Kind kind = Kind::kStarted;
  uint64_t seed = 0;
  uint64_t sessions = 0;
  uint64_t events = 0;
  uint64_t crashes = 0;
  uint64_t refused = 0;
  uint64_t tool_calls = 0;
  ReachedCounts reached{};
  char what[400] = {};
};

struct Child {
  pid_t pid = 0;
  int pipe = -1;
  uint64_t running = 0;  // seed under way; 0 for none
};

Message run_one(const RunnerOptions& options, uint64_t seed) {
  Options world = options.world;
  world.seed = seed;
  Report report = World(world).run();
  Message m;
  m.kind = report.violations.empty() ? Message::Kind::kPassed : Message::Kind::kFailed;
  m.seed = seed;
  m.sessions = report.sessions;
  m.events = report.events;
  m.crashes = report.crashes;
  m.refused = report.refused;
  m.tool_calls = report.tool_calls;
  m.reached = report.reached;
  std::string what = report.violations.empty() ? "" : report.violations.front();
  if (what.empty() && options.twice_every != 0 && seed % options.twice_every == 0) {
    Report again = World(world).run();
    if (again.hash != report.hash || again.steps != report.steps) {
      m.kind = Message::Kind::kFailed;
      what = fmt::format("determinism: two runs differ: {} and {} steps, {} and {}", report.steps,
                         again.steps, report.hash, again.hash);
    }
  }
  std::strncpy(m.what, what.c_str(), sizeof(m.what) - 1);
  return m;
}

void tell(int pipe, const Message& message) {
  ssize_t written = write(pipe, &message, sizeof(message));
  if (written != sizeof(message)) _exit(3);
}

/// The child's whole life: its share of the seeds.
[[noreturn]] void work(const RunnerOptions& options, int pipe, uint64_t first, uint64_t step) {
  for (uint64_t seed = first; seed < options.first + options.count; seed += step) {
    Message started;
    started.seed = seed;
    tell(pipe, started);
    Message done = run_one(options, seed);
    tell(pipe, done);
    if (options.stop_at_first && done.kind == Message::Kind::kFailed) break;
  }
  _exit(0);
}

Child start(const RunnerOptions& options, uint64_t first, uint64_t step) {
  int ends[2];
  Child child;
  if (pipe(ends) != 0) return child;
  child.pid = fork();
  if (child.pid == 0) {
    close(ends[0]);
    work(options, ends[1], first, step);
  }
  close(ends[1]);
  child.pipe = ends[0];
  return child;
}

void report_failure(const RunnerOptions& options, uint64_t seed, const std::string& what,
                    Totals& totals) {
  ++totals.failed;
  if (totals.first_failed == 0 || seed < totals.first_failed) totals.first_failed = seed;
  Options world = options.world;
  world.seed = seed;
  std::printf("FAILED  %s --verbose\n        %s\n", command_line(world).c_str(), what.c_str());
  std::fflush(stdout);
}

void take(const RunnerOptions& options, const Message& m, Child& child, Totals& totals) {
  if (m.kind == Message::Kind::kStarted) {
    child.running = m.seed;
    return;
  }
  child.running = 0;
  totals.sessions += m.sessions;
  totals.events += m.events;
  totals.crashes += m.crashes;
  totals.refused += m.refused;
  totals.tool_calls += m.tool_calls;
  for (size_t i = 0; i < kReachedKinds; ++i) totals.reached[i] += m.reached[i];
  if (m.kind == Message::Kind::kPassed) {
    ++totals.passed;
  } else {
    report_failure(options, m.seed, m.what, totals);
  }
}

}  // namespace

Totals run_seeds(const RunnerOptions& options) {
  Totals totals;
  auto jobs = static_cast<uint64_t>(std::max(1, options.jobs));
  std::vector<Child> children;
  for (uint64_t i = 0; i < jobs && i < options.count; ++i) {
    children.push_back(start(options, options.first + i, jobs));
  }
  // The pipes are read in turn: a child that is ahead waits in its pipe, which holds plenty.
  size_t open = children.size();
  while (open > 0) {
    for (size_t i = 0; i < children.size(); ++i) {
      Child& child = children[i];
      if (child.pipe < 0) continue;
      Message m;
      ssize_t got = read(child.pipe, &m, sizeof(m));
      if (got == static_cast<ssize_t>(sizeof(m))) {
        take(options, m, child, totals);
        continue;
      }
      close(child.pipe);
      child.pipe = -1;
      --open;
      int status = 0;
      waitpid(child.pid, &status, 0);
      if (child.running == 0) continue;
      uint64_t seed = child.running;
      report_failure(options, seed,
                     fmt::format("the process ended (status {:#x}) in this seed", status), totals);
      // The rest of its share goes on in a new one.
      uint64_t next = seed + jobs;
      if (next < options.first + options.count && !options.stop_at_first) {
        child = start(options, next, jobs);
        ++open;
      }
    }
  }
  return totals;
}

}  // namespace drover::world
