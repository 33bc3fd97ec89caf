// drover attest ls: what is held of each attested endpoint, and whether it is fresh.

#include <cstdio>

#include "app/api_client.h"
#include "app/commands.h"
#include "app/output.h"
#include "base/time.h"

namespace drover::app {
namespace {

std::string seconds_of(const Json& item, std::string_view name) {
  auto value = item.get_int(name);
  return value ? format_duration(std::chrono::seconds(*value)) : "-";
}

int run_attest_ls(const Arguments& a) {
  auto client = ApiClient::connect(a, Need::kRead);
  if (!client) return complain(client.error());
  auto list = (*client)->call("GET", "/v1/attestation");
  if (!list) return complain(list.error());
  bool all_fresh = true;
  Table table({"ENDPOINT", "KIND", "VERDICT", "AGE", "AT MOST", "EXPIRES (UTC)", "WHY"});
  for (const Json& item : items_of(*list)) {
    all_fresh = all_fresh && member(item, "verdict") == "fresh";
    std::string why = member(item, "why");
    std::string failure = member(item, "last_failure");
    if (!failure.empty()) why += (why.empty() ? "last fetch: " : "; last fetch: ") + failure;
    table.add({member(item, "endpoint"), member(item, "kind"), member(item, "verdict"),
               seconds_of(item, "age_s"), seconds_of(item, "max_age_s"),
               short_time(member(item, "expires")), cell(why, 240)});
  }
  if (a.has("json")) {
    print_json(*list);
  } else if (table.empty()) {
    std::printf("no endpoint has an `attestation` in drover.yaml (docs/attestation.md)\n");
  } else {
    table.print();
  }
  return a.has("check") && !all_fresh ? kExitFailed : kExitOk;
}

}  // namespace

Command attest_ls_command() {
  return client_command(
      "attest ls", "Show each attested endpoint's evidence: age, expiry, verdict",
      "Without fresh evidence an endpoint does not exist for calls that need it, and nothing is\n"
      "sent to it. Evidence is asked for again when half of its time is over; WHY says what did\n"
      "not work.\n"
      "Examples:\n"
      "  drover attest ls\n"
      "  drover attest ls --check >/dev/null || echo 'some endpoint has no fresh evidence'",
      {}, {{"--check", "", "exit code 1 unless all of it is fresh", ""}}, run_attest_ls);
}

}  // namespace drover::app
