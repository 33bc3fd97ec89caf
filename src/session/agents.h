#pragma once
// The versions of agents: those of the configuration, which every tenant has, and those that a
// tenant deployed. A version is immutable, and the same content is the same version: deploying
// twice is deploying once. A session holds the whole description that it began with, so nothing
// here changes one that runs.
//
// What a new session gets: the version named ("support@3"); else the pinned one; else the newest
// deployed that is not draining; else the configuration's. A draining version takes no new session.
//
// Deployed versions stand in the store's documents and, after load(), in memory: resolving waits
// for nobody. Authorising is the caller's. Loop thread only. Failures: kNotFound names what there
// is, kFailedPrecondition what stands in the way, kAlreadyExists another content under that
// version. Limits: limits::kAgentsMax, kAgentVersionsMax.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "async/sync.h"
#include "base/ids.h"
#include "base/limits/session.h"
#include "session/agent.h"
#include "store/documents.h"
#include "store/journal.h"

namespace drover::session {

struct AgentVersion {
  AgentSpec spec;
  WallTime deployed{};      // unset for a version that only the configuration has
  bool configured = false;  // stands in the configuration
  bool draining = false;
};

struct AgentInfo {
  std::string name;
  /// What new sessions get; empty if none takes any.
  std::string current;
  std::string pinned;                  // empty: none
  std::vector<AgentVersion> versions;  // newest first, the configuration's last
};

class AgentRegistry final : public AgentSource {
 public:
  explicit AgentRegistry(store::Documents& documents) : documents_(documents) {}

  /// The agents of the configuration, in place of those before.
  void set_configured(std::map<std::string, AgentSpec> agents) { configured_ = std::move(agents); }
  async::Task<Result<void>> load(async::Context ctx);

  struct Deployed {
    std::string name;
    std::string version;
    bool fresh = false;  // false: it was there already
    std::string current;
  };
  async::Task<Result<Deployed>> deploy(async::Context ctx, TenantId tenant, AgentSpec spec);
  /// New sessions get this version; "" takes the pin away.
  async::Task<Result<void>> pin(async::Context ctx, TenantId tenant, std::string name,
                                std::string version);
  /// Takes a version out of use for new sessions, or back into it.
  async::Task<Result<void>> drain(async::Context ctx, TenantId tenant, std::string name,
                                  std::string version, bool draining);

  /// "name" or "name@version", for a new session.
  Result<AgentSpec> resolve(const TenantId& tenant, std::string_view reference) const override;
  /// One version, draining or not.
  Result<AgentVersion> version(const TenantId& tenant, std::string_view name,
                               std::string_view version) const;
  Result<AgentInfo> info(const TenantId& tenant, std::string_view name) const;
  /// By name.
  std::vector<AgentInfo> list(const TenantId& tenant) const;

 private:
  /// What a tenant has decided of one agent.
  struct Entry {
    std::vector<AgentVersion> versions;  // oldest first
    std::string pinned;
    std::set<std::string> draining;
  };
  using Key = std::pair<TenantId, std::string>;

  Entry entry(const Key& key) const;
  const AgentSpec* plain(const TenantId& tenant, std::string_view name) const;
  async::Task<Result<void>> save(async::Context ctx, Key key, Entry entry);
  Error unknown(const TenantId& tenant, std::string_view name) const;

  store::Documents& documents_;
  std::map<std::string, AgentSpec> configured_;
  std::map<Key, Entry> entries_;
  async::Semaphore writing_{1};
};

/// "support@3" in its two parts; the version is empty if none is named.
struct AgentReference {
  std::string name;
  std::string version;
};
AgentReference parse_agent_reference(std::string_view text);

/// The agent, or its version, that a text means to one who asks for its sessions: all of it is a
/// name where the registry knows that, or a session of the tenant bears it; else it has two parts.
/// kInvalidArgument where a part is empty, which would stand for any agent or all versions.
async::Task<Result<AgentReference>> agent_meant(async::Context ctx, const AgentRegistry* agents,
                                                store::Journal* journal, TenantId tenant,
                                                std::string text);

/// How many sessions of that agent have not ended, by version.
async::Task<Result<std::map<std::string, uint64_t>>> open_sessions_by_version(
    async::Context ctx, store::Journal* journal, TenantId tenant, std::string agent);

}  // namespace drover::session
