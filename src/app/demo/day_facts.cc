#include "app/demo/day_facts.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "base/assert.h"

namespace drover::app {
namespace {

namespace kind = contract::kind;

int64_t micros_between(WallTime from, WallTime to) { return (to - from).count() / 1000; }

size_t index_of(std::string_view name) {
  auto it = std::find(TimeParts::kNames.begin(), TimeParts::kNames.end(), name);
  DROVER_ASSERT(it != TimeParts::kNames.end());
  return static_cast<size_t>(it - TimeParts::kNames.begin());
}

class FactsReader {
 public:
  SessionFacts read(const std::vector<contract::Event>& events) {
    session::State state;
    if (!events.empty()) state.id = events.front().session;
    for (const contract::Event& event : events) {
      auto folded = session::fold(state, event);
      if (!folded) {
        out_.broken = folded.error().message;
        break;
      }
      auto payload = Json::parse(event.payload);
      if (payload) take(event, *payload);
    }
    out_.id = state.id;
    out_.agent = state.agent.name;
    out_.status = state.status;
    out_.reason = state.reason;
    if (!state.messages.empty() && state.messages.back().role == contract::Role::kAssistant) {
      out_.answered = state.messages.back().tool_calls.empty();
      out_.last_answer = state.messages.back().text();
    }
    if (open_call_ != 0) out_.given_up.push_back(session::idempotency_key(out_.id, open_call_));
    for (const auto& [effect, results] : results_) {
      if (results > 1) out_.duplicated += results - 1;
    }
    return std::move(out_);
  }

 private:
  void take(const contract::Event& event, const Json& payload) {
    if (payload.find("ignored") != nullptr) return;
    if (event.kind == kind::kWaitStarted || event.kind == kind::kChildSpawned) held_ = true;
    if (event.kind == kind::kObservation) ++out_.questions;
    if (event.kind == kind::kModelCall) on_call(event);
    if (event.kind == kind::kPlacementDecided) on_placement(payload);
    if (event.kind == kind::kFailover) on_failover(payload);
    if (event.kind == kind::kModelResult) on_result(event, payload);
    if (event.kind == kind::kToolCall) on_tool_call(event, payload);
    if (event.kind == kind::kMemoryRead || event.kind == kind::kMemoryWrite) {
      memory_effect_ = event.causation;
    }
    if (event.kind == kind::kToolResult) on_tool_result(event, payload);
  }

  void on_call(const contract::Event& event) {
    if (event.attempt <= 1) {
      step_ = StepFact();
      step_.began = event.time;
      held_ = false;
      failed_from_.clear();
      failed_us_ = 0;
    } else {
      out_.given_up.push_back(session::idempotency_key(event.session, event.causation));
      // After a restart nothing had failed: the attempt was lost with the process.
      WallTime since = std::max(failed_at_, attempt_began_);
      step_.parts["queue"] += micros_between(since, event.time);
      failed_us_ += micros_between(since, event.time);
    }
    open_call_ = event.attempt <= 1 ? event.sequence : event.causation;
    first_endpoint_.clear();
    attempt_began_ = event.time;
    road_failed_us_ = 0;
    road_failures_ = 0;
  }

  void on_placement(const Json& payload) {
    const Json* rejected = payload.find("rejected");
    avoided_ = rejected != nullptr && rejected->array_items() != nullptr &&
               !rejected->array_items()->empty();
    const Json* endpoints = payload.find("endpoints");
    const Json::Array* items = endpoints == nullptr ? nullptr : endpoints->array_items();
    if (items == nullptr || items->empty()) return;
    if (const std::string* first = items->front().string()) first_endpoint_ = *first;
  }

  void on_failover(const Json& payload) {
    if (failed_from_.empty()) failed_from_ = payload.get_string("from").value_or("");
    // How long the first failure itself took to show is not the failover's time.
    if (road_failures_++ == 0) road_failed_us_ = payload.get_int("took_us").value_or(0);
  }

