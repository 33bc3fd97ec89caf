#pragma once
// An agent: the versioned description that a session runs (issue words: instructions, model
// ladder, tools, memory, limits). A session keeps the description it began with in its journal.
//
// YAML or JSON form:
//   name: support
//   version: "3"                 # default: a hash of the rest
//   instructions: You help …
//   models: [claude-sonnet, gpt-4o]   # the ladder, first choice first
//   tools: [orders, flights]     # names of tool servers in drover.yaml
//   memory: {namespace: customers, tools: true}
//   limits: {steps: 40, at_limit: pause, output_tokens: 1024}
//   parameters: {temperature: 0, stream: true}

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/limits.h"
#include "base/result.h"

namespace drover::session {

struct AgentSpec {
  enum class AtLimit : uint8_t { kPause, kEnd };

  std::string name;
  std::string version;
  std::string instructions;
  std::vector<std::string> models;
  std::vector<std::string> tools;
  /// Namespace of the agent's memory; empty: no memory tools.
  std::string memory_namespace;
  int64_t steps_max = limits::kSessionStepsMax;
  AtLimit at_limit = AtLimit::kPause;
  std::optional<int64_t> output_tokens_max;
  std::optional<double> temperature;
  std::optional<double> top_p;
  std::optional<int64_t> seed;
  bool stream = false;
  /// End the session when the model has answered without asking for a tool.
  bool end_after_answer = false;

  /// Unknown members are an error that names them (a typing mistake must not be silent).
  static Result<AgentSpec> from_json(const Json& json);
  Json to_json() const;
};

}  // namespace drover::session
