// world: the deterministic simulation of the whole runtime. See README.md beside this file.
//
//   world --seed=7 --verbose       one seed, with the last lines of what happened
//   world --seeds=200 --jobs=2     seeds 1 to 200
//   world --planted                each planted bug must be found within --seeds seeds

#include <charconv>
#include <cstdio>
#include <string_view>

#include "base/log.h"
#include "base/time.h"
#include "world/runner.h"

namespace {

using namespace drover;
using namespace drover::world;

struct Arguments {
  RunnerOptions runner;
  bool one = false;
  bool verbose = false;
  bool planted = false;
  std::string fault;
};

bool read_number(std::string_view text, uint64_t& out) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

Arguments parse(int argc, char** argv) {
  Arguments out;
  for (int i = 1; i < argc; ++i) {
    std::string_view word = argv[i];
    size_t equals = word.find('=');
    std::string_view name = word.substr(0, equals);
    std::string_view value = equals == std::string_view::npos ? "" : word.substr(equals + 1);
    uint64_t number = 0;
    bool numeric = read_number(value, number);
    if (name == "--verbose") {
      out.verbose = true;
    } else if (name == "--planted") {
      out.planted = true;
    } else if (name == "--stop-at-first") {
      out.runner.stop_at_first = true;
    } else if (name == "--plant" && parse_plant(value)) {
      out.runner.world.plant = *parse_plant(value);
    } else if (name == "--seed" && numeric) {
      out.runner.first = number;
      out.one = true;
    } else if (name == "--seeds" && numeric) {
      out.runner.count = number;
    } else if (name == "--first" && numeric) {
      out.runner.first = number;
    } else if (name == "--sessions" && numeric) {
      out.runner.world.sessions = static_cast<int>(number);
    } else if (name == "--jobs" && numeric) {
      out.runner.jobs = static_cast<int>(number);
    } else if (name == "--twice-every" && numeric) {
      out.runner.twice_every = number;
    } else {
      out.fault = word;
    }
  }
  return out;
}

/// With fewer seeds something may well not come up.
constexpr uint64_t kSeedsThatReachAll = 200;

/// Prints what runs got to; how many things they never did.
uint64_t print_reached(const ReachedCounts& reached) {
  uint64_t missed = 0;
  std::string line;
  for (size_t i = 0; i < kReachedKinds; ++i) {
    if (reached[i] == 0) ++missed;
    line += fmt::format("{}{} {}", i == 0 ? "" : ", ", reached[i], reached_name(i));
  }
  std::printf("reached: %s\n", line.c_str());
  return missed;
}

/// One seed in this process (for a debugger), told at length.
int run_one(Arguments args) {
  args.runner.world.seed = args.runner.first;
  args.runner.world.trace = args.verbose;
  Report report = World(args.runner.world).run();
  for (const std::string& line : report.trace) std::printf("%s\n", line.c_str());
  for (const std::string& violation : report.violations) {
    std::printf("VIOLATION %s\n", violation.c_str());
  }
  std::printf(
      "seed %llu: %zu sessions, %llu events, %llu crashes, %llu second processes refused, %llu "
      "tool calls\n",
      static_cast<unsigned long long>(args.runner.first), report.sessions,
      static_cast<unsigned long long>(report.events),
      static_cast<unsigned long long>(report.crashes),
      static_cast<unsigned long long>(report.refused),
      static_cast<unsigned long long>(report.tool_calls));
  print_reached(report.reached);
  std::printf("hash %s, %llu steps\n", report.hash.c_str(),
              static_cast<unsigned long long>(report.steps));
  return report.violations.empty() ? 0 : 1;
}

int run_many(const Arguments& args) {
  SystemClock clock;
  MonoTime began = clock.mono();
  Totals t = run_seeds(args.runner);
  std::string took = format_duration(clock.mono() - began);
  uint64_t missed = print_reached(t.reached);
  if (args.runner.count < kSeedsThatReachAll || args.runner.world.plant != Plant::kNone) missed = 0;
  if (missed > 0) {
    std::printf("FAILED  %llu of these were never reached: what is checked there is not proven\n",
                static_cast<unsigned long long>(missed));
  }
  std::printf(
      "%llu sessions, %llu events, %llu crashes, %llu second processes refused, %llu tool calls in "
      "%s\n",
      static_cast<unsigned long long>(t.sessions), static_cast<unsigned long long>(t.events),
      static_cast<unsigned long long>(t.crashes), static_cast<unsigned long long>(t.refused),
      static_cast<unsigned long long>(t.tool_calls), took.c_str());
  std::printf("%llu passed, %llu failed\n", static_cast<unsigned long long>(t.passed),
              static_cast<unsigned long long>(t.failed + missed));
  return t.failed + missed == 0 ? 0 : 1;
}

/// The proof that the checkers find something: each planted bug, within the seeds given.
int run_planted(Arguments args) {
  int found = 0;
  int missed = 0;
  for (Plant plant : {Plant::kLostSync, Plant::kDoubleSettle, Plant::kMissingFence}) {
    args.runner.world.plant = plant;
    args.runner.stop_at_first = true;
    args.runner.jobs = 1;
    Totals t = run_seeds(args.runner);
    bool ok = t.failed > 0;
    ++(ok ? found : missed);
    std::string name(plant_name(plant));
    if (ok) {
      std::printf("%s: found at seed %llu\n", name.c_str(),
                  static_cast<unsigned long long>(t.first_failed));
    } else {
      std::printf("%s: NOT FOUND in %llu seeds\n", name.c_str(),
                  static_cast<unsigned long long>(args.runner.count));
    }
  }
  std::printf("%d passed, %d failed\n", found, missed);
  return missed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments args = parse(argc, argv);
  if (!args.fault.empty()) {
    std::fprintf(stderr,
                 "world: what is %s?\nusage: world [--seed=N [--verbose]] [--seeds=N] [--first=N] "
                 "[--jobs=N] [--sessions=N] [--twice-every=N] [--plant=NAME] [--planted] "
                 "[--stop-at-first]\n",
                 args.fault.c_str());
    return 2;
  }
  configure_log(LogLevel::kOff, LogFormat::kText);
  if (args.planted) return run_planted(args);
  return args.one && args.runner.count == 1 ? run_one(args) : run_many(args);
}
