#pragma once
// A downgrade ladder: what an agent gives up, rung by rung, while there is not enough of what it
// asks for. Rungs add up: on the second rung the first holds too. None of them touches a hard rule:
// what may see the data is the same on every rung.
//
//   downgrade:
//     - hardware: [a100]            # kept in reserve until then; from then on asked first
//     - models: [claude-haiku]      # asked in place of the agent's own
//     - context_tokens: 32000       # the oldest turns are left out (providers/shorten.h)
//     - parallel_tool_calls: false  # one tool call, and one child, at a time
//     - service_class: slow         # or auto; road/service_class.h
//   or {rungs: […], when: {refused: 0.3, queue_s: 5, unusable: 1, price_per_million: 20,
//                          dwell_s: 30}}
//
// `when` says what is a shortage (any of them is enough; descent.h decides): the share of attempts
// that providers refuse for want of quota, the mean wait before an attempt, the share of the places
// that are left alone because they fail, and dollars for a million tokens at the best place that
// can be used. Values; errors name the field.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/limits/downgrade.h"
#include "base/result.h"
#include "base/time.h"
#include "road/service_class.h"

namespace drover::road {

/// One thing that is given up; a rung may name several.
struct Rung {
  std::vector<std::string> hardware;
  std::vector<std::string> models;
  std::optional<int64_t> context_tokens;
  bool serial = false;
  std::optional<ServiceClass> service_class;

  /// For people: "model claude-haiku, context 32000 tokens".
  std::string text() const;
  bool operator==(const Rung&) const = default;
};

struct ScarcityLimits {
  double refused = 0.3;
  Duration queue = 5s;
  double unusable = 1;
  std::optional<double> price;  // dollars for a million tokens
  Duration dwell = limits::kDowngradeDwell;
  bool operator==(const ScarcityLimits&) const = default;
};

struct DowngradeLadder {
  std::vector<Rung> rungs;
  ScarcityLimits when;

  /// All that is given up on that rung (0: nothing), as one.
  Rung at(size_t level) const;
  /// Hardware of rungs that are below it: in reserve.
  std::vector<std::string> reserve(size_t level) const;

  Json to_json() const;
  static Result<DowngradeLadder> from_json(const Json& json);
  bool operator==(const DowngradeLadder&) const = default;
};

/// Where on its ladder a call was made.
struct Downgraded {
  bool decided = false;  // its agent has a ladder, and the call came so far
  size_t level = 0;
  Rung rung;           // all that is given up
  std::string signal;  // what was scarce: "refused", "queue", "unusable", "price"
  std::string why;     // for people: "43 % of the attempts are refused (limit 30 %)"
  std::string why_up;  // the same of the last time that it went up
  std::string zone;    // of the data; "": it is not bound
  /// Messages that were left out of the prompt.
  int64_t left_out = 0;
};

/// The answers' header that tells it, and its value: "2; model claude-haiku; 43 % of …".
inline constexpr std::string_view kDowngradeHeader = "x-drover-downgrade";
std::string downgrade_text(int64_t level, const std::string& what, const std::string& why);

}  // namespace drover::road
