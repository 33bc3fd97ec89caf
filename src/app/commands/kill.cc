// drover kill: stops a session, a tree, an agent's or a tenant's sessions at once, and says which.

#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "app/api_client.h"
#include "app/commands.h"
#include "app/output.h"

namespace drover::app {
namespace {

/// Whoever stops more than one tree is asked first.
Result<bool> confirmed(const Arguments& a) {
  std::string kind = a.get("KIND");
  if (kind == "session" || kind == "tree" || a.has("yes")) return true;
  if (kind != "agent" && kind != "tenant") {
    return usage_error("kill session, tree, agent or tenant; not '" + kind + "'");
  }
  if (isatty(STDIN_FILENO) == 0) {
    return usage_error("this stops every open session of " + kind + " " + a.get("WHAT") +
                       ": say --yes");
  }
  std::fprintf(stderr, "Stop every open session of %s %s? [y/N] ", kind.c_str(),
               printable(a.get("WHAT")).c_str());
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

/// Whose sessions were looked for, where there was none to stop.
std::string none_open(const std::string& kind, const std::string& what) {
  if (kind == "session") return what + " has ended";
  if (kind == "tree") return "none in the tree of " + what + " is open";
  return "none of the " + kind + " " + what + " is open";
}

void print_kill(const Arguments& a, const Json& report) {
  const Json* stopped = report.find("stopped");
  const Json* failed = report.find("failed");
  Table table({"STOPPED", "AGENT", "WAS"});
  size_t count = 0;
  if (stopped != nullptr && stopped->array_items() != nullptr) {
    for (const Json& s : *stopped->array_items()) {
      table.add(
          {member(s, "id"), one_line(member(s, "agent"), 40), one_line(member(s, "was"), 60)});
    }
    count = stopped->array_items()->size();
  }
  if (!table.empty()) table.print();
  const bool all =
      failed == nullptr || failed->array_items() == nullptr || failed->array_items()->empty();
  const std::string why =
      count == 0 && all ? ": " + none_open(a.get("KIND"), printable(a.get("WHAT"))) : "";
  std::printf("%zu session%s stopped%s\n", count, count == 1 ? "" : "s", why.c_str());
  if (all) return;
  for (const Json& f : *failed->array_items()) {
    std::fprintf(stderr, "%s is not stopped: %s\n", member(f, "id").c_str(),
                 one_line(member(f, "error"), 200).c_str());
  }
}

int run_kill(const Arguments& a) {
  auto sure = confirmed(a);
  if (!sure) return complain(sure.error());
  if (!*sure) {
    std::fprintf(stderr, "nothing was stopped\n");
    return kExitFailed;
  }
  auto client = ApiClient::connect(a, Need::kWrite);
  if (!client) return complain(client.error());
  Json body = Json::object().set("target", a.get("KIND")).set("what", a.get("WHAT"));
  if (a.has("why")) body.set("explanation", a.get("why"));
  auto report = (*client)->call("POST", "/v1/kill", std::move(body));
  if (!report) return complain(report.error());
  if (a.has("json")) {
    print_json(*report);
  } else {
    print_kill(a, *report);
  }
  const Json* failed = report->find("failed");
  bool all =
      failed == nullptr || failed->array_items() == nullptr || failed->array_items()->empty();
  return all ? kExitOk : kExitFailed;
}

}  // namespace

Command kill_command() {
  return client_command(
      "kill", "Stop a session, a tree, an agent or a tenant at once, and say what was stopped",
      "What is under way is given up; journals stay. What a session spawned, and what that did, "
      "is\n"
      "stopped with it and named. An agent or a tenant is asked about first. One that is not known "
      "is\n"
      "an error; one of which nothing is open is not.\n"
      "Examples:\n"
      "  drover kill tree ses_01KAR… --why 'runs in a circle'\n"
      "  drover kill agent research --yes --why 'a wrong prompt'",
      {{"KIND", "session, tree, agent or tenant", true, false},
       {"WHAT", "a session's id, an agent's name or name@version, a tenant's id or name", true,
        false}},
      {{"--why", "TEXT", "why; goes into the journals", ""}, {"--yes", "", "do not ask", ""}},
      run_kill);
}

}  // namespace drover::app
