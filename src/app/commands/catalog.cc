// drover catalog show, check, diff: what is known of places, where it is from, and what is missing.

#include <cstdio>
#include <vector>

#include "app/commands.h"
#include "app/config.h"
#include "app/files.h"
#include "app/output.h"
#include "policy/zones.h"

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

/// The starter catalog, the files of the configuration (if there is one), and one file named.
Result<catalog::Places> places_of(const Arguments& a, const std::string& file) {
  catalog::Places out = catalog::Places::starter();
  std::string config = a.get("config");
  bool named = !config.empty();
  if (!named) config = "drover.yaml";
  if (named || read_small_file(config)) {
    ConfigOutcome outcome = read_config(config, read_small_file);
    if (!outcome.faults.empty()) {
      return fail(Code::kInvalidArgument, outcome.faults.front().to_string());
    }
    out.merge(outcome.config.places);
  }
  if (file.empty()) return out;
  TRY(std::string text, read_small_file(file));
  TRY(catalog::Places own, catalog::Places::parse(text, file));
  out.merge(own);
  return out;
}

/// `faults`, if given, gets all that is wrong in the file.
Result<catalog::Places> read_file(const std::string& file,
                                  std::vector<std::string>* faults = nullptr) {
  if (file == "starter") return catalog::Places::starter();
  TRY(std::string text, read_small_file(file));
  return catalog::Places::parse(text, file, faults);
}

int complain(const Error& error) {
  std::fprintf(stderr, "drover: %s\n", error.message.c_str());
  return error.code == Code::kNotFound ? kExitUsage : kExitFailed;
}

Json place_json(const catalog::Place& place) {
  Json providers = Json::array();
  for (const std::string& p : place.providers) providers.push(p);
  Json out = Json::object().set("id", place.id).set("region", place.region);
  return out.set("providers", std::move(providers)).set("facts", place.facts.to_json());
}

void print_place(const catalog::Place& place) {
  std::printf("%s\n", place.id.c_str());
  Table table({"fact", "value", "date", "source"});
  for (const catalog::Fact& fact : place.facts.all()) {
    table.add(
        {fact.name, one_line(value_text(fact.value), 50), fact.date, one_line(fact.source, 90)});
  }
  table.print();
}

int show(const Arguments& a) {
  auto places = places_of(a, "");
  if (!places) return complain(places.error());
  if (a.has("PLACE")) {
    const catalog::Place* place = places->find(a.get("PLACE"));
    if (place == nullptr) {
      std::fprintf(stderr, "drover: there is no place '%s' (drover catalog show lists them)\n",
                   one_line(a.get("PLACE"), 80).c_str());
      return kExitUsage;
    }
    if (a.has("json")) {
      print_json(place_json(*place));
    } else {
      print_place(*place);
    }
    return kExitOk;
  }
  Json list = Json::array();
  Table table({"place", "providers", "zone", "partition", "jurisdiction", "tenancy"});
  for (const auto& [id, place] : places->all()) {
    if (a.has("json")) list.push(place_json(place));
    std::string providers;
    for (const std::string& p : place.providers) providers += (providers.empty() ? "" : ", ") + p;
    auto fact = [&](const char* name) {
      const Json* value = place.facts.value(name);
      return value == nullptr ? std::string("-") : value_text(*value);
    };
    table.add(
        {id, providers, fact("zone"), fact("partition"), fact("jurisdiction"), fact("tenancy")});
  }
  if (a.has("json")) {
    print_json(Json::object().set("places", std::move(list)));
  } else {
    table.print();
  }
  return kExitOk;
}

