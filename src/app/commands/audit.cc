// drover audit ls: what was refused to whom, and why; and what was purged.

#include <cstdio>

#include "app/api_client.h"
#include "app/commands.h"
#include "app/output.h"

namespace drover::app {
namespace {

int run_audit_ls(const Arguments& a) {
  auto client = ApiClient::connect(a, Need::kRead);
  if (!client) return complain(client.error());
  std::string target = "/v1/audit?limit=" + url_part(a.get("limit"));
  if (a.has("tenant")) target += "&tenant=" + url_part(a.get("tenant"));
  if (a.has("before")) target += "&before=" + url_part(a.get("before"));
  auto list = (*client)->call("GET", std::move(target));
  if (!list) return complain(list.error());
  if (a.has("json")) {
    print_json(*list);
    return kExitOk;
  }
  Table table({"#", "TIME (UTC)", "TIMES", "WHO", "VERB", "OUTCOME", "ON", "REASON", "WHY"});
  for (const Json& e : items_of(*list)) {
    std::string who = member(e, "key");
    std::string on = member(e, "session");
    table.add({std::to_string(e.get_int("sequence").value_or(0)), short_time(member(e, "last")),
               std::to_string(e.get_int("times").value_or(1)),
               cell(who.empty() ? member(e, "name") : who + " " + member(e, "name"), 50),
               member(e, "verb"), member(e, "outcome"), on.empty() ? member(e, "owner") : on,
               member(e, "reason"), cell(member(e, "why"), 100)});
  }
  if (table.empty()) {
    std::printf("nothing was refused or purged\n");
    return kExitOk;
  }
  table.print();
  return kExitOk;
}

}  // namespace

Command audit_ls_command() {
  return client_command(
      "audit ls",
      "Show what was refused to whom (approve, export, kill, keys, …), and what was purged",
      "Each management verb passes one function: the key's scopes, then the operator's rules\n"
      "(policy.cedar). What either refuses is kept here, newest first, and each purge; the same\n"
      "within a minute counts up. Needs an admin key; the operator's sees every tenant.\n"
      "Examples:\n"
      "  drover audit ls\n"
      "  drover audit ls --tenant acme --limit 200 --json",
      {},
      {{"--tenant", "TENANT", "only this tenant's keys (id or name)", ""},
       {"--limit", "N", "how many", "50"},
       {"--before", "SEQUENCE", "older than this entry", ""}},
      run_audit_ls);
}

}  // namespace drover::app
