#pragma once
// What the journal of one session says of the day: steps and where their time went, tokens and
// money by endpoint, failovers, tools, memory. Pure: events in, values out.
//
// A step begins with the intent of its model call and ends with the last result that it asked for.
// Its wall time is taken from the journal's own times; the parts are what the road measured for
// the model call and the tool that was waited for longest (the others ran beside it). What is left
// of a step is the way through the journal: `store` (the report takes the share of syncs out of
// it).

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/money.h"
#include "contract/chat.h"
#include "contract/event.h"
#include "session/state.h"

namespace drover::app {

/// Microseconds by cause.
struct TimeParts {
  static constexpr size_t kCount = 8;
  static constexpr std::array<std::string_view, kCount> kNames = {
      "queue", "placement", "network", "model", "tool", "store", "sync", "other"};
  std::array<int64_t, kCount> us{};

  int64_t& operator[](std::string_view name);
  int64_t operator[](std::string_view name) const;
  TimeParts& operator+=(const TimeParts& other);
  int64_t total() const;
};

/// An accepted answer of a model.
struct AnswerFact {
  WallTime at{};
  std::string endpoint;
  contract::Usage usage;
  Money cost;
  bool cost_known = false;
  int64_t first_token_us = 0;
  std::string request_id;  // the provider's
  /// An endpoint that comes before it on the ladder was left alone, because it had failed before.
  bool avoided = false;
};

/// A call that one cloud failed and another answered.
struct FailoverFact {
  std::string from, to;  // "aws/claude-sonnet"
  /// From the first failure to the first token elsewhere.
  int64_t switch_us = 0;
};

struct StepFact {
  WallTime began{};
  int64_t wall_us = 0;
  TimeParts parts;
  int64_t commits = 0;  // waited for within the step
  /// By how much the measured parts were more than the wall time (clocks that tick apart).
  int64_t excess_us = 0;
};

struct ToolFact {
  std::string name, arguments, content;
  bool is_error = false;
  bool memory = false;
  size_t results = 0;
};

struct SessionFacts {
  SessionId id;
  std::string agent;
  session::Status status = session::Status::kNew;
  std::string reason;
  bool answered = false;  // the last word is the agent's
  std::string last_answer;
  uint64_t questions = 0;
  uint64_t failed_calls = 0;  // results that were errors
  uint64_t duplicated = 0;    // effects with more than one accepted result
  uint64_t widest_fan_out = 0;
  std::vector<AnswerFact> answers;
  /// Idempotency keys of model calls of which an attempt was given up: by a restart, or a kill.
  std::vector<std::string> given_up;
  std::vector<AnswerFact> cut;  // billed without being accepted: endpoint and usage
  std::vector<FailoverFact> failovers;
  std::vector<StepFact> steps;
  uint64_t held_steps = 0;  // those that waited for somebody outside, not among `steps`
  std::vector<ToolFact> tools;
  std::string broken;  // the journal contradicts itself
};

/// "aws" of "aws/us-east-1/claude-sonnet".
std::string cloud_of(std::string_view endpoint);
/// "aws/claude-sonnet" of it.
std::string place_of(std::string_view endpoint);
SessionFacts read_facts(const std::vector<contract::Event>& events);

}  // namespace drover::app
