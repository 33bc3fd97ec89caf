#include <cstdio>
#include <cstdlib>

#include "app/commands.h"
#include "app/config.h"
#include "app/files.h"
#include "app/output.h"
#include "app/runtime.h"
#include "app/uncounted.h"
#include "app/unset_variables.h"

namespace drover::app {
namespace {

int run_config_check(const Arguments& arguments) {
  std::string path = arguments.get("FILE").empty() ? "drover.yaml" : arguments.get("FILE");
  ConfigOutcome outcome = read_config(path, read_small_file);
  for (const ConfigFault& fault : outcome.faults) {
    std::fprintf(stderr, "%s\n", fault.to_string().c_str());
  }
  size_t faults = outcome.faults.size();
  // What `serve` would refuse, once the file itself is fine: else one slip would be told twice.
  const providers::ProviderTable table(providers::ProviderEnvironment{});
  for (const catalog::Endpoint& e : outcome.config.endpoints) {
    if (!outcome.faults.empty()) break;
    auto checked = check_endpoint(table, e);
    if (checked) continue;
    std::fprintf(stderr, "%s: %s\n", path.c_str(), checked.error().message.c_str());
    ++faults;
  }
  if (faults > 0) {
    std::fprintf(stderr, "%s\n", counted(faults, "fault").c_str());
    return kExitFailed;
  }
  const Config& c = outcome.config;
  const auto environment = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  // No fault of the file: it may be checked where its secrets are not.
  std::printf("%s %s: %s, %s, %s, listening on %s\n", path.c_str(),
              lacks_to_start(c, environment)
                  ? "has no fault, but `drover serve` does not start in this environment"
                  : "is fine",
              counted(c.endpoints.size(), "endpoint").c_str(),
              counted(c.tools.size(), "tool server").c_str(),
              counted(c.agents.size(), "agent").c_str(), c.url().c_str());
  for (const std::string& note : c.notes) std::printf("note: %s\n", note.c_str());
  const std::string uncounted = uncounted_money(c.endpoints, c.budgets);
  if (!uncounted.empty()) std::printf("note: %s\n", uncounted.c_str());
  for (const std::string& note : unset_variables(c, environment)) {
    std::printf("note: %s\n", note.c_str());
  }
  return kExitOk;
}

}  // namespace

Command config_check_command() {
  Command c;
  c.name = "config check";
  c.summary = "Check drover.yaml: every fault with its line and its remedy";
  c.details =
      "Example: drover config check /etc/drover/drover.yaml\nExit code 1 if there is a fault.";
  Positional file;
  file.name = "FILE";
  file.help = "the configuration (default: drover.yaml)";
  file.required = false;
  c.positionals.push_back(file);
  c.run = run_config_check;
  return c;
}

}  // namespace drover::app
