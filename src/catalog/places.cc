#include "catalog/places.h"

#include <algorithm>

#include "base/assert.h"
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

Error at(const std::string& file, const std::string& place, Error error) {
  error.message = file + (place.empty() ? "" : ", " + place) + ": " + error.message;
  return error;
}

tl::unexpected<Error> bad(const std::string& file, const std::string& place, std::string message) {
  return fail(at(file, place, Error(Code::kInvalidArgument, std::move(message))));
}

Result<Place> read_place(const Json& item, const Facts& shared, const std::string& file,
                         std::string_view source, std::string_view date) {
  Place out;
  out.id = item.get_string("id").value_or("");
  if (out.id.empty()) return bad(file, "", "a place needs an 'id'");
  out.region = item.get_string("region").value_or("");
  if (const Json* names = item.find("providers"); names != nullptr && names->array_items()) {
    for (const Json& name : *names->array_items()) {
      if (const std::string* text = name.string()) out.providers.push_back(*text);
    }
  }
  if (out.providers.empty()) return bad(file, out.id, "'providers' must be a list of names");
  for (const auto& [key, value] : *item.members()) {
    if (key != "id" && key != "region" && key != "providers" && key != "facts") {
      return bad(file, out.id, "unknown member '" + key + "' (id, providers, region, facts)");
    }
  }
  out.facts = shared;
  if (const Json* facts = item.find("facts")) {
    auto own = Facts::from_json(*facts, source, date);
    if (!own) return fail(at(file, out.id, std::move(own).error()));
    out.facts.overlay(*own);
  }
  if (!out.region.empty()) {
    Fact region{"region", out.region, std::string(source), std::string(date)};
    TRY_VOID(out.facts.set(std::move(region)));
  }
  return out;
}

}  // namespace

Result<Places> Places::parse(std::string_view yaml, const std::string& file) {
  auto document = YamlDocument::parse(yaml);
  if (!document) return fail(at(file, "", std::move(document).error()));
  const Json& root = document->root();
  if (!root.is_object()) return bad(file, "", "must be a mapping with 'places'");
  std::string_view source = root.get_string("source").value_or("");
  std::string_view date = root.get_string("date").value_or("");
  Facts shared;
  if (const Json* facts = root.find("facts")) {
    auto read = Facts::from_json(*facts, source, date);
    if (!read) return fail(at(file, "", std::move(read).error()));
    shared = std::move(*read);
  }
  Places out;
  const Json* list = root.find("places");
  const Json::Array* items = list == nullptr ? nullptr : list->array_items();
  if (items == nullptr) return bad(file, "", "'places' must be a list");
  for (const Json& item : *items) {
    if (!item.is_object()) return bad(file, "", "a place must be a mapping");
    TRY(Place place, read_place(item, shared, file, source, date));
    std::string id = place.id;
    if (!out.places_.emplace(id, std::move(place)).second) {
      return bad(file, id, "two places have this id");
    }
  }
  return out;
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
    it->second.region = place.region;
    it->second.facts.overlay(place.facts);
  }
}

}  // namespace drover::catalog
