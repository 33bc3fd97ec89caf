#pragma once
// Service classes: what a call is ready to spend, and what it is ready to wait for. `fast` spends
// to hit its latency target, `slow` trades latency for cost, `auto` (the default) is fast under
// light load and slow under heavy load. A request states its class, an agent, or the operator's
// policy for a tenant or a key. Values.
//
// OpenAI's service_tier says nearly the same and is read as a class: priority is fast, flex is
// slow.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/limits/admission.h"

namespace drover::road {

enum class ServiceClass : uint8_t { kAuto, kFast, kSlow };
std::string_view service_class_name(ServiceClass service_class);
/// "fast", "slow" or "auto".
std::optional<ServiceClass> parse_service_class(std::string_view name);
/// Of a service_tier; nullopt for one that says nothing of it.
std::optional<ServiceClass> class_of_tier(std::string_view tier);

/// What the operator says of a tenant or a key.
struct ClassRule {
  /// Where the call states none.
  std::optional<ServiceClass> otherwise;
  /// The fastest that it may have.
  std::optional<ServiceClass> at_most;
  /// A tenant's share among those that wait.
  double weight = 1;
};

/// What an operator may set.
struct ClassSettings {
  ServiceClass otherwise = ServiceClass::kAuto;
  std::map<std::string, ClassRule, std::less<>> tenants;  // by id
  std::map<std::string, ClassRule, std::less<>> keys;     // by id; they come before the tenant's

  uint32_t calls = limits::kCallsInFlight;
  /// The share of places, of the process and of each endpoint, that only fast calls may take.
  double kept_for_fast = 0.25;
  size_t waiting = limits::kCallsWaiting;
  Duration fast_wait = limits::kFastWait;
  Duration slow_wait = limits::kSlowWait;

  /// Load (calls in flight over what is allowed) from which on it counts as heavy, until it has
  /// fallen to the other; neither sooner than `dwell` after the last change.
  double heavy_above = 0.8;
  double light_below = 0.5;
  Duration dwell = 5s;

  /// Of fast calls. The time to their first token that slow work makes room for; zero: none.
  Duration fast_target{};
  /// Zero: the operator's `hedging`, else half the target.
  Duration fast_hedge_after{};
  /// Tiers asked for where the endpoint has a price for them; "": none.
  std::string fast_tier;
  std::string slow_tier = "flex";

  /// What holds for such a call.
  ServiceClass class_of(std::optional<ServiceClass> stated, std::string_view tenant,
                        std::string_view key) const;
  double weight_of(std::string_view tenant) const;
};

/// How a call was served, for its caller.
struct Served {
  /// kFast or kSlow; kAuto before it was decided.
  ServiceClass path = ServiceClass::kAuto;
  Duration waited{};
};

}  // namespace drover::road
