#pragma once
// Zones: legal areas, nested as their operators and laws say ("de" within "eu" within "eea"); a
// zone may be smaller than a country, and may lie within several others. Built in are countries
// and the unions that hold them (zones_builtin.cc); an operator adds his own in drover.yaml.
//
// A thing stands in one zone, its most exact one. A residency is a set of zones closed downwards:
// what may be in "eu" may be in "de". Several clauses intersect; an empty set means that they have
// no place in common.
//
// Values, immutable once made, any thread. At most limits::kZonesMax.

#include <bitset>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits/policy.h"
#include "contract/data_class.h"

namespace drover::policy {

using ZoneSet = std::bitset<limits::kZonesMax>;

struct ZoneSpec {
  std::string name;
  std::vector<std::string> within;
  std::string title;  // for people; may be empty
  bool operator==(const ZoneSpec&) const = default;
};

/// Those that every Drover knows.
const std::vector<ZoneSpec>& builtin_zones();

class Zones {
 public:
  /// The built-in zones alone.
  Zones();
  /// The place in the list of a zone with a fault, and what is wrong with it.
  using Tell = std::function<void(size_t zone, const std::string& message)>;
  /// With an operator's own. Tells every fault: a name that is none, twice, within a zone that does
  /// not exist, or within itself (of those in a ring, the last). With one, what is returned means
  /// nothing.
  static Zones read(const std::vector<ZoneSpec>& own, const Tell& tell);
  /// The same; the error (kInvalidArgument) is the first fault.
  static Result<Zones> make(const std::vector<ZoneSpec>& own);

  /// -1 if there is none of that name.
  int find(std::string_view name) const;
  const std::string& name(int zone) const { return specs_[static_cast<size_t>(zone)].name; }
  const std::vector<ZoneSpec>& all() const { return specs_; }
  /// The zone and all that lie within it.
  const ZoneSet& inside(int zone) const { return inside_[static_cast<size_t>(zone)]; }

  struct Residency {
    bool anywhere = true;
    ZoneSet zones;        // if not anywhere
    std::string unknown;  // a zone that is not known here: then the set is empty
  };
  Residency resolve(const std::vector<contract::DataClass::Clause>& clauses) const;
  /// "de, fr": the outermost zones of the set, at most eight of them.
  std::string describe(const ZoneSet& zones) const;

 private:
  void add(const std::vector<ZoneSpec>& specs, const Tell& tell);
  /// What lies within what, once all are there.
  void nest();
  /// The zone that one names as holding it though it lies within that one; "": there is none, or a
  /// later one of the same ring is told.
  std::string inside_out(size_t zone) const;
  std::vector<ZoneSpec> specs_;
  std::map<std::string, int, std::less<>> index_;
  std::vector<ZoneSet> inside_;
};

}  // namespace drover::policy
