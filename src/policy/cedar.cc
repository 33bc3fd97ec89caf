#include "policy/cedar.h"

#include "policy/cedar_faults.h"
#include "policy/rule_heads.h"

#ifdef DROVER_CEDAR
#include "policy/cedar/drover_cedar.h"
#endif

namespace drover::policy {
namespace {

using catalog::FactType;

std::string_view cedar_type(FactType type) {
  switch (type) {
    case FactType::kNames:
      return "Set<String>";
    case FactType::kNumber:
      return "decimal";
    case FactType::kFlag:
      return "Bool";
    default:
      return "String";
  }
}

}  // namespace

std::string cedar_schema() {
  std::string facts = "{ kind: String, pool: String, zones: Set<String>";
  for (const catalog::FactKind& kind : catalog::fact_kinds()) {
    if (kind.type == FactType::kTable) continue;
    facts += ", " + std::string(kind.name) + "?: " + std::string(cedar_type(kind.type));
  }
  facts += " }";
  return "type Data = { sensitivity: Long, anywhere: Bool, zones: Set<String>, any_purpose: Bool, "
         "purposes: Set<String>, no_training: Bool, no_review: Bool, no_cache: Bool, "
         "keep_seconds: Long };\n"
         "entity Tenant;\n"
         "entity Key in [Tenant] = { name: String, scopes: Set<String> };\n"
         "entity Session in [Tenant] = { agent: String };\n"
         "entity Endpoint, Tool, Store = " +
         facts +
         ";\n"
         "action use, manage;\n"
         "action call_model in [use] appliesTo { principal: Tenant, resource: Endpoint, "
         "context: Data };\n"
         "action call_tool in [use] appliesTo { principal: Tenant, resource: Tool, context: Data "
         "};\n"
         "action store in [use] appliesTo { principal: Tenant, resource: Store, context: Data };\n"
         "action approve, extend, export, kill, purge, catalog, keys, agents, lease, server in "
         "[manage] appliesTo { principal: Key, resource: [Session, Tenant], context: Data };\n";
}

#ifdef DROVER_CEDAR

namespace {

Json uid(std::string_view type, std::string_view id) {
  return Json::object().set("type", type).set("id", id);
}

/// Cedar's decimals have four digits after the point.
Json decimal(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.4f", value);
  Json inner = Json::object().set("fn", "decimal").set("arg", std::string(text));
  return Json::object().set("__extn", std::move(inner));
}

Json names(const std::vector<std::string>& list) {
  Json out = Json::array();
  for (const std::string& name : list) out.push(name);
  return out;
}

Json attributes_of(const Thing& thing, const Zones& zones) {
  Json out = Json::object();
  out.set("kind", thing_kind_name(thing.kind)).set("pool", thing.pool);
  Json holding = Json::array();
  for (size_t i = 0; thing.traits.zone >= 0 && i < zones.all().size(); ++i) {
    auto zone = static_cast<size_t>(thing.traits.zone);
    if (zones.inside(static_cast<int>(i)).test(zone)) holding.push(zones.all()[i].name);
  }
  out.set("zones", std::move(holding));
  for (const catalog::Fact& fact : thing.facts.all()) {
    switch (catalog::fact_kind(fact.name)->type) {
      case FactType::kTable:
        break;
      case FactType::kNames:
        out.set(fact.name, names(thing.facts.list(fact.name)));
        break;
      case FactType::kNumber:
        out.set(fact.name, decimal(fact.value.number().value_or(0)));
        break;
      default:
        out.set(fact.name, fact.value);
    }
  }
  return out;
}

Json context_of(const contract::DataClass& data, const Zones& zones) {
  Zones::Residency residency = zones.resolve(data.residency);
  Json bound = Json::array();
  for (size_t i = 0; !residency.anywhere && i < zones.all().size(); ++i) {
    if (residency.zones.test(i)) bound.push(zones.all()[i].name);
  }
  Json out = Json::object();
  out.set("sensitivity", static_cast<int64_t>(data.sensitivity));
  out.set("anywhere", residency.anywhere).set("zones", std::move(bound));
  out.set("any_purpose", !data.purposes.has_value());
  out.set("purposes", data.purposes ? names(*data.purposes) : Json::array());
  out.set("no_training", (data.usage & contract::kNoTraining) != 0);
  out.set("no_review", (data.usage & contract::kNoReview) != 0);
  out.set("no_cache", (data.usage & contract::kNoCache) != 0);
  return out.set("keep_seconds", data.keep_s);
}

Json entity(const Json& uid, Json attributes, const Json& parent = Json()) {
  Json parents = Json::array();
  if (!parent.is_null()) parents.push(parent);
  Json out = Json::object().set("uid", uid).set("attrs", std::move(attributes));
  return out.set("parents", std::move(parents));
}

/// Takes what the engine handed back.
Json taken(char* text) {
  if (text == nullptr) return Json();
  auto parsed = Json::parse(text);
  drover_cedar_free_text(text);
  return parsed.value_or(Json());
}

std::string joined_texts(const Json& object, std::string_view key) {
  std::string out;
  const Json* list = object.find(key);
  if (list == nullptr || list->array_items() == nullptr) return out;
  for (const Json& item : *list->array_items()) {
    if (item.string() != nullptr) out += (out.empty() ? "" : ", ") + *item.string();
  }
  return out;
}

class Cedar final : public Authorizer {
 public:
  Cedar(drover_cedar* loaded, std::string_view rules, const std::string& file,
        std::shared_ptr<const Zones> zones)
      : loaded_(loaded),
        print_(fingerprint_of(rules)),
        by_tenant_(looks_at_principals(rules)),
        tenants_(tenants_named(rules, file)),
        zones_(std::move(zones)) {}
  ~Cedar() override { drover_cedar_free(loaded_); }
  Cedar(const Cedar&) = delete;
  Cedar& operator=(const Cedar&) = delete;

