// The HTTP surfaces of a runtime: each gets the parts that it works with.

#include "api/admin.h"
#include "api/agents.h"
#include "api/approvals.h"
#include "api/attestation.h"
#include "api/audit.h"
#include "api/budget_report.h"
#include "api/cost.h"
#include "api/gateway.h"
#include "api/health.h"
#include "api/keys.h"
#include "api/live.h"
#include "api/memory.h"
#include "api/placement.h"
#include "api/sessions.h"
#include "api/signature.h"
#include "api/steering.h"
#include "api/traces.h"
#include "api/trees.h"
#include "api/work.h"
#include "app/runtime.h"

namespace drover::app {
namespace {

Task<Result<Json>> backup_answer(Context ctx, Runtime* runtime, std::string path) {
  CO_TRY(auto report, co_await runtime->backup(ctx, path));
  Json out = Json::object().set("path", std::move(path));
  out.set("format_version", report.format_version).set("sessions", report.sessions);
  out.set("events", report.events).set("blobs", report.blobs).set("bytes", report.bytes);
  out.set("made", format_rfc3339(report.made));
  co_return out;
}

Task<Result<Json>> reload_answer(Context ctx, Runtime* runtime) {
  CO_TRY_VOID(co_await runtime->reload_file(ctx));
  const Config& config = runtime->config();
  Json out = Json::object().set("file", config.file);
  out.set("endpoints", static_cast<int64_t>(config.endpoints.size()));
  out.set("tools", static_cast<int64_t>(config.tools.size()));
  out.set("agents", static_cast<int64_t>(config.agents.size()));
  co_return out;
}

}  // namespace

void Runtime::add_routes(api::Router& router) {
  api::GatewayServices gateway;
  gateway.road = road_.get();
  gateway.clock = &loop_;
  gateway.agents = agents_.get();
  gateway.check_class = [this](const contract::DataClass& data) -> Result<void> {
    TRY_VOID(policy_.get()->resolve(data));
    return {};
  };
  api::add_gateway_routes(router, gateway);
  api::SessionServices sessions;
  sessions.sessions = sessions_.get();
  sessions.agents = agents_.get();
  sessions.check_agent = [this](const session::AgentSpec& agent) { return check_agent(agent); };
  sessions.check_data = [this](Context ctx, TenantId tenant, std::string data_class) {
    return check_data(ctx, std::move(tenant), std::move(data_class));
  };
  api::add_session_routes(router, sessions);
  api::SignatureServices signature;
  signature.sessions = sessions_.get();
  signature.signer = signer_.get();
  api::add_signature_routes(router, signature);
  api::PlacementServices placement;
  placement.road = road_.get();
  placement.sessions = sessions_.get();
  placement.agents = agents_.get();
  placement.scratch = scratch_.get();
  placement.check_class = gateway.check_class;
  api::add_placement_routes(router, placement);
  api::WorkServices work;
  work.sessions = sessions_.get();
  work.check_data = sessions.check_data;
  api::add_work_routes(router, work);
  api::AgentServices agents;
  agents.agents = agents_.get();
  agents.journal = &store_->journal();
  agents.check_agent = sessions.check_agent;
  agents.check_data = sessions.check_data;
  api::add_agent_routes(router, agents);
  api::ApprovalServices approvals;
  approvals.sessions = sessions_.get();
  api::add_approval_routes(router, approvals);
  api::SteeringServices steering;
  steering.sessions = sessions_.get();
  steering.agents = agents_.get();
  steering.journal = &store_->journal();
  steering.tenants = tenants_.get();
  api::add_steering_routes(router, steering);
  api::TreeServices trees;
  trees.sessions = sessions_.get();
  trees.journal = &store_->journal();
  api::add_tree_routes(router, trees);
  api::BudgetReportServices report;
  report.sessions = sessions_.get();
  api::add_budget_report_routes(router, report);
  api::CostServices cost;
  cost.ledger = ledger_.get();
  cost.accounts = accounts_.get();
  cost.books = books_.get();
  cost.catalog = &catalog_;
  api::add_cost_routes(router, cost);
  api::LiveServices live;
  live.sessions = sessions_.get();
  live.live = live_.get();
  api::add_live_routes(router, live);
  api::HealthServices health;
  health.draining = [this] { return draining_; };
  health.metrics = [this] { return metrics_.expose(); };
  api::add_health_routes(router, health);
  api::MemoryServices memory;
  memory.memory = memory_.get();
  memory.resolve = [this](std::string_view data_class) {
    return effects_->guard().resolve(data_class);
  };
  memory.may_hold = [this](Context ctx, TenantId tenant, std::string store,
                           std::string data_class) {
    return may_hold(ctx, std::move(tenant), std::move(store), std::move(data_class));
  };
  api::add_memory_routes(router, memory);
  api::KeyServices keys;
  keys.keys = keys_.get();
  keys.tenants = tenants_.get();
  keys.budgets_changed = [this]() -> Result<void> {
    TRY(auto budgets, parties().in_budgets(config_.budgets));
    TRY_VOID(accounts_->set_budgets(std::move(budgets)));
    sessions_->accounts_changed();
    return {};
  };
  api::add_key_routes(router, keys);
  api::AttestationServices attestation;
  attestation.report = [this] { return evidence_->report(); };
  api::add_attestation_routes(router, attestation);
  api::AuditServices audit;
  audit.audit = audit_.get();
  audit.tenants = tenants_.get();
  api::add_audit_routes(router, audit);
  api::TraceServices traces;
  traces.spans = &store_->spans();
  traces.sessions = sessions_.get();
  api::add_trace_routes(router, traces);
  api::AdminServices admin;
  admin.backup = [this](Context ctx, std::string path) {
    return backup_answer(ctx, this, std::move(path));
  };
  admin.reload = [this](Context ctx) { return reload_answer(ctx, this); };
  api::add_admin_routes(router, admin);
}

}  // namespace drover::app
