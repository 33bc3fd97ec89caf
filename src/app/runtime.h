#pragma once
// The whole of Drover, wired: loop, store, providers, road, tools, memory, sessions, keys. Each
// command that runs sessions or serves makes one; `drover serve` adds the HTTP server on top.
//
//   Runtime runtime(loop, options);
//   TRY_VOID(runtime.open(config));                 // opens the data folder, reads keys
//   auto ready = loop.run_task(runtime.start(ctx)); // takes up what was running
//   …
//   loop.run_task(runtime.stop(ctx));
//
// Owns everything but the loop. Loop thread only.

#include <memory>
#include <optional>
#include <string>

#include "api/router.h"
#include "app/config.h"
#include "app/parties.h"
#include "app/scratch_stores.h"
#include "async/worker_pool.h"
#include "catalog/catalog.h"
#include "catalog/health.h"
#include "http/client.h"
#include "identity/audit.h"
#include "identity/keys.h"
#include "identity/tenants.h"
#include "memory/memory.h"
#include "memory/memory_tools.h"
#include "memory/scratch.h"
#include "net/asio_loop.h"
#include "providers/provider.h"
#include "road/asking_gate.h"
#include "road/batches.h"
#include "road/books.h"
#include "road/road.h"
#include "session/agents.h"
#include "session/http_planner.h"
#include "session/manager.h"
#include "store/batch_signer.h"
#include "store/data_folder.h"
#include "store/posix_disk.h"
#include "store/sqlite/backup.h"
#include "store/store.h"
#include "store/stream_log.h"
#include "tools/server_tool_set.h"
#include "trace/ledger.h"
#include "trace/ledger_log.h"
#include "trace/metrics.h"
#include "trace/store_sink.h"

namespace drover::app {

using async::Context;
using async::Task;

struct RuntimeOptions {
  /// Keep everything in memory: nothing survives the process.
  bool in_memory = false;
  /// Made-up secrets of the simulated clouds, asked before the environment.
  std::map<std::string, std::string> secrets;
  /// Take up sessions that were running. Not for a command that only looks at a folder.
  bool recover = true;
  /// Leave out budgets, classes and rules for tenants and keys that are not there: who makes them
  /// with a command needs a runtime first.
  bool skip_unknown_parties = false;
  /// Hears streamed answers while they come in; may be null, outlives the runtime.
  session::LiveAnswers* live = nullptr;
};

/// The tenant of sessions that the process itself starts.
using identity::default_tenant;

/// Whether its provider is there and can call it as it is configured. The error names the endpoint.
Result<void> check_endpoint(const providers::ProviderTable& table, const catalog::Endpoint& e);

class Runtime {
 public:
  Runtime(net::AsioLoop& loop, RuntimeOptions options);
  ~Runtime();

  /// Secrets that are asked before the environment (made-up ones of simulated clouds).
  void add_secrets(const std::map<std::string, std::string>& secrets) {
    options_.secrets.insert(secrets.begin(), secrets.end());
  }
  /// One of those, or of the environment; nullopt where it is not set.
  std::optional<std::string> variable(const std::string& name) const;
  /// Opens the store and builds everything. Nothing runs yet.
  Result<void> open(Config config);
  /// Loads keys and the ledger, wakes running sessions; returns how many. Those beyond the places
  /// for sessions that are awake follow in the background.
  Task<Result<size_t>> start(Context ctx);
  /// Puts sessions to sleep, closes tools, writes what is left.
  Task<void> stop(Context ctx);
  /// Takes a new configuration's endpoints, tools and agents; on error everything stays.
  Task<Result<void>> reload(Context ctx, Config config);

  /// Reads the configuration file again; on a fault the old one stays and the fault is the error.
  Task<Result<void>> reload_file(Context ctx);
  /// Copies the data folder into the new folder `to` while it is in use.
  Task<Result<store::BackupReport>> backup(Context ctx, std::string to);

  /// All HTTP routes.
  void add_routes(api::Router& router);

  Context context() const { return root_; }
  net::AsioLoop& loop() { return loop_; }
  net::Network& network() { return *network_; }
  http::Client& client() { return *client_; }
  Random& random() { return random_; }
  const Config& config() const { return config_; }
  store::Store& store() { return *store_; }
  identity::Keys& keys() { return *keys_; }
  identity::Tenants& tenants() { return *tenants_; }
  session::SessionManager& sessions() { return *sessions_; }
  /// The fingerprint of the key that journals are signed with; "" where nothing is signed.
  const std::string& signing_key() const { return signing_key_; }
  session::AgentRegistry& agents() { return *agents_; }
  road::Road& road() { return *road_; }
  memory::Memory& memory() { return *memory_; }
  trace::Ledger& ledger() { return *ledger_; }
  road::Accounts& accounts() { return *accounts_; }
  road::Books& books() { return *books_; }
  const catalog::CatalogHolder& catalog() const { return catalog_; }
  /// What is held of attested endpoints.
  const policy::Evidence& evidence() const { return *evidence_; }
  trace::Metrics& metrics() { return metrics_; }
  tools::ToolSet& tools() { return *tools_; }

