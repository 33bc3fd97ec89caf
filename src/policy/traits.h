#pragma once
// A placed thing as rules see it: its facts turned into numbers once, when the catalog is loaded,
// so that judging it costs no text. What is missing is kUnknown, never a default: rules that need
// it say no. Values.

#include <string>
#include <string_view>
#include <vector>

#include "catalog/facts.h"
#include "policy/zones.h"

namespace drover::policy {

enum class ThingKind : uint8_t { kModel, kTool, kStore };
inline constexpr size_t kThingKinds = 3;
std::string_view thing_kind_name(ThingKind kind);  // "model", "tool", "store"

struct Traits {
  static constexpr int kUnknown = -1;
  /// There is none, and that is a fact (no prompt cache).
  static constexpr int kNone = -2;
  /// A zone was stated that this policy does not know.
  static constexpr int kForeign = -3;

  int zone = kUnknown;
  int scope = kUnknown;  // where requests may be routed; the zone unless stated
  int prompt_cache = kUnknown;
  int jurisdiction = kUnknown;
  int cleared_for = kUnknown;   // a Sensitivity
  int64_t keep_s = kUnknown;    // of the provider
  int trains = kUnknown;        // 0 or 1
  int human_review = kUnknown;  // 0 or 1
  int dedicated = kUnknown;     // 0 or 1
  int vision = kUnknown;        // 0 or 1
  int64_t context_window = kUnknown;
  double sovereignty = kUnknown;
  bool any_purpose = false;
  std::vector<std::string> purposes;
  std::vector<std::string> certifications;
  std::vector<std::string> attestation;
  std::vector<std::string> hardware;
};

Traits traits_of(const catalog::Facts& facts, const Zones& zones);

struct Thing {
  std::string id;
  ThingKind kind = ThingKind::kModel;
  std::string pool;  // of an endpoint
  Traits traits;
  catalog::Facts facts;  // for explanations and for rules in a language of their own
};

/// For denials: "it has c5, hds", or "what it has is not stated".
std::string what_it(std::string_view has, const std::vector<std::string>& list);

Thing make_thing(std::string id, ThingKind kind, std::string pool, catalog::Facts facts,
                 const Zones& zones);

}  // namespace drover::policy
