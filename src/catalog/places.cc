#include "catalog/places.h"

#include <algorithm>
#include <set>

#include "base/assert.h"
#include "base/near_word.h"
#include "base/time.h"
#include "base/yaml.h"

namespace drover::catalog {

// Made by the build of /catalog/places/*.yaml.
struct StarterFile {
  const char* name;
  const char* text;
};
extern const StarterFile kStarterFiles[];
extern const size_t kStarterFileCount;

namespace {

/// YYYY-MM-DD, a day that there is.
bool is_date(const std::string& text) {
  return text.size() == 10 && parse_rfc3339(text + "T00:00:00Z").has_value();
}

/// Reads on after a fault, so that all are told at once.
class Reader {
 public:
  Reader(const YamlDocument& document, const std::string& file, const PlaceChecks& checks,
         std::vector<std::string>& faults)
      : document_(document), file_(file), checks_(checks), faults_(faults) {}

  std::vector<Place> read() {
    const Json& root = document_.root();
    if (!root.is_object()) {
      fault("", "", "must be a mapping with 'places'");
      return {};
    }
    const bool known = check_members(root, "", "", {"source", "date", "facts", "places"});
    source_ = root.get_string("source").value_or("");
    date_ = root.get_string("date").value_or("");
    check_date(root, "", "");
    Facts shared;
    facts(root, "", "", shared);
    const Json* list = root.find("places");
    const Json::Array* items = list == nullptr ? nullptr : list->array_items();
    if (items == nullptr) {
      // Else it stands there under another name, which has been told.
      if (list != nullptr || known) fault("places", "", "'places' must be a list");
      return {};
    }
    std::vector<Place> out;
    std::set<std::string, std::less<>> ids;
    for (size_t i = 0; i < items->size(); ++i) {
      std::string at = "places[" + std::to_string(i) + "]";
      if (!(*items)[i].is_object()) {
        fault(at, "", "a place must be a mapping");
        continue;
      }
      out.push_back(place((*items)[i], at, shared));
      const std::string& id = out.back().id;
      if (!id.empty() && !ids.insert(id).second) fault(at, id, "two places have this id");
    }
    return out;
  }

 private:
  void fault(const std::string& at, const std::string& place, const std::string& message) {
    faults_.push_back(file_ + ":" + std::to_string(document_.line(at)) +
                      (place.empty() ? "" : ", " + place) + ": " + message);
  }

  /// Whether all are known; each that is not is a fault.
  bool check_members(const Json& item, const std::string& at, const std::string& place,
                     const std::vector<std::string_view>& known) {
    std::string names;
    for (std::string_view name : known) names += (names.empty() ? "" : ", ") + std::string(name);
    bool all = true;
    for (const auto& [key, value] : *item.members()) {
      if (std::find(known.begin(), known.end(), key) != known.end()) continue;
      const std::string_view near = near_word(key, known);
      fault(at.empty() ? key : at + "." + key, place,
            "unknown member '" + key + "'" +
                (near.empty() ? "" : ": did you mean '" + std::string(near) + "'?") + " (" + names +
                ")");
      all = false;
    }
    return all;
  }

  void check_date(const Json& item, const std::string& at, const std::string& place) {
    const Json* date = item.find("date");
    if (date == nullptr || date->is_null()) return;
    if (date->string() != nullptr && is_date(*date->string())) return;
    fault(at.empty() ? "date" : at + ".date", place, "'date' must be a day such as 2026-10-01");
  }

  void facts(const Json& item, const std::string& at, const std::string& place, Facts& out) {
    const Json* own = item.find("facts");
    if (own == nullptr || own->is_null()) return;
    std::string where = at.empty() ? "facts" : at + ".facts";
    if (!own->is_object()) {
      fault(where, place, "facts must be a mapping of names to values");
      return;
    }
    for (const auto& [name, value] : *own->members()) {
      std::string one = where + "." + name;
      if (value.is_object() && value.find("value") != nullptr) check_date(value, one, place);
      auto read = Facts::from_json(Json::object().set(name, value), source_, date_);
      if (!read) {
        fault(one, place, read.error().message);
        continue;
      }
      for (const Fact& fact : read->all()) {
        const std::string wrong = checks_.fact ? checks_.fact(fact) : std::string();
        if (!wrong.empty()) fault(one, place, wrong);
      }
      out.overlay(*read);
    }
  }

  Place place(const Json& item, const std::string& at, const Facts& shared) {
    Place out;
    out.id = item.get_string("id").value_or("");
    if (out.id.empty()) fault(at, "", "a place needs an 'id'");
    out.region = item.get_string("region").value_or("");
    if (const Json* names = item.find("providers"); names != nullptr && names->array_items()) {
      for (const Json& name : *names->array_items()) {
        const std::string* text = name.string();
        if (text == nullptr) continue;
        out.providers.push_back(*text);
        const std::string wrong = checks_.provider ? checks_.provider(*text) : std::string();
        if (!wrong.empty()) fault(at + ".providers", out.id, wrong);
      }
    }
    if (out.providers.empty()) fault(at, out.id, "'providers' must be a list of names");
    check_members(item, at, out.id, {"id", "providers", "region", "facts"});
    out.facts = shared;
    facts(item, at, out.id, out.facts);
    if (!out.region.empty()) {
      auto set = out.facts.set(Fact{"region", out.region, source_, date_});
      if (!set) fault(at + ".region", out.id, set.error().message);
    }
    return out;
  }

  const YamlDocument& document_;
  const std::string& file_;
  const PlaceChecks& checks_;
  std::vector<std::string>& faults_;
  std::string source_;
  std::string date_;
};

}  // namespace

Result<Places> Places::parse(std::string_view yaml, const std::string& file,
                             std::vector<std::string>* faults, const PlaceChecks& checks) {
  std::vector<std::string> found;
  Places out;
  auto document = YamlDocument::parse(yaml);
  if (document) {
    for (Place& place : Reader(*document, file, checks, found).read()) {
      std::string id = place.id;
      out.places_.emplace(id, std::move(place));
    }
  } else {
    found.push_back(file + ": " + document.error().message);
  }
  if (found.empty()) return out;
  std::string first = found.front();
  if (faults != nullptr) *faults = std::move(found);
  return fail(Code::kInvalidArgument, std::move(first));
}

const Places& Places::starter() {
  static const Places kStarter = [] {
    Places out;
    for (size_t i = 0; i < kStarterFileCount; ++i) {
      auto read = Places::parse(kStarterFiles[i].text, kStarterFiles[i].name);
      // Built in and tested: it is right or the program is not.
      DROVER_ASSERT(read.has_value());
      out.merge(*read);
    }
    return out;
  }();
  return kStarter;
}

const Place* Places::find(std::string_view provider, std::string_view region) const {
  for (const auto& [id, place] : places_) {
    if (place.region != region) continue;
    const std::vector<std::string>& names = place.providers;
    if (std::find(names.begin(), names.end(), provider) != names.end()) return &place;
  }
  return nullptr;
}

const Place* Places::find(std::string_view id) const {
  auto it = places_.find(id);
  return it == places_.end() ? nullptr : &it->second;
}

void Places::merge(const Places& others) {
  for (const auto& [id, place] : others.places_) {
    auto [it, added] = places_.emplace(id, place);
    if (added) continue;
    it->second.providers = place.providers;
    // What a file leaves out stays: without its region no endpoint would find the place.
    if (!place.region.empty()) it->second.region = place.region;
    it->second.facts.overlay(place.facts);
  }
}

}  // namespace drover::catalog
