#pragma once
// What orders endpoints that serve the same model: the catalog's order, or what a score weighs
// (road/board.h has the sum). An operator sets it for all (drover.yaml, placement.prefer), an agent
// for its own calls (prefer). Values.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace drover::road {

enum class Preference : uint8_t { kListed, kBalanced, kCheapest, kFastest, kGreenest, kSpare };
inline constexpr size_t kPreferences = 6;
std::string_view preference_name(Preference preference);
std::optional<Preference> parse_preference(std::string_view name);

struct Weights {
  float price = 0;    // a tenth of a cent
  float latency = 0;  // a second
  float load = 0;     // a second's worth of the quota
  float carbon = 0;   // a kilogram for each kWh
  float pool = 0;     // a step from reserved over warm and serverless to spot
};
Weights preference_weights(Preference preference);

}  // namespace drover::road
