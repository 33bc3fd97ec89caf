#include "policy/zones.h"

#include <optional>
#include <set>

#include "base/assert.h"

namespace drover::policy {

Zones::Zones() {
  add(builtin_zones(), [](size_t, const std::string&) { DROVER_ASSERT(false); });
}

Zones Zones::read(const std::vector<ZoneSpec>& own, const Tell& tell) {
  Zones out;
  out.add(own, tell);
  return out;
}

Result<Zones> Zones::make(const std::vector<ZoneSpec>& own) {
  std::optional<std::string> first;
  Zones out = read(own, [&](size_t, const std::string& message) {
    if (!first) first = message;
  });
  if (first) return fail(Code::kInvalidArgument, std::move(*first));
  return out;
}

void Zones::add(const std::vector<ZoneSpec>& specs, const Tell& tell) {
  std::vector<size_t> place;       // in the list, of each that is added
  std::set<std::string> left_out;  // what lies within one of them is not at fault as well
  const size_t first = specs_.size();
  for (size_t i = 0; i < specs.size(); ++i) {
    const ZoneSpec& spec = specs[i];
    if (specs_.size() >= limits::kZonesMax) {
      return tell(i, "more than " + std::to_string(limits::kZonesMax) + " zones");
    }
    std::string wrong;
    if (!contract::is_class_word(spec.name)) {
      wrong = "'" + spec.name + "' is no name of a zone (a-z, 0-9, '.', '_', '-')";
    } else if (!index_.emplace(spec.name, static_cast<int>(specs_.size())).second) {
      wrong = "two zones are called '" + spec.name + "'";
    }
    if (!wrong.empty()) {
      tell(i, wrong);
      left_out.insert(spec.name);
      continue;
    }
    place.push_back(i);
    specs_.push_back(spec);
    inside_.emplace_back().set(specs_.size() - 1);
  }
  for (size_t i = first; i < specs_.size(); ++i) {
    for (const std::string& outer : specs_[i].within) {
      if (find(outer) >= 0 || left_out.contains(outer)) continue;
      tell(place[i - first],
           "zone '" + specs_[i].name + "' is within '" + outer + "', which does not exist");
    }
  }
  nest();
  for (size_t i = first; i < specs_.size(); ++i) {
    const std::string outer = inside_out(i);
    if (outer.empty()) continue;
    tell(place[i - first],
         "zone '" + specs_[i].name + "' lies within itself, by way of '" + outer + "'");
  }
}

void Zones::nest() {
  // What lies within a zone grows until nothing changes: as many rounds as zones nest deep.
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = 0; i < specs_.size(); ++i) {
      for (const std::string& outer : specs_[i].within) {
        const int found = find(outer);
        if (found < 0) continue;
        ZoneSet& set = inside_[static_cast<size_t>(found)];
        ZoneSet grown = set | inside_[i];
        changed = changed || grown != set;
        set = grown;
      }
    }
  }
}

std::string Zones::inside_out(size_t zone) const {
  for (size_t later = zone + 1; later < specs_.size(); ++later) {
    if (inside_[zone].test(later) && inside_[later].test(zone)) return {};
  }
  for (const std::string& outer : specs_[zone].within) {
    const int found = find(outer);
    if (found >= 0 && inside_[zone].test(static_cast<size_t>(found))) return outer;
  }
  return {};
}

int Zones::find(std::string_view name) const {
  auto it = index_.find(name);
  return it == index_.end() ? -1 : it->second;
}

Zones::Residency Zones::resolve(const std::vector<contract::DataClass::Clause>& clauses) const {
  Residency out;
  out.anywhere = clauses.empty();
  if (!out.anywhere) out.zones.set();
  for (const contract::DataClass::Clause& clause : clauses) {
    ZoneSet any;
    for (const std::string& name : clause) {
      int zone = find(name);
      if (zone < 0) {
        // A zone that was renamed or mistyped must not widen anything.
        out.unknown = name;
        out.zones.reset();
        return out;
      }
      any |= inside(zone);
    }
    out.zones &= any;
  }
  return out;
}

std::string Zones::describe(const ZoneSet& zones) const {
  std::string out;
  size_t shown = 0;
  for (size_t i = 0; i < specs_.size(); ++i) {
    if (!zones.test(i)) continue;
    bool outermost = true;
    for (size_t j = 0; j < specs_.size() && outermost; ++j) {
      if (j != i && zones.test(j) && inside_[j].test(i)) outermost = false;
    }
    if (!outermost) continue;
    if (++shown > 8) return out + ", …";
    out += (out.empty() ? "" : ", ") + specs_[i].name;
  }
  return out.empty() ? "no zone" : out;
}

}  // namespace drover::policy
