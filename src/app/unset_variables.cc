#include "app/unset_variables.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "app/output.h"
#include "base/bytes.h"

namespace drover::app {
namespace {

constexpr std::string_view kEnv = "env:";

/// Who needs a variable, by its name.
using Needed = std::map<std::string, std::vector<std::string>>;

void add(const std::string& reference, const std::string& whose, Needed& out) {
  if (reference.starts_with(kEnv)) out[reference.substr(kEnv.size())].push_back(whose);
}

/// What is resolved before anything is served (resolve_secret).
Needed needed_to_start(const Config& config) {
  Needed out;
  for (const tools::ToolServer& server : config.tools) {
    for (const auto* values : {&server.environment, &server.headers}) {
      for (const auto& [name, value] : *values) add(value, "the tool server " + server.name, out);
    }
  }
  for (const session::PlannerOrigin& planner : config.planners) {
    for (const auto& [name, value] : planner.headers)
      add(value, "the planner " + planner.origin, out);
  }
  if (config.opa) add(config.opa->token, "policy.opa", out);
  return out;
}

}  // namespace

std::vector<std::string> unset_variables(const Config& config, const Environment& environment) {
  std::vector<std::string> out;
  Needed keys;
  for (const catalog::Endpoint& e : config.endpoints) add(e.credentials.source, e.id, keys);
  for (const auto& [name, endpoints] : keys) {
    // As for calls: what holds nothing is no key.
    auto value = environment(name);
    if (value && !trim(*value).empty()) continue;
    out.push_back("the environment variable " + name + " is not set: there is no key for the " +
                  (endpoints.size() == 1 ? "endpoint " : "endpoints ") + some_of(endpoints));
  }
  for (const auto& [name, others] : needed_to_start(config)) {
    if (environment(name)) continue;
    out.push_back("the environment variable " + name + " is not set, which " + joined(others) +
                  (others.size() == 1 ? " needs" : " need") + ": `drover serve` does not start");
  }
  return out;
}

bool lacks_to_start(const Config& config, const Environment& environment) {
  const Needed needed = needed_to_start(config);
  return std::any_of(needed.begin(), needed.end(),
                     [&](const auto& one) { return !environment(one.first); });
}

}  // namespace drover::app
