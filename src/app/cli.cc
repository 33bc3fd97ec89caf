#include "app/cli.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "base/near_word.h"
#include "policy/cedar.h"

namespace drover::app {
namespace {

struct Bound {
  const Command* command = nullptr;
  CLI::App* app = nullptr;
  std::map<std::string, std::vector<std::string>> values;
  std::map<std::string, bool> switches;
};

std::string bare(const std::string& flag) { return flag.substr(flag.find_first_not_of('-')); }

/// What is wrong with the value of a flag that takes a number; "" for nothing, or another kind.
std::string number_fault(const std::string& kind, const std::string& text) {
  const char* end = text.data() + text.size();
  auto whole = [&](uint64_t most) {
    uint64_t n = 0;
    auto [stopped, error] = std::from_chars(text.data(), end, n);
    return error == std::errc() && stopped == end && n <= most;
  };
  auto amount = [&] {
    double x = 0;
    auto [stopped, error] = std::from_chars(text.data(), end, x);
    return error == std::errc() && stopped == end && std::isfinite(x) && x >= 0;
  };
  if (kind == "N" && !whole(INT64_MAX)) return "'" + text + "' is not a whole number";
  if (kind == "PORT" && !whole(UINT16_MAX)) return "'" + text + "' is not a number from 0 to 65535";
  if (kind == "X" && !amount()) return "'" + text + "' is not a number, such as 0.2";
  return "";
}

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
    option->check([kind = f.value](const std::string& text) { return number_fault(kind, text); });
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
      {"session", "Look at sessions and act on them"},
      {"config", "Check the configuration"},
      {"key", "Make, list, limit and revoke API keys"},
      {"sim", "Simulated clouds and tools"},
      {"contract", "Check events against the contract"},
      {"agent", "Agents"},
      {"memory", "Read and write what agents remember"},
      {"tenant", "Make and list tenants"},
      {"tool", "Ask the configured tool servers"},
      {"budget", "What may be used, and what was asked beyond it"},
      {"attest", "Evidence of what endpoints run"},
      {"catalog", "What is known of places: facts, their sources, and what is missing"},
      {"audit", "What was refused to whom, and what was purged"},
  };
  auto it = kGroups.find(group);
  return it == kGroups.end() ? "" : it->second;
}

/// Says which word is no command, and what may have been meant.
void complain_of_word(const std::string& path, const std::string& word,
                      const std::vector<CLI::App*>& known) {
  std::vector<std::string> all;
  for (const CLI::App* app : known) all.push_back(app->get_name());
  std::string names;
  for (const std::string& name : all) names += (names.empty() ? "" : ", ") + name;
  std::string best(near_word(word, {all.begin(), all.end()}));
  std::fprintf(stderr, "drover: there is no command '%s %s'", path.c_str(), word.c_str());
  std::fprintf(stderr, best.empty() ? "\n" : ": did you mean '%s %s'?\n", path.c_str(),
               best.c_str());
  std::fprintf(stderr, "There are: %s. `%s --help` tells more.\n", names.c_str(), path.c_str());
}

/// What the parser would say too little about: a group alone, or a word that is no command. The
/// exit code if that is so.
std::optional<int> check_words(CLI::App& root, const std::set<const CLI::App*>& commands,
                               const std::vector<std::string>& words) {
  CLI::App* at = &root;
  std::string path = root.get_name();
  std::string above;  // of the group we are in
  for (const std::string& word : words) {
    std::vector<CLI::App*> known = at->get_subcommands([](CLI::App*) { return true; });
    if (word.starts_with('-') || known.empty()) return std::nullopt;
    auto named = [&](const CLI::App* app) { return app->get_name() == word; };
    auto next = std::find_if(known.begin(), known.end(), named);
    if (next == known.end()) {
      if (commands.contains(at)) return std::nullopt;  // an argument of its own
      complain_of_word(path, word, known);
      return kExitUsage;
    }
    at = *next;
    above = path;
    path += " " + word;
  }
  if (commands.contains(at)) return std::nullopt;
  std::fputs(at->help(above).c_str(), stderr);
  return kExitUsage;
}

std::string version_text() {
  std::string cedar(policy::cedar_version());
  return "drover " DROVER_VERSION "\nrules in Cedar: " +
         (cedar.empty() ? "no, this program was built without the engine"
                        : "cedar-policy " + cedar);
}

/// `drover help run` and `drover version` as people type them.
std::vector<std::string> words_of(int argc, char** argv) {
  std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  if (words.empty()) return words;
  if (words.front() == "version") words.front() = "--version";
  if (words.front() == "help") {
    words.erase(words.begin());
    words.emplace_back("--help");
  }
  return words;
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

bool colours_wanted() {
  const char* terminal = std::getenv("TERM");
  const bool dumb = terminal == nullptr || std::string_view(terminal) == "dumb";
  return !dumb && isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr;
}

int run_cli(int argc, char** argv) {
  CLI::App app(
      "Drover runs AI agents on AWS, Azure, CoreWeave or your own machines, and moves them "
      "when it must.");
  app.name("drover");
  app.require_subcommand(1);
  app.set_version_flag("--version", version_text());
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
  std::vector<std::string> words = words_of(argc, argv);
  std::set<const CLI::App*> commands;
  for (const auto& bound : bounds) commands.insert(bound->app);
  if (auto code = check_words(app, commands, words)) return *code;
  try {
    std::reverse(words.begin(), words.end());  // as CLI11 takes them
    app.parse(std::move(words));
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