  /// /readyz says no from now on, and followers of live output are let go, while what is in flight
  /// is finished.
  void set_draining();
  bool draining() const { return draining_; }

 private:
  struct Memories;
  Result<void> open_store();
  Result<void> open_signer();
  Result<std::vector<session::PlannerOrigin>> resolved_planners(const Config& config) const;
  Result<void> check_endpoints(const Config& config) const;
  Result<void> check_agent(const session::AgentSpec& agent) const;
  /// What a caller states of his data: readable, known, and this server's own store may hold it.
  Task<Result<std::string>> check_data(Context ctx, TenantId tenant, std::string data_class);
  /// Whether that store of this process ("": its own) may hold such data.
  Task<Result<void>> may_hold(Context ctx, TenantId tenant, std::string store,
                              std::string data_class);
  providers::ProviderEnvironment environment();
  /// Where memory records may lie: the own store and those of scratch data.
  std::vector<store::Records*> record_stores();
  session::Services session_services();
  void open_books();
  /// The external authoriser of a configuration, its secret resolved; without a URL: none.
  Result<road::OpaOptions> opa_options(const Config& config) const;
  /// From now on this policy holds, with the external authoriser if there is one.
  void use_policy(std::shared_ptr<const policy::Policy> policy);
  /// All evidence that the rules and the agents, deployed ones too, may ask for.
  std::vector<policy::EvidenceNeed> wanted_evidence(const Config& config) const;
  void audit_expired(const store::Removed& removed);
  void open_batches();
  /// Sessions that a budget stopped try again with each hour, in which windows renew.
  Task<void> retry_refused(Context ctx);
  /// Tenants and keys by their ids; both must be loaded. `folder`: app/parties.h.
  Parties parties(std::string folder = "") const {
    return Parties(*tenants_, *keys_, options_.skip_unknown_parties, std::move(folder));
  }

  net::AsioLoop& loop_;
  RuntimeOptions options_;
  Context root_;
  Config config_;
  SystemRandom random_;
  FastRandom guessable_;  // for ids of spans, and jitter
  store::PosixDisk disk_;
  async::WorkerPool blocking_;
  async::WorkerPool deciding_;  // what slow rules take does not keep files waiting
  std::unique_ptr<net::Network> network_;
  std::unique_ptr<net::ProcessSpawner> spawner_;
  std::unique_ptr<http::Client> client_;
  std::unique_ptr<EvidenceKeeper> evidence_;
  std::unique_ptr<AttestedClient> attested_client_;
  std::unique_ptr<http::Client> tool_client_;
  SystemClock clock_;  // for the store's threads
  std::unique_ptr<store::DataFolder> folder_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<store::BatchSigner> signer_;  // null: in memory, or only looked at
  std::string signing_key_;
  ScratchStores scratch_stores_;
  std::unique_ptr<identity::Tenants> tenants_;
  std::unique_ptr<identity::Keys> keys_;
  std::unique_ptr<identity::Audit> audit_;
  std::unique_ptr<road::AskingGate> gate_;
  std::unique_ptr<session::AgentRegistry> agents_;
  catalog::CatalogHolder catalog_;
  policy::PolicyHolder policy_;
  std::unique_ptr<catalog::Health> health_;
  std::unique_ptr<providers::ProviderTable> providers_;
  trace::Metrics metrics_;
  std::unique_ptr<trace::StoreSink> spans_;
  std::unique_ptr<trace::Ledger> ledger_;
  std::unique_ptr<trace::LedgerLog> ledger_log_;
  std::unique_ptr<road::Accounts> accounts_;
  std::unique_ptr<road::Books> books_;
  std::unique_ptr<road::Opa> opa_;
  std::unique_ptr<road::Batches> batches_;
  std::unique_ptr<road::Road> road_;
  std::unique_ptr<road::Road> session_road_;  // with batches
  std::unique_ptr<road::Effects> effects_;
  std::unique_ptr<tools::ServerToolSet> tools_;
  std::unique_ptr<memory::Memory> memory_;
  std::unique_ptr<memory::Scratch> scratch_;  // null: there is one store, and nothing moves
  std::unique_ptr<session::MemoryHost> memory_host_;
  std::unique_ptr<session::HttpPlanner> planner_;
  std::unique_ptr<store::StreamLog> stream_log_;
  std::unique_ptr<session::LiveStreams> live_;
  std::unique_ptr<session::SessionManager> sessions_;
  std::unique_ptr<async::Scope> background_;
  bool draining_ = false;
};

}  // namespace drover::app
