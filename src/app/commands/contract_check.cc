// drover contract check FILE: is this an export that every Drover accepts?

#include <cerrno>
#include <cstdio>
#include <sstream>

#include "app/api_client.h"
#include "app/commands.h"
#include "app/files.h"
#include "app/output.h"
#include "contract/validate.h"
#include "session/batch.h"

namespace drover::app {
namespace {

/// The chain: numbering, commitments and hashes, which the contract's own layer does not know.
Result<void> check_chain(const std::string& text, const SessionId& id) {
  std::vector<contract::Event> events;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    TRY(auto event, contract::decode_event(line));
    events.push_back(std::move(event));
  }
  return session::verify_chain(id, events);
}

int run_contract_check(const Arguments& a) {
  const std::string path = a.get("FILE");
  const auto text = read_input(path);
  if (!text) return complain(text.error());
  auto checked = contract::check_export(*text);
  Result<void> chain;
  if (checked && !a.has("no-chain")) chain = check_chain(*text, checked->session);
  if (checked && chain) {
    std::printf("%s: %llu events of %s, all valid%s\n", path.c_str(),
                static_cast<unsigned long long>(checked->events), checked->session.str().c_str(),
                a.has("no-chain") ? "" : ", hash chain intact");
    return kExitOk;
  }
  const Error& error = checked ? chain.error() : checked.error();
  std::fprintf(stderr, "%s: %s\n", path.c_str(), printable(error.message).c_str());
  return kExitFailed;
}

}  // namespace

Command contract_check_command() {
  Command c;
  c.name = "contract check";
  c.summary = "Check an export: each event, the order, the hash chain";
  c.details =
      "Names the line and the fault; exit code 1 if there is one.\n"
      "Example: drover session export ses_01KAR… | drover contract check -";
  c.positionals = {{"FILE", "JSON Lines; - for standard input", true, false}};
  c.flags = {{"--no-chain", "", "do not check hashes (events written by hand)", ""}};
  c.run = run_contract_check;
  return c;
}

}  // namespace drover::app
