// drover approvals; drover session approve|deny|signal|extend|budget: what a person or a script
// tells a session that waits.

#include <cstdio>

#include "app/amount_flags.h"
#include "app/api_client.h"
#include "app/commands.h"
#include "app/output.h"

namespace drover::app {
namespace {

std::string steer_path_of(const Arguments& a) {
  return "/v1/sessions/" + url_part(a.get("SESSION"));
}

const Json::Array& data_of(const Json& answer) {
  static const Json::Array kNone;
  const Json* list = answer.find("data");
  const Json::Array* items = list == nullptr ? nullptr : list->array_items();
  return items == nullptr ? kNone : *items;
}

std::string question_of(const Json& wait) {
  if (member(wait, "for") == "approval") {
    std::string tool = member(wait, "tool");
    std::string question = member(wait, "question");
    return tool.empty() ? question : tool + " " + member(wait, "arguments");
  }
  std::string out = member(wait, "tokens") + " tokens";
  if (auto ms = wait.get_int("time_ms"); ms && *ms > 0) {
    out += ", " + format_duration(std::chrono::milliseconds(*ms));
  }
  return out + ": " + member(wait, "reason_code") + ", " + member(wait, "explanation");
}

std::string id_of(const Json& wait) {
  std::string request = member(wait, "request_id");
  return request.empty() ? member(wait, "wait_id") : request;
}

int run_approvals(const Arguments& a) {
  auto client = ApiClient::connect(a, Need::kRead);
  if (!client) return complain(client.error());
  auto list = (*client)->call("GET", "/v1/approvals?limit=" + url_part(a.get("limit")));
  if (!list) return complain(list.error());
  if (a.has("json")) {
    print_json(*list);
    return kExitOk;
  }
  if (data_of(*list).empty()) {
    std::printf("nothing waits for a person\n");
    return kExitOk;
  }
  Table table({"SESSION", "AGENT", "ID", "FOR", "WHAT"});
  for (const Json& wait : data_of(*list)) {
    table.add({member(wait, "session"), cell(member(wait, "agent"), 30), id_of(wait),
               member(wait, "for"), cell(question_of(wait), 120)});
  }
  table.print();
  if (list->get_bool("has_more").value_or(false)) {
    std::fprintf(stderr, "there may be more: --limit\n");
  }
  return kExitOk;
}

/// The id given, or that of the only one that waits in the session.
Result<std::string> only_open(ApiClient& client, const Arguments& a, std::string_view positional,
                              std::string_view what) {
  std::string given = a.get(positional);
  if (!given.empty()) return given;
  TRY(Json list, client.call("GET", "/v1/approvals?session=" + url_part(a.get("SESSION"))));
  std::vector<std::string> open;
  for (const Json& wait : data_of(list)) {
    if (member(wait, "for") == what) open.push_back(id_of(wait));
  }
  if (open.size() == 1) return open[0];
  std::string named;
  for (const std::string& id : open) named += (named.empty() ? "" : ", ") + id;
  return usage_error(open.empty() ? "nothing of that kind waits in " + a.get("SESSION")
                                  : "several wait, name one: " + named);
}

int tell(const Arguments& a, const Result<Json>& done, const std::string& said) {
  if (!done) return complain(done.error());
  if (a.has("json")) {
    print_json(*done);
  } else {
    std::printf("%s\n", said.c_str());
  }
  return kExitOk;
}

int decide(const Arguments& a, std::string decision) {
  auto client = ApiClient::connect(a, Need::kRun);
  if (!client) return complain(client.error());
  auto wait = only_open(**client, a, "WAIT", "approval");
  if (!wait) return complain(wait.error());
  Json body = Json::object();
  if (a.has("arguments")) {
    decision = "edit";
    body.set("arguments", a.get("arguments"));
  }
  body.set("decision", decision);
  if (a.has("why")) body.set("explanation", a.get("why"));
  auto done =
      (*client)->call("POST", steer_path_of(a) + "/approvals/" + url_part(*wait), std::move(body));
  std::string said = decision == "deny" ? "denied" : decision == "edit" ? "edited" : "approved";
  return tell(a, done, *wait + " is " + said);
}

int run_approve(const Arguments& a) { return decide(a, "approve"); }
int run_deny(const Arguments& a) { return decide(a, "deny"); }

int run_signal(const Arguments& a) {
  std::string payload = a.get("PAYLOAD");
  if (!payload.empty() && !Json::parse(payload)) {
    return complain(usage_error("the payload must be JSON; a text is '\"…\"'").value());
  }
  auto client = ApiClient::connect(a, Need::kRun);
  if (!client) return complain(client.error());
  auto answer = (*client)->fetch("POST", steer_path_of(a) + "/signals/" + url_part(a.get("NAME")),
                                 "application/json", payload, "application/json");
  if (!answer) return complain(answer.error());
  return tell(a, Json::parse(*answer), "signalled " + a.get("NAME"));
}

/// A session that a budget of the server had stopped asks for nothing; nullopt: it is not one.
Result<std::optional<Json>> try_again(ApiClient& client, const Arguments& a) {
  TRY(Json list, client.call("GET", "/v1/approvals?session=" + url_part(a.get("SESSION"))));
  if (!data_of(list).empty()) return std::optional<Json>();
  TRY(Json session, client.call("GET", steer_path_of(a)));
  if (member(session, "waiting_for") != "budget") return std::optional<Json>();
  Json body = Json::object().set("budget", "account");
  if (auto put = put_amounts(a, body); !put) return fail(std::move(put).error());
  TRY(Json done, client.call("POST", steer_path_of(a) + "/budget", std::move(body)));
  return std::optional<Json>(std::move(done));
}

int run_extend(const Arguments& a) {
  Json body = Json::object().set("granted", !a.has("refuse"));
  if (auto put = put_amounts(a, body); !put) return complain(put.error());
  auto client = ApiClient::connect(a, Need::kRun);
  if (!client) return complain(client.error());
  if (a.get("REQUEST").empty() && !a.has("refuse")) {
    auto again = try_again(**client, a);
    if (!again) return complain(again.error());
    if (*again) return tell(a, **again, a.get("SESSION") + " tries again");
  }
  auto request = only_open(**client, a, "REQUEST", "budget");
  if (!request) return complain(request.error());
  auto done = (*client)->call("POST", steer_path_of(a) + "/extensions/" + url_part(*request),
                              std::move(body));
  return tell(a, done, *request + (a.has("refuse") ? " is refused" : " is granted"));
}

int run_budget(const Arguments& a) {
  Json body = Json::object().set("budget", a.get("of"));
  if (auto put = put_amounts(a, body); !put) return complain(put.error());
  auto client = ApiClient::connect(a, Need::kRun);
  if (!client) return complain(client.error());
  auto done = (*client)->call("POST", steer_path_of(a) + "/budget", std::move(body));
  return tell(a, done, "the budget of the " + a.get("of") + " is raised");
}

Positional steered() { return {"SESSION", "the session's id (ses_…)", true, false}; }
Flag why() { return {"--why", "TEXT", "why; goes into the journal", ""}; }

}  // namespace

Command approvals_command() {
  return client_command(
      "approvals", "List what waits for a person: tool calls and requests for budget",
      "Example: drover approvals --json", {},
      {{"--limit", "N", "sessions looked at, newest first", "100"}}, run_approvals);
}

Command session_approve_command() {
  return client_command("session approve", "Allow a tool call that waits for a person",
                        "Examples:\n"
                        "  drover session approve ses_01KAR…            the only one that waits\n"
                        "  drover session approve ses_01KAR… w12 --arguments '{\"amount\": 5}'",
                        {steered(), {"WAIT", "the wait's id (drover approvals)", false, false}},
                        {{"--arguments", "JSON", "run it with these arguments instead", ""}, why()},
                        run_approve);
}

Command session_deny_command() {
  return client_command(
      "session deny", "Refuse a tool call that waits for a person; the agent is told",
      "Example: drover session deny ses_01KAR… --why 'already refunded'",
      {steered(), {"WAIT", "the wait's id (drover approvals)", false, false}}, {why()}, run_deny);
}

Command session_signal_command() {
  return client_command("session signal",
                        "Send a signal; it is kept until the session waits for it",
                        "Example: drover session signal ses_01KAR… paid '{\"invoice\": 7}'",
                        {steered(),
                         {"NAME", "the signal's name", true, false},
                         {"PAYLOAD", "any JSON", false, false}},
                        {}, run_signal);
}

Command session_extend_command() {
  return client_command(
      "session extend", "Grant or refuse a step's request for more budget",
      "Without amounts it gets what it asked for. A session that a budget of the server had\n"
      "stopped asked for nothing: it tries again.\n"
      "Examples:\n"
      "  drover session extend ses_01KAR…\n"
      "  drover session extend ses_01KAR… x31 --tokens 2000 --why 'half is enough'\n"
      "  drover session extend ses_01KAR… --refuse",
      {steered(), {"REQUEST", "the request's id (drover approvals)", false, false}},
      {{"--tokens", "N", "so many tokens", ""},
       {"--time", "TIME", "so much time, such as 2m", ""},
       {"--refuse", "", "refuse it", ""},
       why()},
      run_extend);
}

Command session_budget_command() {
  return client_command(
      "session budget", "Raise a budget; sessions that it had stopped go on",
      "Example: drover session budget ses_01KAR… --cost 20 --tokens 500000 --why 'go on'",
      {steered()},
      {{"--of", "WHAT", "tree, session (steps), subtask (what its parent gave it) or step", "tree"},
       {"--tokens", "N", "more tokens", ""},
       {"--cost", "USD", "more money", ""},
       {"--time", "TIME", "more time, such as 2h", ""},
       {"--steps", "N", "more steps", ""},
       {"--spawns", "N", "more child sessions", ""},
       why()},
      run_budget);
}

}  // namespace drover::app
