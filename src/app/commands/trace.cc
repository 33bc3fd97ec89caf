// drover trace ID: where the time, tokens and money of a session or a call went.

#include <cstdio>

#include "app/api_client.h"
#include "app/commands.h"
#include "app/output.h"

namespace drover::app {
namespace {

int run_trace(const Arguments& a) {
  auto client = ApiClient::connect(a, Need::kRead);
  if (!client) return complain(client.error());
  std::string id = a.get("ID");
  std::string target = id.starts_with("ses_") ? "/v1/sessions/" + url_part(id) + "/trace"
                                              : "/v1/traces/" + url_part(id);
  if (a.has("json")) {
    auto tree = (*client)->call("GET", std::move(target));
    if (!tree) return complain(tree.error());
    print_json(*tree);
    return kExitOk;
  }
  auto text = (*client)->fetch("GET", std::move(target), "text/plain");
  if (!text) return complain(text.error());
  if (text->empty()) {
    std::fprintf(
        stderr,
        "no step has finished yet (one that has just finished is shown in a moment), or its "
        "spans were pruned\n");
  }
  std::printf("%s", printable(*text).c_str());
  return kExitOk;
}

}  // namespace

Command trace_command() {
  return client_command(
      "trace", "Show the tree of steps: latency by cause, tokens and money down to each call",
      "Takes a session's id or a trace id (32 hex digits). Names are OpenTelemetry's for GenAI.\n"
      "Examples:\n"
      "  drover trace ses_01KAR…\n"
      "  drover trace 0af7651916cd43dd8448eb211c80319c --json",
      {{"ID", "a session or a trace", true, false}}, {}, run_trace);
}

}  // namespace drover::app
