#pragma once
// The JSON routes over a store in memory, for tests: sessions, memory, work, keys, agents, traces,
// audit, approvals, steering and the operator's own.

#include "api/admin.h"
#include "api/agents.h"
#include "api/api_test_fixture.h"
#include "api/approvals.h"
#include "api/audit.h"
#include "api/keys.h"
#include "api/memory.h"
#include "api/sessions.h"
#include "api/signature.h"
#include "api/steering.h"
#include "api/traces.h"
#include "api/work.h"
#include "memory/memory.h"
#include "policy/gate.h"
#include "road/effects.h"
#include "store/memory/memory_store.h"
#include "store/memory/sim_disk.h"

namespace drover::api {

inline Task<Result<Json>> nothing(Context ctx) { co_return Json::object(); }

class RoutesFixture : public ApiFixture {
 protected:
  RoutesFixture() {
    loop_.run_task(prepare());
    session::Services s;
    s.loop = &loop_;
    s.random = &random_;
    s.journal = &store_.journal();
    s.road = road_.get();
    s.tools = &tools_;
    s.effects = &effects_;
    s.spans = &spans_;
    s.signer = &signer_;
    sessions_ = std::make_unique<session::SessionManager>(s, Context(loop_));
    SessionServices sessions;
    sessions.sessions = sessions_.get();
    std::map<std::string, session::AgentSpec> agents;
    agents["helper"] =
        *session::AgentSpec::from_json(*Json::parse(R"({"name":"helper","models":["m"]})"));
    agents_.set_configured(std::move(agents));
    sessions.agents = &agents_;
    sessions.check_agent = [](const session::AgentSpec& agent) -> Result<void> {
      if (agent.models.front() == "m") return {};
      return fail(Code::kInvalidArgument, "no endpoint offers that model");
    };
    add_session_routes(*router_, std::move(sessions));
    MemoryServices memory;
    memory.memory = &memory_;
    add_memory_routes(*router_, memory);
    WorkServices work;
    work.sessions = sessions_.get();
    add_work_routes(*router_, work);
    AgentServices agent_services;
    agent_services.agents = &agents_;
    agent_services.journal = &store_.journal();
    agent_services.check_agent = [](const session::AgentSpec&) { return Result<void>(); };
    agent_services.check_data = [this](Context, TenantId, std::string data_class) {
      return known_class(std::move(data_class));
    };
    add_agent_routes(*router_, std::move(agent_services));
    KeyServices keys;
    keys.keys = &keys_;
    keys.tenants = &tenants_;
    add_key_routes(*router_, keys);
    SignatureServices signature;
    signature.sessions = sessions_.get();
    signature.signer = &signer_;
    add_signature_routes(*router_, signature);
    TraceServices traces;
    traces.spans = &store_.spans();
    traces.sessions = sessions_.get();
    add_trace_routes(*router_, traces);
    AdminServices admin;
    admin.backup = [this](Context ctx, std::string path) {
      backups_.push_back(std::move(path));
      return nothing(std::move(ctx));
    };
    admin.reload = [](Context ctx) { return nothing(std::move(ctx)); };
    add_admin_routes(*router_, std::move(admin));
    AuditServices audit;
    audit.audit = &audit_;
    audit.tenants = &tenants_;
    add_audit_routes(*router_, audit);
    ApprovalServices approvals;
    approvals.sessions = sessions_.get();
    add_approval_routes(*router_, approvals);
    SteeringServices steering;
    steering.sessions = sessions_.get();
    steering.agents = &agents_;
    steering.journal = &store_.journal();
    steering.tenants = &tenants_;
    add_steering_routes(*router_, steering);
    for (auto& [key, principal] : principals_) principal.gate = &gate_;
    serve();
  }
  ~RoutesFixture() override {
    stop_serving();
    loop_.run_task(sessions_->stop());
    loop_.run_task(signer_.stop());
    loop_.run_task(audit_.stop());
  }

  Task<void> prepare() {
    Context ctx(loop_);
    auto tenants = co_await tenants_.load(ctx);
    auto keys = co_await keys_.load(ctx);
    EXPECT_TRUE(tenants && keys);
  }

  /// As the runtime's check: no class has a name here.
  Task<Result<std::string>> known_class(std::string data_class) {
    CO_TRY(contract::DataClass parsed, contract::DataClass::parse(data_class));
    CO_TRY(contract::DataClass resolved, policy_.get()->resolve(parsed));
    co_return resolved.text();
  }

  void expect_error(const Reply& reply, int status, const std::string& says) {
    EXPECT_EQ(reply.status, status) << reply.body;
    EXPECT_NE(reply.error_member("message").find(says), std::string::npos) << reply.body;
    EXPECT_FALSE(reply.error_member("code").empty());
    EXPECT_EQ(reply.header("content-type"), "application/json");
  }

  std::unique_ptr<store::SignatureFiles> signature_files() {
    auto key = crypto::SigningKey::generate(crypto::SignatureAlgorithm::kEs256, random_);
    return std::move(*store::SignatureFiles::open(disk_, "/data/signatures", std::move(key)));
  }

  store::SimDisk disk_{random_};
  async::InlineExecutor inline_executor_;
  store::BatchSigner signer_{signature_files(), inline_executor_, Context(loop_)};
  store::MemoryStore store_{random_};
  memory::Memory memory_{store_.records()};
  identity::Tenants tenants_{store_.documents(), random_};
  identity::Keys keys_{store_.documents(), random_};
  session::AgentRegistry agents_{store_.documents()};
  road::Effects effects_{random_, nullptr, nullptr};
  identity::Audit audit_{store_.documents(), Context(loop_)};
  policy::VerbGate gate_{policy_, &audit_};
  NoTools tools_;
  std::unique_ptr<session::SessionManager> sessions_;
  std::vector<std::string> backups_;
};

}  // namespace drover::api
