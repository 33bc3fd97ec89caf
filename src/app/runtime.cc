#include "app/runtime.h"

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "app/files.h"
#include "app/output.h"
#include "app/tool_servers.h"
#include "memory/retention.h"
#include "net/linger.h"
#include "policy/gate.h"
#include "session/memory_host.h"
#include "store/log/log_store.h"
#include "store/memory/memory_store.h"
#include "store/stream_log_files.h"

namespace drover::app {
namespace {

constexpr size_t kBlockingThreads = 2;
/// A worker that was told its step is durable and leased the next one has answered within this on
/// the same machine, if it has nothing to compute.
constexpr Duration kLingerForNext = 100us;

/// Tells a machine that went down from a process that ended; 0 where nobody knows.
uint64_t boot_of_machine() {
  auto id = read_small_file("/proc/sys/kernel/random/boot_id");
  return id ? std::hash<std::string>()(*id) : 0;
}

}  // namespace

Runtime::Runtime(net::AsioLoop& loop, RuntimeOptions options)
    : loop_(loop),
      options_(std::move(options)),
      root_(loop),
      blocking_("blocking", kBlockingThreads),
      deciding_("deciding", 1) {
  network_ = net::make_asio_network(loop_, blocking_);
  spawner_ = net::make_process_spawner(loop_);
  client_ = http::make_client(loop_, network_->dialer());
  evidence_ = std::make_unique<EvidenceKeeper>(root_, network_->dialer(), random_);
  attested_client_ = std::make_unique<AttestedClient>(*evidence_, *client_);
  tool_client_ = http::make_client(loop_, network_->dialer());
}

Runtime::~Runtime() = default;

providers::ProviderEnvironment Runtime::environment() {
  providers::ProviderEnvironment e;
  e.client = attested_client_.get();
  e.random = &random_;
  e.getenv = [this](const std::string& name) { return variable(name); };
  e.read_file = read_small_file;
  return e;
}

std::optional<std::string> Runtime::variable(const std::string& name) const {
  auto it = options_.secrets.find(name);
  if (it != options_.secrets.end()) return it->second;
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

Result<void> Runtime::open_store() {
  if (options_.in_memory) {
    store_ = std::make_unique<store::MemoryStore>(random_);
    stream_log_ = std::make_unique<store::MemoryStreamLog>();
    return {};
  }
  TRY(folder_, store::DataFolder::open(config_.data));
  store::LogStoreOptions options;
  options.rest.folder = config_.data;
  // With one processor it would keep away whoever is waited for.
  if (std::thread::hardware_concurrency() > 1) {
    options.after_direct = [this] { net::linger(loop_, kLingerForNext); };
  }
  TRY(store_, store::open_log_store(options, clock_, random_));
  TRY(stream_log_, store::open_stream_files(disk_, config_.data + "/streams", blocking_, clock_));
  TRY(ledger_log_, trace::LedgerLog::open(disk_, config_.data + "/ledger", boot_of_machine()));
  return open_signer();
}

Result<std::vector<session::PlannerOrigin>> Runtime::resolved_planners(const Config& config) const {
  std::vector<session::PlannerOrigin> out = config.planners;
  for (session::PlannerOrigin& origin : out) {
    for (auto& [name, value] : origin.headers) {
      auto secret = resolve_secret(value, read_small_file);
      if (!secret) {
        Error error = std::move(secret).error();
        error.message = "planner " + origin.origin + ", " + name + ": " + error.message;
        return fail(std::move(error));
      }
      value = std::move(*secret);
    }
  }
  return out;
}

std::vector<store::Records*> Runtime::record_stores() {
  if (memory_->stores().empty()) return {&store_->records()};
  std::vector<store::Records*> out;
  for (const auto& [name, records] : memory_->stores()) out.push_back(records);
  return out;
}

session::Services Runtime::session_services() {
  session::Services s;
  s.loop = &loop_;
  s.random = &random_;
  s.journal = &store_->journal();
  s.road = session_road_.get();
  s.tools = tools_.get();
  s.memory = memory_host_.get();
  s.scratch = scratch_.get();
  s.effects = effects_.get();
  s.spans = spans_.get();
  s.planner = planner_.get();
  s.agents = agents_.get();
  s.live = live_.get();
  s.records = record_stores();
  s.kept_spans = &store_->spans();
  s.streams = stream_log_.get();
  s.audit = audit_.get();
  s.signer = signer_.get();
  return s;
}

Result<road::OpaOptions> Runtime::opa_options(const Config& config) const {
  road::OpaOptions options;
  if (!config.opa) return options;
  options = *config.opa;
  auto token = resolve_secret(options.token, read_small_file);
  if (!token) {
    Error error = std::move(token).error();
    error.message = "policy.opa.token: " + error.message;
    return fail(std::move(error));
  }
  options.token = std::move(*token);
  return options;
}

void Runtime::use_policy(std::shared_ptr<const policy::Policy> policy) {
  policy_.replace(opa_->active() ? policy->with(opa_->authorizer()) : std::move(policy));
}

Result<void> Runtime::open(Config config) {
  config_ = std::move(config);
  TRY_VOID(open_store());
  TRY_VOID(scratch_stores_.open(config_.store_folders, options_.in_memory, clock_, random_));
  tenants_ = std::make_unique<identity::Tenants>(store_->documents(), random_);
  audit_ = std::make_unique<identity::Audit>(store_->documents(), root_);
  gate_ = std::make_unique<road::AskingGate>(policy_, audit_.get());
  keys_ = std::make_unique<identity::Keys>(store_->documents(), random_, gate_.get());
  agents_ = std::make_unique<session::AgentRegistry>(store_->documents());
  agents_->set_configured(config_.agents);
  health_ = std::make_unique<catalog::Health>(loop_);
  providers_ = std::make_unique<providers::ProviderTable>(environment());
  TRY_VOID(check_endpoints(config_));
  TRY_VOID(catalog_.replace(config_.endpoints));
  spans_ = std::make_unique<trace::StoreSink>(loop_, store_->spans());
  open_books();
  road::RoadParts parts;
  parts.loop = &loop_;
  parts.random = &guessable_;
  parts.catalog = &catalog_;
  parts.health = health_.get();
  parts.providers = providers_.get();
  parts.spans = spans_.get();
  parts.metrics = &metrics_;
  opa_ = std::make_unique<road::Opa>(root_, *tool_client_);
  gate_->set_external(opa_.get());
  TRY(auto opa, opa_options(config_));
  opa_->configure(std::move(opa));
  use_policy(config_.policy);  // start() knows whom it names
  parts.policy = &policy_;
  parts.external = opa_.get();
  parts.decider = &deciding_;
  parts.evidence = evidence_.get();
  parts.settings = config_.road;
  parts.accounts = accounts_.get();
  road_ = road::make_road(parts);
  open_batches();
  effects_ = std::make_unique<road::Effects>(guessable_, spans_.get(), &metrics_, &policy_);
  effects_->guard().set_things(config_.things);
  effects_->set_external(opa_.get());
  TRY(auto servers, resolve_tool_servers(config_, read_small_file));
  tools::Environment tool_environment;
  tool_environment.loop = &loop_;
  tool_environment.random = &random_;
  tool_environment.spawner = spawner_.get();
  tool_environment.client = tool_client_.get();
  tools_ = std::make_unique<tools::ServerToolSet>(tool_environment, std::move(servers));
  metrics_.gauge_of("drover_tool_calls_waiting", "Tool calls that wait for their turn.",
                    [this] { return static_cast<double>(tools_->limiter_state().waiting); });
  metrics_.gauge_of("drover_tool_calls_in_flight", "Tool calls under way over HTTP.",
                    [this] { return static_cast<double>(tools_->limiter_state().in_flight); });
  memory_ = std::make_unique<memory::Memory>(store_->records());
  if (scratch_stores_.any()) {
    memory_->add_store(road::kOwnStore, store_->records());
    scratch_stores_.add_to(*memory_);
    scratch_ = std::make_unique<memory::Scratch>(*memory_);
    memory_->set_scratch(scratch_.get());
  }
  memory_host_ = session::make_memory_host(*memory_);
  planner_ = std::make_unique<session::HttpPlanner>(tool_client_.get());
  TRY(auto origins, resolved_planners(config_));
  planner_->set_origins(std::move(origins));
  live_ = std::make_unique<session::LiveStreams>(root_, *stream_log_, options_.live);
  sessions_ = std::make_unique<session::SessionManager>(session_services(), root_);
  background_ = std::make_unique<async::Scope>(root_);
  return {};
}

Task<void> Runtime::retry_refused(Context ctx) {
  constexpr int64_t kHour = 3600;
  for (;;) {
    const int64_t left = kHour - unix_seconds(loop_.wall()) % kHour;
    // A little after it, so that it has come for all.
    auto slept = co_await async::sleep_for(ctx, std::chrono::seconds(left + 1));
    if (!slept) co_return;
    sessions_->accounts_changed();
  }
}

void Runtime::audit_expired(const store::Removed& removed) {
  identity::AuditEntry entry;
  entry.tenant = entry.owner = removed.tenant;
  entry.name = "retention";
  entry.verb = std::string(identity::verb_of(identity::Action::kPurge));
  entry.reason = "its retention has ended";
  entry.why = counted(removed.records, "memory record") + " of namespace " + removed.name_space;
  audit_->done(std::move(entry));
}

void Runtime::open_books() {
  ledger_ = std::make_unique<trace::Ledger>();
  accounts_ = std::make_unique<road::Accounts>(loop_, *ledger_, ledger_log_.get(), &metrics_);
  road::BooksParts parts;
  parts.accounts = accounts_.get();
  parts.ledger = ledger_.get();
  parts.log = ledger_log_.get();
  parts.documents = &store_->documents();
  parts.journal = &store_->journal();
  parts.executor = &blocking_;
  parts.clock = &loop_;
  parts.goes_on = [this](std::string_view key) { return batches_->goes_on(key); };
  books_ = std::make_unique<road::Books>(parts);
}

Task<Result<size_t>> Runtime::start(Context ctx) {
  CO_TRY_VOID(co_await tenants_->load(ctx));
  CO_TRY_VOID(co_await keys_->load(ctx));
  CO_TRY_VOID(co_await audit_->load(ctx));
  CO_TRY_VOID(co_await agents_->load(ctx));
  // Who is named and is not there is made over the folder: nothing serves it yet.
  const Parties named = parties(config_.data == Config().data ? "" : config_.data);
  CO_TRY(auto policy, named.in_policy(config_.policy));
  use_policy(std::move(policy));
  CO_TRY(auto settings, named.in_settings(config_.road));
  road_->configure(std::move(settings));
  CO_TRY(auto budgets, named.in_budgets(config_.budgets));
  CO_TRY_VOID(co_await batches_->load(ctx));
  CO_TRY_VOID(co_await books_->start(ctx, std::move(budgets)));
  background_->spawn(books_->keep(background_->context()));
  background_->spawn(books_->keep_promises(background_->context()));
  background_->spawn(books_->keep_room(background_->context()));
  background_->spawn(retry_refused(background_->context()));
  evidence_->set_endpoints(config_.attested, wanted_evidence(config_));
  if (scratch_ != nullptr) CO_TRY_VOID(co_await scratch_->open(ctx));
  if (!options_.recover) co_return size_t{0};
  std::function<void(const store::Removed&)> tell = [this](const auto& r) { audit_expired(r); };
  for (store::Records* records : record_stores()) {
    background_->spawn(memory::sweep_expired(background_->context(), records, tell));
  }
  CO_TRY_VOID(co_await batches_->start(ctx));
  co_return co_await sessions_->recover(ctx);
}

Task<void> Runtime::stop(Context ctx) {
  if (sessions_ == nullptr) co_return;
  co_await sessions_->stop();
  if (signer_ != nullptr) co_await signer_->stop();
  co_await batches_->close();
  co_await live_->stop();
  co_await road_->close();
  co_await tools_->close(ctx);
  co_await evidence_->stop();
  background_->cancel("stopping");
  co_await background_->join();
  co_await audit_->stop();
  co_await opa_->stop();
  co_await spans_->close();
  auto flushed = co_await books_->close(ctx);
  if (!flushed) LOG_WARN("the ledger could not be written: {}", flushed.error().to_string());
  attested_client_->clear_idle();
  tool_client_->clear_idle();
}

void Runtime::set_draining() {
  draining_ = true;
  if (live_ != nullptr) live_->release_followers();
}

Task<Result<void>> Runtime::reload(Context ctx, Config config) {
  CO_TRY_VOID(check_endpoints(config));
  if (config.store_folders != config_.store_folders) {
    co_return fail(Code::kFailedPrecondition,
                   "`stores` come, go and change their folders with a restart only");
  }
  CO_TRY(auto servers, resolve_tool_servers(config, read_small_file));
  CO_TRY(auto origins, resolved_planners(config));
  CO_TRY(auto policy, parties().in_policy(config.policy));
  CO_TRY(auto settings, parties().in_settings(config.road));
  CO_TRY(auto budgets, parties().in_budgets(config.budgets));
  CO_TRY(auto opa, opa_options(config));
  CO_TRY_VOID(accounts_->set_budgets(std::move(budgets)));
  CO_TRY_VOID(catalog_.replace(config.endpoints));
  opa_->configure(std::move(opa));
  use_policy(std::move(policy));
  effects_->guard().set_things(config.things);
  road_->configure(std::move(settings));
  planner_->set_origins(std::move(origins));
  evidence_->set_endpoints(config.attested, wanted_evidence(config));
  co_await tools_->reload(ctx, std::move(servers));
  config.data = config_.data;  // what cannot change while running stays
  config.listen_host = config_.listen_host;
  config.listen_port = config_.listen_port;
  config_ = std::move(config);
  sessions_->accounts_changed();
  agents_->set_configured(config_.agents);
  configure_log(config_.log_level, config_.log_format);
  co_return Result<void>();
}

Task<Result<void>> Runtime::reload_file(Context ctx) {
  if (config_.file.empty()) {
    co_return fail(Code::kFailedPrecondition, "there is no configuration file to read again");
  }
  ConfigOutcome outcome = read_config(config_.file, read_small_file);
  if (!outcome.faults.empty()) {
    std::string text;
    for (const ConfigFault& fault : outcome.faults) {
      text += (text.empty() ? "" : "\n") + fault.to_string();
    }
    co_return fail(Code::kInvalidArgument, std::move(text));
  }
  co_return co_await reload(ctx, std::move(outcome.config));
}

Task<Result<store::BackupReport>> Runtime::backup(Context ctx, std::string to) {
  if (folder_ == nullptr) {
    co_return fail(Code::kFailedPrecondition, "this server keeps its data in memory only");
  }
  std::string from = folder_->path();
  WallTime now = loop_.wall();
  auto copy = [from, to, now] { return store::backup(from, to, now); };
  co_return co_await async::run_blocking(ctx, blocking_, std::move(copy));
}

}  // namespace drover::app