  void on_result(const contract::Event& event, const Json& payload) {
    int64_t wall = micros_between(attempt_began_, event.time);
    if (payload.find("error") != nullptr) {
      ++out_.failed_calls;
      failed_at_ = event.time;
      if (failed_from_.empty()) failed_from_ = first_endpoint_;
      step_.parts["network"] += wall;
      // Cut by a budget: no answer, and billed all the same.
      if (const Json* usage = payload.find("usage")) {
        AnswerFact cut;
        cut.request_id = payload.get_string("request_id").value_or("");
        cut.endpoint = payload.get_string("endpoint").value_or("");
        cut.usage = contract::usage_from_json(*usage);
        out_.cut.push_back(std::move(cut));
      }
      return;
    }
    ++results_[event.causation];
    open_call_ = 0;
    TimeParts measured;
    if (const Json* latency = payload.find("latency_us")) {
      for (std::string_view name : TimeParts::kNames) {
        measured[name] = latency->get_int(name).value_or(0);
      }
    }
    add_phase(wall, measured);
    AnswerFact answer;
    answer.at = event.time;
    answer.avoided = avoided_;
    answer.request_id = payload.get_string("request_id").value_or("");
    answer.endpoint = payload.get_string("endpoint").value_or("");
    if (const Json* usage = payload.find("usage")) answer.usage = contract::usage_from_json(*usage);
    if (auto cost = payload.get_string("cost_usd")) {
      auto money = Money::parse_usd(*cost);
      if (money) {
        answer.cost = *money;
        answer.cost_known = true;
      }
    }
    answer.first_token_us = payload.get_int("first_token_us").value_or(0);
    if (!failed_from_.empty()) note_failover(answer, measured.total());
    out_.answers.push_back(std::move(answer));
    const Json* calls = payload.at("message", "tool_calls");
    waiting_ =
        calls != nullptr && calls->array_items() != nullptr ? calls->array_items()->size() : 0;
    out_.widest_fan_out = std::max<uint64_t>(out_.widest_fan_out, waiting_);
    answered_at_ = event.time;
    if (waiting_ == 0) close_step(event.time);
  }

  void note_failover(const AnswerFact& answer, int64_t took_us) {
    FailoverFact fact;
    fact.from = place_of(failed_from_);
    fact.to = place_of(answer.endpoint);
    int64_t to_first = answer.first_token_us > 0 ? answer.first_token_us : took_us;
    fact.switch_us = failed_us_ + std::max<int64_t>(0, to_first - road_failed_us_);
    if (fact.from != fact.to) out_.failovers.push_back(std::move(fact));
  }

  void on_tool_call(const contract::Event& event, const Json& payload) {
    if (event.attempt > 1) return;
    ToolFact tool;
    tool.name = payload.get_string("name").value_or("");
    tool.arguments = payload.get_string("arguments").value_or("");
    tool_at_[event.sequence] = out_.tools.size();
    out_.tools.push_back(std::move(tool));
  }

  void on_tool_result(const contract::Event& event, const Json& payload) {
    ++results_[event.causation];
    auto it = tool_at_.find(event.causation);
    if (it == tool_at_.end()) return;
    ToolFact& tool = out_.tools[it->second];
    ++tool.results;
    tool.memory = memory_effect_ == event.causation;
    tool.content = payload.get_string("content").value_or("");
    tool.is_error = payload.get_bool("is_error").value_or(false);
    if (waiting_ == 0 || --waiting_ > 0) return;
    // The last one is what the step waited for.
    TimeParts measured;
    measured[tool.memory ? "store" : "tool"] = payload.get_int("latency_us").value_or(0);
    add_phase(micros_between(answered_at_, event.time), measured);
    close_step(event.time);
  }

  /// What was measured, and the rest of the phase: its commit.
  void add_phase(int64_t wall, const TimeParts& measured) {
    step_.parts += measured;
    ++step_.commits;
    int64_t rest = wall - measured.total();
    if (rest >= 0) {
      step_.parts["store"] += rest;
    } else {
      step_.excess_us -= rest;
    }
  }

  void close_step(WallTime at) {
    step_.wall_us = micros_between(step_.began, at);
    // A step that waited for people, timers or children says nothing of the road.
    if (held_) {
      ++out_.held_steps;
    } else {
      out_.steps.push_back(step_);
    }
  }

  SessionFacts out_;
  StepFact step_;
  std::map<uint64_t, uint64_t> results_;  // accepted, by effect
  std::map<uint64_t, size_t> tool_at_;
  std::string first_endpoint_, failed_from_;
  WallTime attempt_began_{}, failed_at_{}, answered_at_{};
  int64_t failed_us_ = 0, road_failed_us_ = 0;
  int road_failures_ = 0;
  size_t waiting_ = 0;
  bool avoided_ = false;
  bool held_ = false;
  uint64_t open_call_ = 0;
  uint64_t memory_effect_ = 0;
};

}  // namespace

int64_t& TimeParts::operator[](std::string_view name) { return us[index_of(name)]; }
int64_t TimeParts::operator[](std::string_view name) const { return us[index_of(name)]; }

TimeParts& TimeParts::operator+=(const TimeParts& other) {
  for (size_t i = 0; i < kCount; ++i) us[i] += other.us[i];
  return *this;
}

int64_t TimeParts::total() const { return std::accumulate(us.begin(), us.end(), int64_t{0}); }

std::string cloud_of(std::string_view endpoint) {
  return std::string(endpoint.substr(0, endpoint.find('/')));
}

std::string place_of(std::string_view endpoint) {
  size_t last = endpoint.rfind('/');
  if (last == std::string_view::npos) return std::string(endpoint);
  return cloud_of(endpoint) + "/" + std::string(endpoint.substr(last + 1));
}

SessionFacts read_facts(const std::vector<contract::Event>& events) {
  return FactsReader().read(events);
}

}  // namespace drover::app
