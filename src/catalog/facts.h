#pragma once
// Facts: what is known of a placed thing (a model endpoint, a store, a tool), each with its source
// and its date. Placement and policy decide by facts alone, never by names; a fact that is missing
// is missing, and a rule that needs it says no.
//
// The kinds of facts are one table (fact_kinds): what reads, shows, checks and compares them is the
// same for all. Values, any thread. A value is checked when it is set: kInvalidArgument says what
// was expected.

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace drover::catalog {

struct Fact {
  std::string name;
  Json value;
  /// Where it was read: an address, or "operator" for what was configured.
  std::string source;
  /// When it was read there, "2026-11-20"; empty: not stated.
  std::string date;
  bool operator==(const Fact&) const = default;
};

enum class FactType : uint8_t {
  kName,         // a word: "de", "aws-eusc"
  kNames,        // a list of words, or one
  kNumber,       // at least 0
  kFlag,         // true or false
  kRetention,    // none, session, unlimited, 30d
  kSensitivity,  // public, internal, confidential, restricted
  kTenancy,      // shared, dedicated
  kTable,        // words with a number each: {eu-west-1: 25}
};

struct FactKind {
  std::string_view name;
  FactType type;
  std::string_view help;
};
const std::vector<FactKind>& fact_kinds();
const FactKind* fact_kind(std::string_view name);

class Facts {
 public:
  const Fact* find(std::string_view name) const;
  /// Replaces an earlier one of that name.
  Result<void> set(Fact fact);
  /// Takes all of the others'; theirs win.
  void overlay(const Facts& others);
  /// By name.
  const std::vector<Fact>& all() const { return facts_; }
  bool empty() const { return facts_.empty(); }
  bool operator==(const Facts&) const = default;

  // Typed views; "" / null for a fact that is missing or of another type.
  std::string_view text(std::string_view name) const;
  std::vector<std::string> list(std::string_view name) const;
  const Json* value(std::string_view name) const;

  /// Members of an object as facts of one source and date. A member may state its own:
  /// {value: …, source: …, date: …}. Null members are left out.
  static Result<Facts> from_json(const Json& object, std::string_view source,
                                 std::string_view date);
  Json to_json() const;

 private:
  std::vector<Fact> facts_;
};

}  // namespace drover::catalog
