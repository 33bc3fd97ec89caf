#include "api/budget_report.h"

#include <cmath>

#include "api/json_route.h"
#include "base/limits/session.h"
#include "session/extension_report.h"

namespace drover::api {
namespace {

using session::ExtensionCase;
using session::ExtensionSummary;

constexpr size_t kReportSlice = 1000;

int64_t millis(Duration d) { return d.count() / 1'000'000; }

Json rounded(double value) { return Json(std::round(value * 1e6) / 1e6); }

Json decision_json(const ExtensionCase& c) {
  Json out = Json::object().set("granted", c.granted).set("by", c.by);
  if (!c.decider.empty()) out.set("decider", c.decider);
  if (!c.decision_explanation.empty()) out.set("explanation", c.decision_explanation);
  out.set("after_ms", millis(c.decided_after));
  if (!c.granted) return out;
  out.set("tokens", c.tokens_granted).set("time_ms", c.time_ms_granted);
  return out;
}

Json case_json(const ExtensionCase& c) {
  Json out = Json::object().set("session", c.session.str());
  out.set("agent", c.agent).set("agent_version", c.version).set("step", c.step);
  out.set("request_id", c.request_id).set("budget", c.budget).set("unasked", c.unasked);
  if (!c.reason_code.empty()) out.set("reason_code", c.reason_code);
  if (!c.explanation.empty()) out.set("explanation", c.explanation);
  if (!c.expected_gain.empty()) out.set("expected_gain", c.expected_gain);
  out.set("asked", format_rfc3339(c.asked));
  out.set("tokens", c.tokens_asked).set("time_ms", c.time_ms_asked);
  out.set("decision", c.decided ? decision_json(c) : Json());
  if (!c.granted) return out;
  out.set("paid_off", c.paid_off ? Json(*c.paid_off) : Json());
  out.set("tokens_used", c.tokens_used);
  Json rewards = Json::array();
  for (double r : c.rewards) rewards.push(r);
  out.set("rewards", std::move(rewards));
  return out;
}

Json summary_json(const ExtensionSummary& s) {
  Json out = Json::object().set("agent", s.agent).set("reason_code", s.reason_code);
  out.set("requests", s.requests).set("granted", s.granted).set("refused", s.refused);
  out.set("pending", s.pending).set("by_rule", s.by_rule).set("by_person", s.by_person);
  out.set("tokens_asked", s.tokens_asked).set("tokens_granted", s.tokens_granted);
  out.set("tokens_used", s.tokens_used);
  out.set("concluded", s.concluded).set("paid_off", s.paid_off);
  out.set("rewards", s.rewards);
  if (s.rewards > 0) out.set("reward_mean", rounded(s.reward_sum / static_cast<double>(s.rewards)));
  if (!s.decided_after.empty()) {
    out.set("decided_after_ms_median", millis(s.decided_after[s.decided_after.size() / 2]));
  }
  return out;
}

Task<Result<void>> read_session(Context ctx, identity::Principal who, SessionId id,
                                session::SessionManager* sessions,
                                std::vector<ExtensionCase>* out) {
  session::ExtensionAnalysis analysis;
  for (uint64_t next = 1;;) {
    CO_TRY(auto events, co_await sessions->events(ctx, who, id, next, kReportSlice));
    for (const contract::Event& event : events) analysis.take(event);
    if (events.size() < kReportSlice) break;
    next = events.back().sequence + 1;
  }
  for (ExtensionCase& c : analysis.cases()) out->push_back(std::move(c));
  co_return Result<void>();
}

Task<Result<Json>> report_budgets(Context ctx, Exchange& exchange, BudgetReportServices services) {
  const http::RequestHead& head = exchange.request.head();
  std::vector<SessionId> ids;
  bool more = false;
  if (auto one = head.query_param("session")) {
    CO_TRY(SessionId id, SessionId::parse(*one));
    ids.push_back(std::move(id));
  } else {
    store::SessionFilter filter;
    filter.agent = head.query_param("agent").value_or("");
    CO_TRY(filter.limit,
           query_limit(exchange, limits::kReportSessionsMax, limits::kReportSessionsMax));
    size_t most = filter.limit++;
    CO_TRY(auto rows, co_await services.sessions->list(ctx, exchange.principal, std::move(filter)));
    more = rows.size() > most;
    if (more) rows.resize(most);
    for (store::SessionRow& row : rows) ids.push_back(std::move(row.id));
  }
  std::vector<ExtensionCase> cases;
  for (const SessionId& id : ids) {
    CO_TRY_VOID(co_await read_session(ctx, exchange.principal, id, services.sessions, &cases));
  }
  Json requests = Json::array();
  for (const ExtensionCase& c : cases) requests.push(case_json(c));
  Json summary = Json::array();
  for (const ExtensionSummary& s : session::summarise(cases)) summary.push(summary_json(s));
  Json out = Json::object().set("object", "budget.report");
  out.set("sessions", static_cast<int64_t>(ids.size())).set("has_more", more);
  out.set("summary", std::move(summary)).set("requests", std::move(requests));
  co_return out;
}

}  // namespace

void add_budget_report_routes(Router& router, BudgetReportServices services) {
  add_json<BudgetReportServices>(router, "GET", "/v1/budget/report", services, report_budgets);
}

}  // namespace drover::api
