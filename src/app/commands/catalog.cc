// drover catalog show, check, diff: what is known of places, where it is from, and what is missing.

#include <algorithm>
#include <cstdio>
#include <memory>
#include <vector>

#include "app/commands.h"
#include "app/config.h"
#include "app/config_places.h"
#include "app/files.h"
#include "app/output.h"
#include "app/placed.h"
#include "base/near_word.h"
#include "policy/policy.h"

namespace drover::app {
namespace {

std::string value_text(const Json& value) {
  if (const std::string* text = value.string()) return *text;
  const Json::Array* list = value.array_items();
  if (list == nullptr) return value.dump();
  std::string out;
  for (const Json& item : *list) {
    if (item.string() != nullptr) out += (out.empty() ? "" : ", ") + *item.string();
  }
  return out;
}

struct Known {
  catalog::Places places = catalog::Places::starter();
  /// Null while the configuration's own zones are wrong: nobody knows which there are.
  std::shared_ptr<const policy::Policy> policy = std::make_shared<policy::Policy>();
  std::vector<Placed> placed;
  const policy::Zones* zones() const { return policy == nullptr ? nullptr : &policy->zones(); }
};

/// The starter catalog, and what the configuration adds and places (if there is one). With `file`,
/// a file is asked about, which may be what is wrong in the configuration: that is no fault here.
Result<Known> read_known(const Arguments& a, bool file = false) {
  Known out;
  std::string path = a.get("config");
  const bool named = !path.empty();
  if (!named) path = "drover.yaml";
  if (!named && !read_small_file(path)) return out;
  ConfigOutcome outcome = read_config(path, read_small_file);
  if (!outcome.faults.empty() && !file) {
    return fail(Code::kInvalidArgument, outcome.faults.front().to_string());
  }
  const Config& config = outcome.config;
  out.places.merge(config.places);
  out.policy = config.policy;
  out.placed = placed_of(config);
  return out;
}

/// With the same faults as where drover.yaml names it; all of them are printed. `zones`: null where
/// nobody knows which there are.
Result<catalog::Places> read_file(const std::string& file, const policy::Zones* zones) {
  if (file == "starter") return catalog::Places::starter();
  TRY(std::string text, read_small_file(file));
  std::vector<std::string> faults;
  auto places = catalog::Places::parse(text, file, &faults, place_checks(zones));
  if (places) return places;
  for (const std::string& fault : faults) std::fprintf(stderr, "%s\n", fault.c_str());
  return fail(Code::kInvalidArgument,
              counted(faults.size(), "fault") + "; each must be mended before the file is used");
}

int complain_of_catalog(const Error& error) {
  std::fprintf(stderr, "drover: %s\n", error.message.c_str());
  return error.code == Code::kNotFound ? kExitUsage : kExitFailed;
}

Json place_json(const catalog::Place& place) {
  Json providers = Json::array();
  for (const std::string& p : place.providers) providers.push(p);
  Json out = Json::object().set("id", place.id).set("region", place.region);
  return out.set("providers", std::move(providers)).set("facts", place.facts.to_json());
}

Json placed_json(const Placed& placed) {
  Json out = Json::object().set("id", placed.id);
  out.set("kind", policy::thing_kind_name(placed.kind));
  return out.set("facts", placed.facts.to_json());
}

void print_facts(const std::string& id, const catalog::Facts& facts) {
  std::printf("%s\n", id.c_str());
  Table table({"fact", "value", "date", "source"});
  for (const catalog::Fact& fact : facts.all()) {
    table.add({fact.name, cell(value_text(fact.value), 50), fact.date, cell(fact.source, 90)});
  }
  table.print();
}

int show_one(const Arguments& a, const Known& known) {
  const std::string id = a.get("PLACE");
  const auto is_it = [&](const Placed& placed) { return placed.id == id; };
  const auto placed = std::find_if(known.placed.begin(), known.placed.end(), is_it);
  const catalog::Place* place = known.places.find(id);
  if (place == nullptr && placed == known.placed.end()) {
    std::vector<std::string_view> names;
    for (const auto& [name, one] : known.places.all()) names.push_back(name);
    for (const Placed& one : known.placed) names.push_back(one.id);
    const std::string near(near_name(id, names));
    std::fprintf(stderr, "drover: there is no place '%s'%s (drover catalog show lists them)\n",
                 one_line(id, 80).c_str(),
                 near.empty() ? "" : (": did you mean '" + one_line(near, 80) + "'?").c_str());
    return kExitUsage;
  }
  if (a.has("json")) {
    print_json(place == nullptr ? placed_json(*placed) : place_json(*place));
  } else {
    print_facts(id, place == nullptr ? placed->facts : place->facts);
  }
  return kExitOk;
}

/// Its first two columns, then the facts that most rules ask for.
std::vector<std::string> row_of(std::string id, std::string what, const catalog::Facts& facts) {
  std::vector<std::string> out = {std::move(id), std::move(what)};
  for (const char* name : {"zone", "partition", "jurisdiction", "tenancy"}) {
    const Json* value = facts.value(name);
    out.push_back(value == nullptr ? "-" : value_text(*value));
  }
  return out;
}

int show(const Arguments& a) {
  auto known = read_known(a);
  if (!known) return complain_of_catalog(known.error());
  if (a.has("PLACE")) return show_one(a, *known);
  Json places = Json::array();
  Json placed = Json::array();
  Table table({"place", "providers", "zone", "partition", "jurisdiction", "tenancy"});
  for (const auto& [id, place] : known->places.all()) {
    places.push(place_json(place));
    std::string providers;
    for (const std::string& p : place.providers) providers += (providers.empty() ? "" : ", ") + p;
    table.add(row_of(id, std::move(providers), place.facts));
  }
  Table own({"configured", "is a", "zone", "partition", "jurisdiction", "tenancy"});
  for (const Placed& one : known->placed) {
    placed.push(placed_json(one));
    own.add(row_of(one.id, std::string(policy::thing_kind_name(one.kind)), one.facts));
  }
  if (a.has("json")) {
    print_json(Json::object().set("places", std::move(places)).set("placed", std::move(placed)));
    return kExitOk;
  }
  table.print();
  if (!known->placed.empty()) {
    std::printf("\n");
    own.print();
  }
  return kExitOk;
}

void tell_missing(const std::string& id, policy::ThingKind kind, const catalog::Facts& facts) {
  for (std::string_view name : missing_facts(kind, facts)) {
    std::printf("%s: '%s' is not stated: rules that need it say no\n", id.c_str(),
                std::string(name).c_str());
  }
}

/// Facts without which a rule of the policy says no to data that is bound, and faults.
size_t check_place(const catalog::Place& place, const policy::Zones* zones, bool verbose) {
  size_t faults = 0;
  auto complain_of = [&](const std::string& what) {
    std::printf("%s: %s\n", place.id.c_str(), what.c_str());
    ++faults;
  };
  for (const std::string& provider : place.providers) {
    if (std::string wrong = wrong_provider(provider); !wrong.empty()) complain_of(wrong);
  }
  for (const catalog::Fact& fact : place.facts.all()) {
    if (std::string wrong = wrong_zone(fact, zones); !wrong.empty()) complain_of(wrong);
    if (fact.source.empty()) complain_of("'" + fact.name + "' states no source");
    if (fact.date.empty()) complain_of("'" + fact.name + "' states no date");
  }
  if (verbose) tell_missing(place.id, policy::ThingKind::kModel, place.facts);
  return faults;
}

int check_catalog(const Arguments& a) {
  if (a.has("facts")) {
    Table table({"fact", "what it says"});
    for (const catalog::FactKind& kind : catalog::fact_kinds()) {
      table.add({std::string(kind.name), std::string(kind.help)});
    }
    table.print();
    return kExitOk;
  }
  auto known = read_known(a, a.has("FILE"));
  if (!known) return complain_of_catalog(known.error());
  auto places = a.has("FILE") ? read_file(a.get("FILE"), known->zones()) : known->places;
  if (!places) return complain_of_catalog(places.error());
  size_t faults = 0;
  for (const auto& [id, place] : places->all()) {
    faults += check_place(place, known->zones(), a.has("missing"));
  }
  for (const Placed& one : known->placed) {
    if (!a.has("missing") || a.has("FILE")) break;
    tell_missing(one.id, one.kind, one.facts);
  }
  std::printf("%s, %s\n", counted(places->all().size(), "place").c_str(),
              counted(faults, "fault").c_str());
  return faults == 0 ? kExitOk : kExitFailed;
}

/// " (https://…, 2026-11-20)"; what is not stated is said to be so.
std::string origin_text(const catalog::Fact& fact) {
  return " (" + (fact.source.empty() ? "no source" : fact.source) + ", " +
         (fact.date.empty() ? "no date" : fact.date) + ")";
}

void diff_place(const catalog::Place& before, const catalog::Place& after, size_t* changes) {
  for (const catalog::FactKind& kind : catalog::fact_kinds()) {
    const catalog::Fact* was = before.facts.find(kind.name);
    const catalog::Fact* is = after.facts.find(kind.name);
    if (was == nullptr && is == nullptr) continue;
    if (was != nullptr && is != nullptr && was->value == is->value) continue;
    ++*changes;
    std::printf("%s: %s: %s -> %s%s\n", after.id.c_str(), std::string(kind.name).c_str(),
                was == nullptr ? "not stated" : value_text(was->value).c_str(),
                is == nullptr ? "not stated" : value_text(is->value).c_str(),
                is == nullptr ? "" : origin_text(*is).c_str());
  }
}

int diff(const Arguments& a) {
  auto known = read_known(a, true);
  if (!known) return complain_of_catalog(known.error());
  auto before = read_file(a.get("BEFORE"), known->zones());
  if (!before) return complain_of_catalog(before.error());
  auto after = read_file(a.get("AFTER"), known->zones());
  if (!after) return complain_of_catalog(after.error());
  // A file of one's own is laid over the starter catalog, as 'catalog:' in drover.yaml does.
  if (a.get("BEFORE") == "starter") {
    catalog::Places together = *before;
    together.merge(*after);
    after = std::move(together);
  }
  size_t changes = 0;
  for (const auto& [id, place] : before->all()) {
    if (after->find(id) != nullptr) continue;
    std::printf("%s: gone\n", id.c_str());
    ++changes;
  }
  static const catalog::Place kNone;
  for (const auto& [id, place] : after->all()) {
    const catalog::Place* was = before->find(id);
    if (was == nullptr) std::printf("%s: new\n", id.c_str());
    diff_place(was == nullptr ? kNone : *was, place, &changes);
  }
  std::printf("%s\n", counted(changes, "change").c_str());
  return changes == 0 ? kExitOk : kExitFailed;
}

Positional catalog_positional(const char* name, const char* help, bool required) {
  Positional out;
  out.name = name;
  out.help = help;
  out.required = required;
  return out;
}

const Flag kConfigFlag = {"--config", "FILE", "the configuration (default: drover.yaml, if there)",
                          "", false};

}  // namespace

Command catalog_show_command() {
  Command c;
  c.name = "catalog show";
  c.summary = "Places, and what is placed there, or one with each fact, its source and date";
  c.details =
      "Places come with the program and from the files of 'catalog:'; what the configuration\n"
      "places (endpoints, tools, planners, queues, stores) has the facts of its place and its "
      "own.\n"
      "Examples: drover catalog show aws/eu-central-1\n"
      "          drover catalog show frankfurt     an endpoint, a tool or a store of drover.yaml";
  c.positionals.push_back(catalog_positional("PLACE", "a place, or what is placed", false));
  c.flags = {kConfigFlag, {"--json", "", "as JSON", "", false}};
  c.run = show;
  return c;
}

Command catalog_check_command() {
  Command c;
  c.name = "catalog check";
  c.summary = "Check facts: unknown zones and providers, missing sources and dates";
  c.details =
      "Example: drover catalog check places.yaml --missing\nExit code 1 if there is a fault.";
  c.positionals.push_back(
      catalog_positional("FILE", "a file of places (default: all that are known)", false));
  c.flags = {kConfigFlag,
             {"--missing", "", "also the facts without which rules say no", "", false},
             {"--facts", "", "list the facts that there are, and what each says", "", false}};
  c.run = check_catalog;
  return c;
}

Command catalog_diff_command() {
  Command c;
  c.name = "catalog diff";
  c.summary = "What differs between two files of places, or what a file changes of the starter's";
  c.details =
      "Example: drover catalog diff starter places.yaml\n"
      "After 'starter' (what comes with the program) the file is laid over it, as 'catalog:' in\n"
      "drover.yaml does: what it does not mention stays. Two files are compared as they are.\n"
      "Exit code 1 if they differ, or if one has a fault.";
  c.positionals.push_back(catalog_positional("BEFORE", "a file, or starter", true));
  c.positionals.push_back(catalog_positional("AFTER", "a file, or starter", true));
  c.flags = {kConfigFlag};
  c.run = diff;
  return c;
}

}  // namespace drover::app