  std::optional<Denial> deny(const Ask& ask, const Thing& thing) const override {
    static constexpr std::string_view kTypes[] = {"Endpoint", "Tool", "Store"};
    static constexpr std::string_view kActions[] = {"call_model", "call_tool", "store"};
    auto kind = static_cast<size_t>(ask.kind);
    Json principal = uid("Tenant", ask.tenant);
    Json resource = uid(kTypes[kind], thing.id);
    Json entities = Json::array();
    entities.push(entity(principal, Json::object()));
    entities.push(entity(resource, attributes_of(thing, *zones_)));
    Json request = Json::object();
    request.set("principal", std::move(principal)).set("action", uid("Action", kActions[kind]));
    request.set("resource", std::move(resource)).set("context", context_of(ask.data, *zones_));
    return decided(request.set("entities", std::move(entities)));
  }

  std::optional<Denial> deny_verb(const VerbAsk& ask) const override {
    Json tenant = uid("Tenant", ask.tenant);
    Json owner = uid("Tenant", ask.owner);
    Json principal = uid("Key", ask.key.empty() ? ask.name : ask.key);
    Json resource = ask.session.empty() ? owner : uid("Session", ask.session);
    Json entities = Json::array();
    entities.push(entity(tenant, Json::object()));
    if (ask.owner != ask.tenant) entities.push(entity(owner, Json::object()));
    Json who = Json::object().set("name", ask.name).set("scopes", names(ask.scopes));
    entities.push(entity(principal, std::move(who), tenant));
    if (!ask.session.empty()) {
      entities.push(entity(resource, Json::object().set("agent", ask.agent), owner));
    }
    Json request = Json::object();
    request.set("principal", std::move(principal)).set("action", uid("Action", ask.verb));
    request.set("resource", std::move(resource)).set("context", context_of(ask.data, *zones_));
    return decided(request.set("entities", std::move(entities)));
  }
  bool slow() const override { return true; }  // half a millisecond a thing with 200 rules
  bool by_tenant() const override { return by_tenant_; }
  std::vector<NamedTenant> tenants() const override { return tenants_; }
  std::string fingerprint() const override { return print_; }

 private:
  std::optional<Denial> decided(const Json& request) const {
    std::string text = request.dump();
    char* handed = nullptr;
    int decided = drover_cedar_decide(loaded_, text.data(), text.size(), &handed);
    Json why = taken(handed);
    if (decided == 1) return std::nullopt;
    if (std::string errors = joined_texts(why, "errors"); !errors.empty()) {
      return Denial{"cedar", "the rules could not be decided: " + errors};
    }
    std::string rules = joined_texts(why, "policies");
    if (rules.empty()) return Denial{"cedar", "no rule permits it"};
    return Denial{"cedar:" + rules, "the rule " + rules + " forbids it"};
  }

  drover_cedar* loaded_;
  std::string print_;
  bool by_tenant_;
  std::vector<NamedTenant> tenants_;
  std::shared_ptr<const Zones> zones_;
};

}  // namespace

bool cedar_built_in() { return true; }
std::string_view cedar_version() { return DROVER_CEDAR; }

Result<std::shared_ptr<const Authorizer>> load_cedar(std::string_view policies,
                                                     const std::string& file,
                                                     std::shared_ptr<const Zones> zones) {
  std::string schema = cedar_schema();
  char* handed = nullptr;
  drover_cedar* loaded =
      drover_cedar_load(policies.data(), policies.size(), schema.data(), schema.size(), &handed);
  Json faults = taken(handed);
  if (loaded == nullptr) {
    const std::string message = cedar_faults(faults, file);
    return fail(Code::kInvalidArgument, message.empty() ? file + ": not a policy" : message);
  }
  return std::shared_ptr<const Authorizer>(
      std::make_shared<Cedar>(loaded, policies, file, std::move(zones)));
}

#else

bool cedar_built_in() { return false; }
std::string_view cedar_version() { return ""; }

Result<std::shared_ptr<const Authorizer>> load_cedar(std::string_view, const std::string& file,
                                                     std::shared_ptr<const Zones>) {
  return fail(Code::kUnimplemented,
              file +
                  ": this program was built without the Cedar engine, and does not start with "
                  "rules that it cannot decide (`make cedar`, then build again)");
}

#endif

}  // namespace drover::policy
