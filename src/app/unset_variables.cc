#include "app/unset_variables.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "app/output.h"
#include "base/bytes.h"

namespace drover::app {
namespace {

constexpr std::string_view kEnv = "env:";

/// Who needs a variable.
struct Need {
  std::vector<std::string> whose;
  bool secret = false;  // what holds nothing is none
};
using Needed = std::map<std::string, Need>;  // by its name

void add(const std::string& reference, const std::string& whose, Needed& out, bool secret = true) {
  if (!reference.starts_with(kEnv)) return;
  Need& need = out[reference.substr(kEnv.size())];
  need.whose.push_back(whose);
  need.secret = need.secret || secret;
}

/// "", or what a variable is instead of there.
std::string lack_of(const std::optional<std::string>& value, const Need& need) {
  if (!value) return " is not set";
  return need.secret && trim(*value).empty() ? " is empty" : "";
}

/// What is resolved before anything is served (resolve_secret; resolve_reference for programs).
Needed needed_to_start(const Config& config) {
  Needed out;
  for (const tools::ToolServer& server : config.tools) {
    for (const auto* values : {&server.environment, &server.headers}) {
      for (const auto& [name, value] : *values) {
        add(value, "the tool server " + server.name, out, values == &server.headers);
      }
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
  for (const auto& [name, need] : keys) {
    const std::string lack = lack_of(environment(name), need);
    if (lack.empty()) continue;
    out.push_back("the environment variable " + name + lack + ": there is no key for the " +
                  (need.whose.size() == 1 ? "endpoint " : "endpoints ") + some_of(need.whose));
  }
  for (const auto& [name, need] : needed_to_start(config)) {
    const std::string lack = lack_of(environment(name), need);
    if (lack.empty()) continue;
    out.push_back("the environment variable " + name + lack + ", which " + joined(need.whose) +
                  (need.whose.size() == 1 ? " needs" : " need") +
                  ": `drover serve` does not start");
  }
  return out;
}

bool lacks_to_start(const Config& config, const Environment& environment) {
  const Needed needed = needed_to_start(config);
  return std::any_of(needed.begin(), needed.end(), [&](const auto& one) {
    return !lack_of(environment(one.first), one.second).empty();
  });
}

}  // namespace drover::app