/// Facts without which a rule of the policy says no to data that is bound, and faults.
size_t check_place(const catalog::Place& place, const policy::Zones& zones, bool verbose) {
  size_t faults = 0;
  auto complain_of = [&](const std::string& what) {
    std::printf("%s: %s\n", place.id.c_str(), what.c_str());
    ++faults;
  };
  for (const char* name : {"zone", "prompt_cache", "jurisdiction", "processing_scope"}) {
    std::string_view zone = place.facts.text(name);
    if (zone.empty() || zone == "none" || zones.find(zone) >= 0) continue;
    complain_of("its " + std::string(name) + " is '" + std::string(zone) +
                "', a zone that is not known: rules that need it say no");
  }
  for (const catalog::Fact& fact : place.facts.all()) {
    if (fact.source.empty()) complain_of("'" + fact.name + "' states no source");
    if (fact.date.empty()) complain_of("'" + fact.name + "' states no date");
  }
  if (!verbose) return faults;
  for (const char* name : {"zone", "prompt_cache", "cleared_for", "retention", "trains_on_data",
                           "human_review", "tenancy"}) {
    if (place.facts.find(name) == nullptr) {
      std::printf("%s: '%s' is not stated: rules that need it say no\n", place.id.c_str(), name);
    }
  }
  return faults;
}

int check(const Arguments& a) {
  if (a.has("facts")) {
    Table table({"fact", "what it says"});
    for (const catalog::FactKind& kind : catalog::fact_kinds()) {
      table.add({std::string(kind.name), std::string(kind.help)});
    }
    table.print();
    return kExitOk;
  }
  std::vector<std::string> wrong;
  auto places = a.has("FILE") ? read_file(a.get("FILE"), &wrong) : places_of(a, "");
  for (const std::string& fault : wrong) std::fprintf(stderr, "%s\n", fault.c_str());
  if (!wrong.empty()) {
    std::fprintf(stderr, "drover: %zu fault%s; each must be mended before the file is used\n",
                 wrong.size(), wrong.size() == 1 ? "" : "s");
    return kExitFailed;
  }
  if (!places) return complain(places.error());
  policy::Zones zones;
  if (std::string config = a.get("config"); !config.empty() || read_small_file("drover.yaml")) {
    ConfigOutcome outcome = read_config(config.empty() ? "drover.yaml" : config, read_small_file);
    if (outcome.faults.empty()) zones = outcome.config.policy->zones();
  }
  size_t faults = 0;
  for (const auto& [id, place] : places->all()) {
    faults += check_place(place, zones, a.has("missing"));
  }
  std::printf("%zu places, %zu faults\n", places->all().size(), faults);
  return faults == 0 ? kExitOk : kExitFailed;
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
                is == nullptr ? "" : (" (" + is->source + ", " + is->date + ")").c_str());
  }
}

int diff(const Arguments& a) {
  auto before = read_file(a.get("BEFORE"));
  if (!before) return complain(before.error());
  auto after = read_file(a.get("AFTER"));
  if (!after) return complain(after.error());
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
  std::printf("%zu changes\n", changes);
  return changes == 0 ? kExitOk : kExitFailed;
}

Positional positional(const char* name, const char* help, bool required) {
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
  c.summary = "The places that are known, or one with each fact, its source and date";
  c.details = "Example: drover catalog show aws/eu-central-1";
  c.positionals.push_back(positional("PLACE", "one place, such as aws/eu-central-1", false));
  c.flags = {kConfigFlag, {"--json", "", "as JSON", "", false}};
  c.run = show;
  return c;
}

Command catalog_check_command() {
  Command c;
  c.name = "catalog check";
  c.summary = "Check facts: unknown zones, missing sources and dates";
  c.details =
      "Example: drover catalog check places.yaml --missing\nExit code 1 if there is a fault.";
  c.positionals.push_back(
      positional("FILE", "a file of places (default: all that are known)", false));
  c.flags = {kConfigFlag,
             {"--missing", "", "also the facts without which rules say no", "", false},
             {"--facts", "", "list the facts that there are, and what each says", "", false}};
  c.run = check;
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
      "Exit code 1 if they differ.";
  c.positionals.push_back(positional("BEFORE", "a file, or starter", true));
  c.positionals.push_back(positional("AFTER", "a file, or starter", true));
  c.run = diff;
  return c;
}

}  // namespace drover::app
