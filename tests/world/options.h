#pragma once
// What a run of the world is told: the seed decides everything else. Values.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace drover::world {

/// A bug put in on purpose, in the test's own seams: a checker must find it.
enum class Plant : uint8_t {
  kNone,
  kLostSync,      // the disk acknowledges a sync and forgets it
  kDoubleSettle,  // a result is written down twice
  kMissingFence,  // no lock refuses a second process, and no fence an append of the first
};
std::string_view plant_name(Plant plant);
std::optional<Plant> parse_plant(std::string_view name);

struct Options {
  uint64_t seed = 1;
  /// 0: drawn from the seed.
  int sessions = 0;
  Plant plant = Plant::kNone;
  /// Keeps the last lines of what happened.
  bool trace = false;
};

/// The command that repeats a run.
std::string command_line(const Options& options);

}  // namespace drover::world
