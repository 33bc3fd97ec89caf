#pragma once
// The class of a piece of data: where it may be (residency), how much harm it can do (sensitivity),
// what for (purpose), what may be done with it (usage) and how long it may be kept (retention).
// Sessions, messages, tool results and memory records carry one; what is derived from several
// inputs has the join of theirs, the strictest of each part.
//
// As text, the form that events, headers and records carry, parts that say nothing left out:
//
//   residency=de|fr&eu;sensitivity=confidential;purpose=care;usage=no-training;retention=session
//
// Residency: every clause ("&") must hold, by any of its zones ("|"). A zone's meaning belongs to
// the policy (policy/zones.h), so that joining needs no configuration and stays pure: inputs whose
// residencies have no place in common join to a class that no place satisfies, and the policy says
// so. Of a retention that ends with the work ("none", "session") and a duration both hold, and both
// are written. Purposes that exclude each other are written "purpose=-", more clauses than
// limits::kResidencyClausesMax "residency=-": nowhere. Words without "=" are names of classes that
// the operator defines; a class with a name that nobody resolved is satisfied by no place. A part
// that stands twice says both: the class is their join, in this form and as an object.
//
// Values, pure; parse(), stated() and from_json() fail with kInvalidArgument and say what is
// allowed.

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace drover::contract {

enum class Sensitivity : uint8_t { kPublic, kInternal, kConfidential, kRestricted };
std::string_view sensitivity_name(Sensitivity sensitivity);
std::optional<Sensitivity> parse_sensitivity(std::string_view name);

/// What must not be done with the data: flags of DataClass::usage.
enum UsageLimit : uint8_t { kNoTraining = 1, kNoReview = 2, kNoCache = 4 };

/// Seconds that data may be kept. None: only while it is worked on; session: until its session
/// ends.
inline constexpr int64_t kKeepNone = 0;
inline constexpr int64_t kKeepSession = 1;
inline constexpr int64_t kKeepUnlimited = std::numeric_limits<int64_t>::max();
/// "none", "session", "unlimited" or a duration such as "30d".
Result<int64_t> parse_retention(std::string_view text);
std::string retention_text(int64_t keep_s);

struct DataClass {
  using Clause = std::vector<std::string>;

  std::vector<Clause> residency;  // sorted, without repetition; empty: anywhere
  Sensitivity sensitivity = Sensitivity::kPublic;
  std::optional<std::vector<std::string>> purposes;  // sorted; absent: any; empty: none in common
  uint8_t usage = 0;
  int64_t keep_s = kKeepUnlimited;
  /// Beside "none" or "session": the shortest duration that was joined to it, which the work on the
  /// data may outlast.
  int64_t at_most_s = kKeepUnlimited;
  std::vector<std::string> names;  // sorted; not resolved yet

  /// What is written down already: "" is data that nothing is said of.
  static Result<DataClass> parse(std::string_view text);
  /// What somebody states, in a header, a member or a setting. An empty text is no class (reason
  /// "unknown_data_class"): where a variable is not set, data would go out as if it were free.
  static Result<DataClass> stated(std::string_view text);
  /// The same, or an object: {residency: [de, fr], sensitivity: confidential, purpose: [care],
  /// usage: [no-training], retention: session, class: patient}.
  static Result<DataClass> from_json(const Json& json);
  /// "" for data that nothing is said of.
  std::string text() const;
  /// Nothing is said of it. Asked of every call.
  bool unrestricted() const {
    return residency.empty() && sensitivity == Sensitivity::kPublic && !purposes && usage == 0 &&
           keep_s == kKeepUnlimited && at_most_s == kKeepUnlimited && names.empty();
  }
  /// At most internal, and bound to nothing else.
  bool low_risk() const;
  bool operator==(const DataClass&) const = default;
};

/// The strictest of both. Commutative, associative, idempotent.
DataClass join(const DataClass& a, const DataClass& b);
/// The join of two text forms, as text; what cannot be read counts as a name that is not resolved.
std::string join_texts(std::string_view a, std::string_view b);

/// A name of a zone, a purpose or a class: a-z, 0-9, ".", "_" and "-", at most 64, not "-" alone.
bool is_class_word(std::string_view word);

}  // namespace drover::contract
