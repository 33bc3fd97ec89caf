#include "policy/zones.h"

#include "base/assert.h"

namespace drover::policy {
namespace {

tl::unexpected<Error> bad_zone(std::string message) {
  return fail(Code::kInvalidArgument, std::move(message));
}

}  // namespace

Zones::Zones() {
  Result<void> added = add(builtin_zones());
  DROVER_ASSERT(added.has_value());
}

Result<Zones> Zones::make(const std::vector<ZoneSpec>& own) {
  Zones out;
  TRY_VOID(out.add(own));
  return out;
}

Result<void> Zones::add(const std::vector<ZoneSpec>& specs) {
  size_t first = specs_.size();
  for (const ZoneSpec& spec : specs) {
    if (!contract::is_class_word(spec.name)) {
      return bad_zone("'" + spec.name + "' is no name of a zone (a-z, 0-9, '.', '_', '-')");
    }
    if (specs_.size() >= limits::kZonesMax) {
      return bad_zone("more than " + std::to_string(limits::kZonesMax) + " zones");
    }
    if (!index_.emplace(spec.name, static_cast<int>(specs_.size())).second) {
      return bad_zone("two zones are called '" + spec.name + "'");
    }
    specs_.push_back(spec);
    inside_.emplace_back().set(specs_.size() - 1);
  }
  for (size_t i = first; i < specs_.size(); ++i) {
    for (const std::string& outer : specs_[i].within) {
      if (find(outer) < 0) {
        return bad_zone("zone '" + specs_[i].name + "' is within '" + outer +
                        "', which does not exist");
      }
    }
  }
  // What lies within a zone grows until nothing changes: as many rounds as zones nest deep.
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = 0; i < specs_.size(); ++i) {
      for (const std::string& outer : specs_[i].within) {
        ZoneSet& set = inside_[static_cast<size_t>(find(outer))];
        ZoneSet grown = set | inside_[i];
        changed = changed || grown != set;
        set = grown;
      }
    }
  }
  for (size_t i = first; i < specs_.size(); ++i) {
    for (const std::string& outer : specs_[i].within) {
      if (inside_[i].test(static_cast<size_t>(find(outer)))) {
        return bad_zone("zone '" + specs_[i].name + "' lies within itself, by way of '" + outer +
                        "'");
      }
    }
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
