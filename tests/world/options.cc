#include "world/options.h"

#include <fmt/format.h>

namespace drover::world {
namespace {

constexpr std::string_view kNames[] = {"none", "lost-sync", "double-settle", "missing-fence"};

}  // namespace

std::string_view plant_name(Plant plant) { return kNames[static_cast<size_t>(plant)]; }

std::optional<Plant> parse_plant(std::string_view name) {
  for (size_t i = 0; i < std::size(kNames); ++i) {
    if (kNames[i] == name) return static_cast<Plant>(i);
  }
  return std::nullopt;
}

std::string command_line(const Options& options) {
  std::string out = fmt::format("build/world --seed={}", options.seed);
  if (options.sessions != 0) out += fmt::format(" --sessions={}", options.sessions);
  if (options.plant != Plant::kNone) out += fmt::format(" --plant={}", plant_name(options.plant));
  return out;
}

}  // namespace drover::world
