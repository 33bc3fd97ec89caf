#include "app/config_stores.h"

#include "app/config_places.h"
#include "base/limits/placement.h"

namespace drover::app {
namespace {

/// What is known of the store: of its place in the catalog, then the operator's own.
catalog::Facts facts_of(const Json& item, const std::string& at, const TellFault& fault,
                        const Config& config) {
  const catalog::Place* place = named_place(item, at, fault, config);
  catalog::Facts out = place == nullptr ? catalog::Facts() : place->facts;
  const catalog::Facts own = own_facts(item, at, fault);
  check_zones(own, item, at, fault, config);
  out.overlay(own);
  return out;
}

void read_store(const Json& item, const std::string& at, const ConfigPath& path,
                const TellFault& fault, Config& out) {
  if (!known_settings(item, at, {"name", "data", "place", "facts"}, fault)) return;
  road::StoreSpec store;
  store.name = text_setting(item, at, "name", fault).value_or("");
  if (store.name.empty()) {
    fault(at, "a store needs a name", "such as name: frankfurt-a");
    return;
  }
  if (store.name == road::kOwnStore) {
    fault(at + ".name", "'" + store.name + "' is what this server's own store is called", "");
    return;
  }
  const std::string data = text_setting(item, at, "data", fault).value_or("");
  const std::string folder = path(data);
  if (data.empty()) {
    fault(at, "the store '" + store.name + "' needs a folder", "data: scratch/" + store.name);
  }
  if (folder == out.data) {
    fault(at + ".data", "'" + folder + "' is this server's own data folder", "a folder of its own");
  }
  if (out.store_folders.contains(store.name)) {
    fault(at + ".name", "two stores are named '" + store.name + "'", "");
    return;
  }
  for (const auto& [name, other] : out.store_folders) {
    if (other == folder) fault(at + ".data", "'" + name + "' has the same folder", "");
  }
  if (out.things.contains(store.name)) {
    fault(at + ".name", "something else is named '" + store.name + "'", "");
  }
  store.facts = facts_of(item, at, fault, out);
  if (store.facts.text("fault_domain").empty()) {
    fault(at, "the fault domain of the store '" + store.name + "' is not stated",
          "facts: {fault_domain: …}, as endpoints state theirs");
  }
  out.store_folders[store.name] = folder;
  road::ThingSpec thing;
  thing.kind = policy::ThingKind::kStore;
  thing.facts = store.facts;
  out.things[store.name] = std::move(thing);
  out.road.stores.push_back(std::move(store));
}

}  // namespace

void read_stores(const Json& root, const ConfigPath& path, const TellFault& fault, Config& out) {
  const Json* list = root.find("stores");
  if (list == nullptr || list->is_null()) return;
  const Json::Array* items = list->array_items();
  if (items == nullptr) {
    fault("stores", "stores must be a list", "begin each entry with '- '");
    return;
  }
  if (items->size() > limits::kScratchStoresMax) {
    fault("stores", "there may be at most " + std::to_string(limits::kScratchStoresMax) + " stores",
          "");
    return;
  }
  for (size_t i = 0; i < items->size(); ++i) {
    read_store((*items)[i], "stores[" + std::to_string(i) + "]", path, fault, out);
  }
  if (out.road.stores.empty()) return;
  // Last: of equally near ones, one that was named for it.
  road::StoreSpec own;
  own.name = road::kOwnStore;
  if (auto here = out.things.find(road::kOwnStore); here != out.things.end()) {
    own.facts = here->second.facts;
  }
  out.road.stores.push_back(std::move(own));
}

}  // namespace drover::app
