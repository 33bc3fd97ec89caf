#pragma once
// Reads from journals who asked for more than a step's budget, why, how much, who granted it, and
// whether it paid off. One object a session: feed it all events in order, then take the cases.
//
// Paid off: after the grant the step came to a model's answer (or the planner to a plan) that was
// not cut by its length. A grant counts for the model call that is under way, else for the next
// one. Tokens used of those granted: what that step settled beyond the agent's own step budget, the
// earlier grant first. Rewards count from the grant on: those of that step and those of the whole
// session.
// Pure: the same events give the same cases. Events of unknown kinds, and payloads that were
// purged, are passed over.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/money.h"
#include "contract/event.h"

namespace drover::session {

struct ExtensionCase {
  SessionId session;
  std::string agent;
  std::string version;
  int64_t step = 0;
  std::string request_id;
  std::string budget;
  std::string reason_code;
  std::string explanation;
  std::string expected_gain;
  WallTime asked{};
  int64_t tokens_asked = 0;
  int64_t time_ms_asked = 0;
  /// Nobody asked: somebody raised the budget.
  bool unasked = false;

  bool decided = false;
  bool granted = false;
  /// "rule:…" or "person"; whoever it was, where the event says so.
  std::string by;
  std::string decider;
  std::string decision_explanation;
  Duration decided_after{};
  int64_t tokens_granted = 0;
  int64_t time_ms_granted = 0;

  /// Of granted ones; unset while nothing came after.
  std::optional<bool> paid_off;
  int64_t tokens_used = 0;
  std::vector<double> rewards;

  /// Which budget it was granted to: counts the steps that a model was called in; 0: none yet.
  int64_t counts_for = 0;
};

class ExtensionAnalysis {
 public:
  void take(const contract::Event& event);
  std::vector<ExtensionCase> cases() const;

 private:
  void started(const Json& payload);
  void called(const contract::Event& event, const Json& payload);
  void asked(const contract::Event& event, const Json& payload);
  void decided(const contract::Event& event, const Json& payload);
  void came_of_it(bool well);
  void settled(const contract::Event& event, const Json& payload);
  void rewarded(const Json& payload);

  SessionId session_;
  std::string agent_;
  std::string version_;
  int64_t step_budget_ = 0;  // tokens; 0: none
  int64_t step_ = 0;
  bool planner_ = false;
  int64_t turn_ = 0;      // counts budgets of steps: one a model call, with a planner one a plan
  bool in_call_ = false;  // a model call is under way
  std::map<uint64_t, int64_t> turn_of_;  // of model calls, by sequence
  std::map<int64_t, int64_t> settled_;   // tokens, by turn
  std::vector<ExtensionCase> cases_;
};

/// Sums over the cases of one agent and reason.
struct ExtensionSummary {
  std::string agent;
  std::string reason_code;
  int64_t requests = 0;
  int64_t granted = 0;
  int64_t refused = 0;
  int64_t pending = 0;
  int64_t by_rule = 0;
  int64_t by_person = 0;
  int64_t tokens_asked = 0;
  int64_t tokens_granted = 0;
  int64_t tokens_used = 0;
  /// Grants after which something came, and how many of them paid off.
  int64_t concluded = 0;
  int64_t paid_off = 0;
  int64_t rewards = 0;
  double reward_sum = 0;
  std::vector<Duration> decided_after;  // sorted
};
/// By agent, then by reason.
std::vector<ExtensionSummary> summarise(const std::vector<ExtensionCase>& cases);

}  // namespace drover::session
