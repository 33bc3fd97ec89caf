#include "session/agents.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/limits/session.h"
#include "base/limits/store.h"
#include "base/near_word.h"

namespace drover::session {
namespace {

using async::Context;
using async::Task;

constexpr std::string_view kCollection = "agents";
constexpr std::string_view kVersions = "agent_versions";

std::string document_name(const TenantId& tenant, const std::string& agent) {
  return tenant.str() + "/" + agent;
}
std::string document_name(const TenantId& tenant, const AgentSpec& spec) {
  return document_name(tenant, spec.name) + "@" + spec.version;
}

const AgentVersion* find_version(const std::vector<AgentVersion>& versions,
                                 std::string_view version) {
  for (const AgentVersion& v : versions) {
    if (v.spec.version == version) return &v;
  }
  return nullptr;
}

bool same_content(const AgentSpec& a, const AgentSpec& b) {
  return a.to_json().same_value(b.to_json());
}

std::string names_of(const std::vector<AgentVersion>& versions) {
  std::string out;
  for (const AgentVersion& v : versions) out += (out.empty() ? "" : ", ") + v.spec.version;
  return out;
}

/// What a new session gets of these, newest first.
std::string current_of(const AgentInfo& info) {
  if (!info.pinned.empty()) {
    const AgentVersion* pinned = find_version(info.versions, info.pinned);
    return pinned == nullptr || pinned->draining ? "" : info.pinned;
  }
  for (const AgentVersion& v : info.versions) {
    if (!v.draining) return v.spec.version;
  }
  return "";
}

Failure no_version(const AgentInfo& info, std::string_view version) {
  return fail(Code::kNotFound, "agent '" + info.name + "' has no version '" + std::string(version) +
                                   "'; there are: " + names_of(info.versions));
}

Failure takes_none(const AgentInfo& info) {
  std::string why = "every version of it is draining; deploy another";
  if (!info.pinned.empty()) {
    bool gone = find_version(info.versions, info.pinned) == nullptr;
    why = "its pinned version '" + info.pinned + "' is " +
          (gone ? "gone from the configuration" : "draining") + "; pin another, or none";
  } else if (info.versions.size() == 1) {
    why = "its only version '" + info.versions[0].spec.version + "' is draining; deploy another";
  }
  return fail(Code::kFailedPrecondition, "agent '" + info.name + "' takes no new sessions: " + why);
}

Json entry_json(const TenantId& tenant, const std::string& name, const std::string& pinned,
                const std::set<std::string>& draining, const std::vector<AgentVersion>& versions) {
  Json drained = Json::array();
  for (const std::string& v : draining) drained.push(v);
  Json list = Json::array();
  for (const AgentVersion& v : versions) {
    list.push(
        Json::object().set("version", v.spec.version).set("deployed", format_rfc3339(v.deployed)));
  }
  Json out = Json::object().set("tenant", tenant.str()).set("name", name);
  if (!pinned.empty()) out.set("pinned", pinned);
  out.set("draining", std::move(drained)).set("versions", std::move(list));
  return out;
}

}  // namespace

AgentReference parse_agent_reference(std::string_view text) {
  AgentReference out;
  size_t at = text.rfind('@');
  out.name = std::string(text.substr(0, at));
  if (at != std::string_view::npos) out.version = std::string(text.substr(at + 1));
  return out;
}

AgentRegistry::Entry AgentRegistry::entry(const Key& key) const {
  auto it = entries_.find(key);
  return it == entries_.end() ? Entry() : it->second;
}

Task<Result<void>> AgentRegistry::load(Context ctx) {
  CO_TRY(auto entries, co_await documents_.list(ctx, std::string(kCollection)));
  CO_TRY(auto versions, co_await documents_.list(ctx, std::string(kVersions)));
  std::map<std::string, Json> specs;
  for (auto& [name, json] : versions) specs.emplace(std::move(name), std::move(json));
  entries_.clear();
  for (const auto& [document, json] : entries) {
    CO_TRY(TenantId tenant, TenantId::parse(json.get_string("tenant").value_or("")));
    std::string name(json.get_string("name").value_or(""));
    Entry& entry = entries_[Key(tenant, name)];
    entry.pinned = json.get_text("pinned");
    const Json* draining = json.find("draining");
    const Json* list = json.find("versions");
    if (draining == nullptr || draining->array_items() == nullptr || list == nullptr ||
        list->array_items() == nullptr) {
      co_return fail(Code::kDataLoss, "the stored agent " + document + " is incomplete");
    }
    for (const Json& v : *draining->array_items()) {
      if (v.string() != nullptr) entry.draining.insert(*v.string());
    }
    for (const Json& v : *list->array_items()) {
      auto stored = specs.find(document + "@" + v.get_text("version"));
      if (stored == specs.end()) {
        co_return fail(Code::kDataLoss, "a version of the stored agent " + document + " is gone");
      }
      AgentVersion version;
      auto spec = AgentSpec::from_json(stored->second);
      if (!spec) {
        Error error = std::move(spec).error();
        error.note("reading the deployed agent " + stored->first);
        co_return fail(std::move(error));
      }
      version.spec = std::move(*spec);
      CO_TRY(version.deployed, parse_rfc3339(v.get_string("deployed").value_or("")));
      entry.versions.push_back(std::move(version));
    }
  }
  co_return Result<void>();
}

Task<Result<void>> AgentRegistry::save(Context ctx, Key key, Entry entry) {
  Json json = entry_json(key.first, key.second, entry.pinned, entry.draining, entry.versions);
  CO_TRY_VOID(co_await documents_.put(ctx, std::string(kCollection),
                                      document_name(key.first, key.second), std::move(json)));
  entries_[std::move(key)] = std::move(entry);
  co_return Result<void>();
}

Error AgentRegistry::unknown(const TenantId& tenant, std::string_view name) const {
  std::vector<std::string> known;
  for (AgentInfo& other : list(tenant)) known.push_back(std::move(other.name));
  std::string text = "no agent is named '" + std::string(name) + "'";
  const std::string_view near = near_word(name, {known.begin(), known.end()});
  if (!near.empty()) text += " (did you mean '" + std::string(near) + "'?)";
  text += known.empty() ? "; none is configured or deployed" : "; there are: " + joined(known);
  return Error(Code::kNotFound, std::move(text));
}

Result<AgentInfo> AgentRegistry::info(const TenantId& tenant, std::string_view name) const {
  AgentInfo out;
  out.name = std::string(name);
  Entry mine = entry(Key(tenant, out.name));
  auto configured = configured_.find(out.name);
  if (configured != configured_.end()) {
    auto same = std::find_if(
        mine.versions.begin(), mine.versions.end(),
        [&](const AgentVersion& v) { return v.spec.version == configured->second.version; });
    if (same == mine.versions.end()) {
      AgentVersion version;
      version.spec = configured->second;
      version.configured = true;
      mine.versions.insert(mine.versions.begin(), std::move(version));
    } else if (same_content(same->spec, configured->second)) {
      same->configured = true;
    }
  }
  if (mine.versions.empty()) return fail(unknown(tenant, name));
  out.versions.assign(std::make_move_iterator(mine.versions.rbegin()),
                      std::make_move_iterator(mine.versions.rend()));
  for (AgentVersion& v : out.versions) v.draining = mine.draining.count(v.spec.version) != 0;
  out.pinned = mine.pinned;
  out.current = current_of(out);
  return out;
}

std::vector<AgentInfo> AgentRegistry::list(const TenantId& tenant) const {
  std::set<std::string> names;
  for (const auto& [name, spec] : configured_) names.insert(name);
  for (const auto& [key, entry] : entries_) {
    if (key.first == tenant && !entry.versions.empty()) names.insert(key.second);
  }
  std::vector<AgentInfo> out;
  for (const std::string& name : names) {
    if (auto one = info(tenant, name)) out.push_back(std::move(*one));
  }
  return out;
}

Result<AgentVersion> AgentRegistry::version(const TenantId& tenant, std::string_view name,
                                            std::string_view version) const {
  TRY(AgentInfo agent, info(tenant, name));
  const AgentVersion* found = find_version(agent.versions, version);
  if (found == nullptr) return no_version(agent, version);
  return *found;
}

/// The usual case without a copy of all versions: a name of which nothing was pinned or drained.
const AgentSpec* AgentRegistry::plain(const TenantId& tenant, std::string_view name) const {
  Key key(tenant, std::string(name));
  auto entry = entries_.find(key);
  if (entry == entries_.end() || entry->second.versions.empty()) {
    bool decided = entry != entries_.end() &&
                   !(entry->second.pinned.empty() && entry->second.draining.empty());
    auto configured = configured_.find(key.second);
    return decided || configured == configured_.end() ? nullptr : &configured->second;
  }
  const Entry& e = entry->second;
  return e.pinned.empty() && e.draining.empty() ? &e.versions.back().spec : nullptr;
}

Result<AgentSpec> AgentRegistry::resolve(const TenantId& tenant, std::string_view reference) const {
  if (const AgentSpec* usual = plain(tenant, reference)) return *usual;
  auto whole = info(tenant, reference);
  AgentReference named = parse_agent_reference(reference);
  if (whole || named.version.empty()) {  // a name may hold an '@' itself
    if (!whole) return fail(std::move(whole).error());
    if (whole->current.empty()) return takes_none(*whole);
    return find_version(whole->versions, whole->current)->spec;
  }
  TRY(AgentInfo agent, info(tenant, named.name));
  const AgentVersion* found = find_version(agent.versions, named.version);
  if (found == nullptr) return no_version(agent, named.version);
  if (found->draining) {
    std::string instead =
        agent.current.empty() ? "" : "; '" + agent.name + "' gives version '" + agent.current + "'";
    return fail(Code::kFailedPrecondition, "version '" + named.version + "' of agent '" +
                                               agent.name +
                                               "' is draining and takes no new sessions" + instead);
  }
  return found->spec;
}

Task<Result<AgentRegistry::Deployed>> AgentRegistry::deploy(Context ctx, TenantId tenant,
                                                            AgentSpec spec) {
  CO_TRY(auto permit, co_await writing_.acquire(ctx));
  Key key(tenant, spec.name);
  Deployed out;
  out.name = spec.name;
  out.version = spec.version;
  if (auto known = info(tenant, spec.name)) {
    const AgentVersion* same = find_version(known->versions, spec.version);
    if (same != nullptr && !same_content(same->spec, spec)) {
      co_return fail(Code::kAlreadyExists, "version '" + spec.version + "' of agent '" + spec.name +
                                               "' exists with another content, and a version never "
                                               "changes: name another, or none");
    }
    if (same != nullptr) {
      out.current = known->current;
      co_return out;
    }
  }
  Entry next = entry(key);
  if (next.versions.size() >= limits::kAgentVersionsMax ||
      (next.versions.empty() && entries_.size() >= limits::kAgentsMax)) {
    co_return fail(Code::kResourceExhausted, "there are too many agents, or versions of '" +
                                                 spec.name + "', to keep another");
  }
  // The version before the list that names it: a crash in between leaves one that nobody sees.
  CO_TRY_VOID(co_await documents_.put(ctx, std::string(kVersions), document_name(tenant, spec),
                                      spec.to_json()));
  AgentVersion version;
  version.spec = std::move(spec);
  version.deployed = ctx.loop().wall();
  next.versions.push_back(std::move(version));
  CO_TRY_VOID(co_await save(ctx, std::move(key), std::move(next)));
  out.fresh = true;
  CO_TRY(AgentInfo after, info(tenant, out.name));
  out.current = std::move(after.current);
  co_return out;
}

Task<Result<void>> AgentRegistry::pin(Context ctx, TenantId tenant, std::string name,
                                      std::string version) {
  CO_TRY(auto permit, co_await writing_.acquire(ctx));
  CO_TRY(AgentInfo agent, info(tenant, name));
  if (!version.empty()) {
    const AgentVersion* found = find_version(agent.versions, version);
    if (found == nullptr) co_return no_version(agent, version);
    if (found->draining) {
      co_return fail(Code::kFailedPrecondition,
                     "version '" + version + "' of agent '" + name +
                         "' is draining: take it back into use before it is pinned");
    }
  }
  Key key(tenant, name);
  Entry next = entry(key);
  if (next.pinned == version) co_return Result<void>();
  next.pinned = std::move(version);
  co_return co_await save(ctx, std::move(key), std::move(next));
}

Task<Result<void>> AgentRegistry::drain(Context ctx, TenantId tenant, std::string name,
                                        std::string version, bool draining) {
  CO_TRY(auto permit, co_await writing_.acquire(ctx));
  CO_TRY(AgentInfo agent, info(tenant, name));
  const AgentVersion* found = find_version(agent.versions, version);
  if (found == nullptr) co_return no_version(agent, version);
  if (found->draining == draining) co_return Result<void>();
  if (draining && agent.pinned == version) {
    co_return fail(Code::kFailedPrecondition, "version '" + version + "' of agent '" + name +
                                                  "' is pinned: pin another, or none, first");
  }
  Key key(tenant, name);
  Entry next = entry(key);
  if (draining) {
    next.draining.insert(std::move(version));
  } else {
    next.draining.erase(version);
  }
  co_return co_await save(ctx, std::move(key), std::move(next));
}

Task<Result<AgentReference>> agent_meant(Context ctx, const AgentRegistry* agents,
                                         store::Journal* journal, TenantId tenant,
                                         std::string text) {
  AgentReference out = parse_agent_reference(text);
  if (out.name == text) {
    if (text.empty()) co_return fail(Code::kInvalidArgument, "no agent is named");
    co_return out;
  }
  bool whole = agents->info(tenant, text).has_value();
  if (!whole) {
    store::SessionFilter filter;  // an agent that came with its session is in no registry
    filter.tenant = std::move(tenant);
    filter.agent = text;
    filter.limit = 1;
    CO_TRY(auto rows, co_await journal->list(ctx, std::move(filter)));
    whole = !rows.empty();
  }
  if (whole) {
    out.name = std::move(text);
    out.version.clear();
    co_return out;
  }
  if (out.name.empty()) {
    co_return fail(Code::kInvalidArgument, "'" + text.substr(0, 80) +
                                               "' names no agent before the '@': write its name, "
                                               "or name@version");
  }
  if (out.version.empty()) {
    co_return fail(Code::kInvalidArgument,
                   "'" + text.substr(0, 80) + "' names no version after the '@': write '" +
                       out.name.substr(0, 80) + "' for all versions, or name@version");
  }
  co_return out;
}

Task<Result<std::map<std::string, uint64_t>>> open_sessions_by_version(Context ctx,
                                                                       store::Journal* journal,
                                                                       TenantId tenant,
                                                                       std::string agent) {
  std::map<std::string, uint64_t> out;
  store::SessionFilter filter;
  filter.tenant = std::move(tenant);
  filter.agent = std::move(agent);
  filter.open = true;
  filter.limit = limits::kStoreRowsMax;
  for (;;) {
    CO_TRY(auto rows, co_await journal->list(ctx, filter));
    for (const store::SessionRow& row : rows) ++out[row.agent_version];
    if (rows.size() < filter.limit) break;
    filter.before = rows.back().id;
  }
  co_return out;
}

}  // namespace drover::session
