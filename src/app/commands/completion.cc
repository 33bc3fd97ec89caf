#include <cstdio>

#include "app/commands.h"

namespace drover::app {
namespace {

int run_completion(const Arguments&) {
  std::fputs(bash_completion().c_str(), stdout);
  return kExitOk;
}

}  // namespace

Command completion_command() {
  Command c;
  c.name = "completion";
  c.summary = "Print a bash completion script";
  c.details = "Load it with: source <(drover completion)";
  c.run = run_completion;
  return c;
}

}  // namespace drover::app
