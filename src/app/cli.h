#pragma once
// The command line as data: each command is one file that offers a Command; commands.cc lists them;
// cli.cc turns the list into a parser (CLI11, included there alone), help and shell completion.
//
// Exit codes: 0 done; 1 it was tried and failed (or a check found something); 2 the call was wrong
// or something is missing that the user must provide; 3 the server could not be reached.

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace drover::app {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitUnreachable = 3;
/// As a shell counts a program that Ctrl-C ended.
inline constexpr int kExitInterrupted = 130;

struct Flag {
  std::string name;   // "--data"
  std::string value;  // "DIR"; empty for a switch. "N", "PORT" and "X" take numbers, checked
  std::string help;
  std::string fallback;  // shown in help and returned if the flag is absent
  bool repeated = false;
};

struct Positional {
  std::string name;  // "AGENT"
  std::string help;
  bool required = true;
  bool repeated = false;
};

/// What the user gave, by flag name without dashes and positional name.
class Arguments {
 public:
  bool has(std::string_view name) const;
  /// The value, or the flag's fallback.
  std::string get(std::string_view name) const;
  std::vector<std::string> all(std::string_view name) const;

  std::map<std::string, std::vector<std::string>, std::less<>> values;
  std::map<std::string, std::string, std::less<>> fallbacks;
};

struct Command {
  std::string name;     // "serve", or "session ls" below the group "session"
  std::string summary;  // one line
  std::string details;  // more, with examples
  std::vector<Positional> positionals;
  std::vector<Flag> flags;
  int (*run)(const Arguments& arguments) = nullptr;
};

/// Every command, in the order help shows them (commands.cc).
const std::vector<Command>& all_commands();

/// Parses, runs, and returns the exit code.
int run_cli(int argc, char** argv);

/// A bash completion script for all commands and flags.
std::string bash_completion();

/// True if standard output is a terminal and colours are wanted (NO_COLOR unset, TERM not
/// dumb).
bool colours_wanted();

}  // namespace drover::app
