#include "session/extension_report.h"

#include <algorithm>
#include <iterator>

#include "session/amounts.h"

namespace drover::session {
namespace {

namespace kind = contract::kind;

}  // namespace

void ExtensionAnalysis::started(const Json& payload) {
  const Json* agent = payload.find("agent");
  if (agent == nullptr) return;
  agent_ = agent->get_text("name");
  version_ = agent->get_text("version");
  const Json* tokens = agent->at("step_budget", "tokens");
  step_budget_ = tokens == nullptr ? 0 : tokens->integer().value_or(0);
  planner_ = agent->find("planner") != nullptr;
}

/// The first attempt at a model call or at a plan.
void ExtensionAnalysis::called(const contract::Event& event, const Json& payload) {
  step_ = amount_of(payload.get_int("step").value_or(step_ + 1));
  bool model = event.kind == kind::kModelCall;
  if (model != planner_) ++turn_;
  if (!model) return;
  in_call_ = true;
  turn_of_[event.sequence] = turn_;
  for (ExtensionCase& c : cases_) {
    if (c.granted && c.counts_for == 0) c.counts_for = turn_;
  }
}

void ExtensionAnalysis::asked(const contract::Event& event, const Json& payload) {
  ExtensionCase out;
  out.session = session_;
  out.agent = agent_;
  out.version = version_;
  out.step = step_;
  out.request_id = payload.get_text("request_id");
  out.budget = payload.get_text("budget");
  out.reason_code = payload.get_text("reason_code");
  out.explanation = payload.get_text("explanation");
  out.expected_gain = payload.get_text("expected_gain");
  out.asked = event.time;
  out.tokens_asked = amount_of(payload, "tokens");
  out.time_ms_asked = time_of(payload, "time_ms") / 1ms;
  cases_.push_back(std::move(out));
}

void ExtensionAnalysis::decided(const contract::Event& event, const Json& payload) {
  std::string id = payload.get_text("request_id");
  auto it = std::find_if(cases_.begin(), cases_.end(),
                         [&](const ExtensionCase& c) { return c.request_id == id && !c.decided; });
  if (it == cases_.end()) {  // a raise that nobody asked for
    asked(event, payload);
    it = std::prev(cases_.end());
    it->unasked = true;
    it->tokens_asked = 0;
    it->time_ms_asked = 0;
    it->explanation.clear();
  }
  it->decided = true;
  it->granted = payload.get_bool("granted").value_or(false);
  it->by = payload.get_text("by");
  it->decider = event.actor.id;
  if (it->by.empty()) it->by = event.actor.type == "system" ? "rule" : "person";
  it->decision_explanation = payload.get_text("explanation");
  it->decided_after = event.time - it->asked;
  if (!it->granted) return;
  if (in_call_) it->counts_for = turn_;
  it->tokens_granted = amount_of(payload, "tokens");
  it->time_ms_granted = time_of(payload, "time_ms") / 1ms;
}

void ExtensionAnalysis::came_of_it(bool well) {
  for (ExtensionCase& c : cases_) {
    if (c.granted && !c.paid_off) c.paid_off = well;
  }
}

void ExtensionAnalysis::settled(const contract::Event& event, const Json& payload) {
  auto turn = turn_of_.find(event.causation);
  int64_t tokens = amount_of(payload.get_int("step_tokens").value_or(amount_of(payload, "tokens")));
  settled_[turn == turn_of_.end() ? turn_ : turn->second] += tokens;
}

void ExtensionAnalysis::rewarded(const Json& payload) {
  std::optional<double> value = payload.get_number("value");
  std::optional<int64_t> step = payload.get_int("step");
  if (!value) return;
  for (ExtensionCase& c : cases_) {
    if (c.granted && (!step || *step == c.step)) c.rewards.push_back(*value);
  }
}

void ExtensionAnalysis::take(const contract::Event& event) {
  if (session_.empty()) session_ = event.session;
  if (event.payload.empty()) return;
  bool read = event.kind.starts_with("budget.") || event.kind == kind::kSessionStarted ||
              event.kind == kind::kAgentChanged || event.kind == kind::kModelCall ||
              event.kind == kind::kModelResult || event.kind == kind::kPlanRequested ||
              event.kind == kind::kPlan || event.kind == kind::kReward ||
              event.kind == kind::kSessionEnded;
  if (!read) return;
  auto payload = Json::parse(event.payload);
  if (!payload) return;
  const std::string& k = event.kind;
  if (k == kind::kSessionStarted || k == kind::kAgentChanged) {
    started(*payload);
  } else if (k == kind::kModelCall || k == kind::kPlanRequested) {
    if (event.attempt <= 1) called(event, *payload);
  } else if (k == kind::kBudgetExtensionRequested) {
    asked(event, *payload);
  } else if (k == kind::kBudgetExtensionDecided) {
    decided(event, *payload);
  } else if (k == kind::kBudgetSettled) {
    settled(event, *payload);
  } else if (k == kind::kReward) {
    rewarded(*payload);
  } else if (k == kind::kSessionEnded) {
    came_of_it(payload->get_text("reason") == "completed");
  } else if (payload->find("ignored") == nullptr) {  // an answer or a plan, or why there is none
    if (k == kind::kModelResult) in_call_ = false;
    bool cut = payload->get_text("finish_reason") == "length";
    came_of_it(payload->find("error") == nullptr && !cut);
  }
}

std::vector<ExtensionCase> ExtensionAnalysis::cases() const {
  std::vector<ExtensionCase> out = cases_;
  std::map<int64_t, int64_t> beyond;  // by turn: tokens beyond its own budget, not yet shared out
  for (const auto& [turn, tokens] : settled_) {
    beyond[turn] = std::max<int64_t>(0, tokens - step_budget_);
  }
  for (ExtensionCase& c : out) {
    bool of_a_step = c.budget.empty() || c.budget == "step";
    if (!c.granted || !of_a_step || step_budget_ == 0) continue;
    int64_t& left = beyond[c.counts_for];
    c.tokens_used = std::min(left, c.tokens_granted);
    left -= c.tokens_used;
  }
  return out;
}

std::vector<ExtensionSummary> summarise(const std::vector<ExtensionCase>& cases) {
  std::map<std::pair<std::string, std::string>, ExtensionSummary> sums;
  for (const ExtensionCase& c : cases) {
    std::string reason = c.unasked ? "(raised unasked)" : c.reason_code;
    ExtensionSummary& s = sums[std::pair(c.agent, reason)];
    s.agent = c.agent;
    s.reason_code = std::move(reason);
    ++s.requests;
    s.tokens_asked += c.tokens_asked;
    if (!c.decided) {
      ++s.pending;
      continue;
    }
    ++(c.granted ? s.granted : s.refused);
    ++(c.by.starts_with("rule") ? s.by_rule : s.by_person);
    if (!c.unasked) s.decided_after.push_back(c.decided_after);
    s.tokens_granted += c.tokens_granted;
    s.tokens_used += c.tokens_used;
    if (c.paid_off) ++s.concluded;
    if (c.paid_off.value_or(false)) ++s.paid_off;
    for (double r : c.rewards) s.reward_sum += r;
    s.rewards += static_cast<int64_t>(c.rewards.size());
  }
  std::vector<ExtensionSummary> out;
  for (auto& [key, sum] : sums) {
    std::sort(sum.decided_after.begin(), sum.decided_after.end());
    out.push_back(std::move(sum));
  }
  return out;
}

}  // namespace drover::session
