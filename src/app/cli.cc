#include "app/cli.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <set>

namespace drover::app {
namespace {

struct Bound {
  const Command* command = nullptr;
  CLI::App* app = nullptr;
  std::map<std::string, std::vector<std::string>> values;
  std::map<std::string, bool> switches;
};

std::string bare(const std::string& flag) { return flag.substr(flag.find_first_not_of('-')); }

void bind(Bound& bound) {
  for (const Positional& p : bound.command->positionals) {
    CLI::Option* option = bound.app->add_option(p.name, bound.values[p.name], p.help);
    option->type_name("");
    if (p.required) option->required();
    option->expected(1, p.repeated ? 1 << 20 : 1);
    // Else the first one would swallow those of the next.
    option->allow_extra_args(p.repeated);
  }
  for (const Flag& f : bound.command->flags) {
    std::string name = bare(f.name);
    if (f.value.empty()) {
      bound.app->add_flag(f.name, bound.switches[name], f.help);
      continue;
    }
    std::string help = f.help;
    if (!f.fallback.empty()) help += " (default: " + f.fallback + ")";
    CLI::Option* option = bound.app->add_option(f.name, bound.values[name], help);
    option->type_name(f.value);
    option->expected(1);
    option->multi_option_policy(f.repeated ? CLI::MultiOptionPolicy::TakeAll
                                           : CLI::MultiOptionPolicy::TakeLast);
  }
}

Arguments collect(const Bound& bound) {
  Arguments out;
  for (const auto& [name, values] : bound.values) {
    if (!values.empty()) out.values[name] = values;
  }
  for (const auto& [name, on] : bound.switches) {
    if (on) out.values[name] = {"true"};
  }
  for (const Flag& f : bound.command->flags) {
    if (!f.fallback.empty()) out.fallbacks[bare(f.name)] = f.fallback;
  }
  return out;
}

std::string group_summary(const std::string& group) {
  static const std::map<std::string, std::string> kGroups = {
      {"session", "Look at sessions and act on them"},   {"config", "Check the configuration"},
      {"key", "Make, list and revoke API keys"},         {"sim", "Simulated clouds and tools"},
      {"contract", "Check events against the contract"}, {"agent", "Agents"},
      {"memory", "Read and write what agents remember"}, {"tenant", "Make and list tenants"},
  };
  auto it = kGroups.find(group);
  return it == kGroups.end() ? "" : it->second;
}

}  // namespace

bool Arguments::has(std::string_view name) const { return values.find(name) != values.end(); }

std::string Arguments::get(std::string_view name) const {
  auto it = values.find(name);
  if (it != values.end() && !it->second.empty()) return it->second.back();
  auto fallback = fallbacks.find(name);
  return fallback == fallbacks.end() ? "" : fallback->second;
}

std::vector<std::string> Arguments::all(std::string_view name) const {
  auto it = values.find(name);
  return it == values.end() ? std::vector<std::string>() : it->second;
}

bool colours_wanted() { return isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr; }

int run_cli(int argc, char** argv) {
  CLI::App app(
      "Drover runs AI agents on AWS, Azure, CoreWeave or your own machines, and moves them "
      "when it must.");
  app.name("drover");
  app.require_subcommand(1);
  app.set_version_flag("--version", "drover " DROVER_VERSION);
  app.footer("Begin with `drover demo`. `drover COMMAND --help` tells more of each command.");
  std::map<std::string, CLI::App*> groups;
  std::vector<std::unique_ptr<Bound>> bounds;
  for (const Command& command : all_commands()) {
    size_t space = command.name.find(' ');
    CLI::App* parent = &app;
    std::string name = command.name;
    if (space != std::string::npos) {
      std::string group = name.substr(0, space);
      name = name.substr(space + 1);
      CLI::App*& slot = groups[group];
      if (slot == nullptr) {
        slot = app.add_subcommand(group, group_summary(group));
        slot->require_subcommand(1);
      }
      parent = slot;
    }
    auto bound = std::make_unique<Bound>();
    bound->command = &command;
    bound->app = parent->add_subcommand(name, command.summary);
    // A command may be a group as well: `drover sim` and `drover sim mcp-tools`.
    if (space == std::string::npos) groups[name] = bound->app;
    bound->app->footer(command.details);
    bind(*bound);
    bounds.push_back(std::move(bound));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    app.exit(e);
    return kExitUsage;
  }
  // From the end, because a group that is a command itself stands before its own commands.
  for (auto bound = bounds.rbegin(); bound != bounds.rend(); ++bound) {
    if ((*bound)->app->parsed()) return (*bound)->command->run(collect(**bound));
  }
  return kExitUsage;
}

std::string bash_completion() {
  std::map<std::string, std::set<std::string>> words;  // after "drover …" come these
  for (const Command& command : all_commands()) {
    size_t space = command.name.find(' ');
    if (space == std::string::npos) {
      words[""].insert(command.name);
    } else {
      words[""].insert(command.name.substr(0, space));
      words[command.name.substr(0, space)].insert(command.name.substr(space + 1));
    }
    for (const Flag& f : command.flags) words[command.name].insert(f.name);
    words[command.name].insert("--help");
  }
  std::string out =
      "# bash completion for drover; load with: source <(drover completion)\n"
      "_drover() {\n"
      "  local current=\"${COMP_WORDS[COMP_CWORD]}\" path=\"\" word\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    [[ $word == -* ]] && break\n"
      "    path=\"${path:+$path }$word\"\n"
      "  done\n"
      "  local words=\"\"\n"
      "  case \"$path\" in\n";
  for (const auto& [path, list] : words) {
    out += "    \"" + path + "\") words=\"";
    for (const std::string& w : list) out += (out.back() == '"' ? "" : " ") + w;
    out += "\" ;;\n";
  }
  out +=
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "  [[ ${#COMPREPLY[@]} -eq 0 ]] && COMPREPLY=($(compgen -f -- \"$current\"))\n"
      "}\n"
      "complete -o filenames -F _drover drover\n";
  return out;
}

}  // namespace drover::app
