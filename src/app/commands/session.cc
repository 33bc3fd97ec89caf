// drover session ls|show|events|export|import|cancel|purge.

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>

#include "app/api_client.h"
#include "app/commands.h"
#include "app/files.h"
#include "app/output.h"
#include "app/session_text.h"
#include "base/limits/http.h"

namespace drover::app {
namespace {

std::string session_path_of(const Arguments& a) {
  return "/v1/sessions/" + url_part(a.get("SESSION"));
}

int run_session_ls(const Arguments& a) {
  auto client = ApiClient::connect(a, Need::kRead);
  if (!client) return complain(client.error());
  std::string target = "/v1/sessions?limit=" + url_part(a.get("limit"));
  for (const char* name : {"agent", "status", "before"}) {
    if (a.has(name)) target += "&" + std::string(name) + "=" + url_part(a.get(name));
  }
  auto list = (*client)->call("GET", std::move(target));
  if (!list) return complain(list.error());
  if (a.has("json")) {
    print_json(*list);
    return kExitOk;
  }
  Table table({"ID", "AGENT", "STATUS", "EVENTS", "UPDATED (UTC)"});
  for (const Json& s : items_of(*list)) {
    std::string status = member(s, "status");
    std::string why = member(s, "end_reason");
    table.add({member(s, "id"), cell(member(s, "agent"), 30),
               why.empty() ? status : status + " (" + cell(why, 30) + ")", member(s, "events"),
               short_time(member(s, "updated"))});
  }
  table.print();
  if (list->get_bool("has_more").value_or(false)) {
    std::fprintf(stderr, "there are more: --limit, or --before <the last id>\n");
  }
  return kExitOk;
}

void show_messages(const Json& messages) {
  if (messages.array_items() == nullptr) return;
  for (const Json& message : *messages.array_items()) {
    std::string text = message_text(message);
    std::string calls = tool_calls_text(message);
    std::printf("\n%s\n", dim(member(message, "role")).c_str());
    if (!text.empty()) std::printf("%s\n", printable(text).c_str());
    if (!calls.empty()) std::printf("→ %s\n", cell(calls, 400).c_str());
  }
}

uint64_t number(const Json& object, std::string_view name) {
  return static_cast<uint64_t>(object.get_int(name).value_or(0));
}

/// What is left of a purged session, by `row(label, value)` and `data_row(class)`.
template <typename Row, typename DataRow>
void show_purge(const Json& purge, Row row, DataRow data_row) {
  row("purged", short_time(member(purge, "time")) + " by " + member(purge, "by"));
  row("why", member(purge, "reason"));
  data_row(member(purge, "data_class"));
  row("went", counted(number(purge, "events"), "event"));
  row("last hash", member(purge, "last_hash"));
}

int run_session_show(const Arguments& a) {
  auto client = ApiClient::connect(a, Need::kRead);
  if (!client) return complain(client.error());
  auto session = (*client)->call("GET", session_path_of(a));
  if (!session) return complain(session.error());
  if (a.has("json")) {
    print_json(*session);
    return kExitOk;
  }
  Table table({"SESSION", member(*session, "id")});
  auto row = [&](const char* label, std::string value) {
    if (!value.empty()) table.add({label, cell(value, 100)});
  };
  // Whole: what is cut off would look as if it were not restricted.
  auto data_row = [&](const std::string& data) {
    if (!data.empty()) table.add({"data", one_line(data, std::string::npos)});
  };
  row("agent", member(*session, "agent") + " " + member(*session, "agent_version"));
  row("status", member(*session, "status"));
  row("waits for", member(*session, "waiting_for"));
  // Whole: the reason stands behind the data's class.
  if (const Json* failure = session->find("failure")) {
    table.add({"because", failure_text(*failure)});
  }
  row("ended", member(*session, "end_reason"));
  row("created", short_time(member(*session, "created")));
  row("updated", short_time(member(*session, "updated")));
  row("kept until", short_time(member(*session, "kept_until")));
  if (const Json* purge = session->find("purge")) {
    show_purge(*purge, row, data_row);
    table.print();
    return kExitOk;
  }
  data_row(member(*session, "data_class"));
  row("steps", member(*session, "steps"));
  if (const Json* usage = session->find("usage")) {
    row("tokens", std::to_string(number(*usage, "input_tokens")) + " in, " +
                      std::to_string(number(*usage, "output_tokens")) + " out");
  }
  row("cost", "$" + member(*session, "cost_usd"));
  row("trace", member(*session, "trace_id"));
  table.print();
  if (const Json* messages = session->find("messages")) show_messages(*messages);
  return kExitOk;
}

void print_event(const Json& event, std::string_view line, bool json) {
  if (json) {
    std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
  } else {
    const bool whole = isatty(STDOUT_FILENO) == 0;  // whoever pipes it looks for something
    std::printf("%5s  %s  %-18s %s\n", member(event, "sequence").c_str(),
                short_time(member(event, "time")).c_str(), member(event, "kind").c_str(),
                printable(event_summary(event, whole)).c_str());
  }
  std::fflush(stdout);
}

/// One page of the journal: events, and between them what is damaged. The next sequence.
uint64_t print_page(const Json& list, uint64_t next, bool json) {
  const Json* damaged = list.find("damaged");
  const Json::Array none;
  const Json::Array& gaps =
      damaged != nullptr && damaged->array_items() != nullptr ? *damaged->array_items() : none;
  size_t shown = 0;
  auto print_gaps_before = [&](uint64_t sequence) {
    for (; shown < gaps.size() && number(gaps[shown], "first") < sequence; ++shown) {
      const Json& gap = gaps[shown];
      next = number(gap, "last") + 1;
      if (json) {
        std::printf("%s\n", Json::object().set("damaged", gap).dump().c_str());
      } else {
        std::printf("%5s  damaged: %s\n", member(gap, "first").c_str(),
                    printable(member(gap, "why")).c_str());
      }
    }
  };
  for (const Json& event : items_of(list)) {
    print_gaps_before(number(event, "sequence"));
    print_event(event, event.dump(), json);
    next = number(event, "sequence") + 1;
  }
  print_gaps_before(UINT64_MAX);
  return next;
}

int run_events(const Arguments& a) {
  auto client = ApiClient::connect(a, Need::kRead);
  if (!client) return complain(client.error());
  const bool json = a.has("json");
  uint64_t next = std::strtoull(a.get("from").c_str(), nullptr, 10);
  const std::string how = a.has("skip-damaged") ? "&skip_damaged=true" : "";
  if (a.has("follow")) {
    if (!how.empty()) {
      return complain(usage_error("--follow stops at damage; leave out --skip-damaged").value());
    }
    auto done =
        (*client)->follow(a.get("SESSION"), next, [&](const Json& event, std::string_view line) {
          print_event(event, line, json);
          return true;
        });
    return done ? kExitOk : complain(done.error());
  }
  for (bool more = true; more;) {
    auto list = (*client)->call(
        "GET", session_path_of(a) + "/events?limit=1000&from=" + std::to_string(next) + how);
    if (!list) return complain(list.error());
    more = list->get_bool("has_more").value_or(false);
    next = print_page(*list, next, json);
  }
  return kExitOk;
}

/// Says what an export leaves out.
void warn_of_gaps(std::string_view lines) {
  while (!lines.empty()) {
    const size_t end = lines.find('\n');
    const std::string_view line = lines.substr(0, end);
    lines = end == std::string_view::npos ? std::string_view() : lines.substr(end + 1);
    if (!line.starts_with(R"({"damaged":)")) continue;
    auto parsed = Json::parse(line);
    const Json* gap = parsed ? parsed->find("damaged") : nullptr;
    if (gap == nullptr) continue;
    std::fprintf(stderr, "drover: left out: %s\n", printable(member(*gap, "why")).c_str());
  }
}

int run_export(const Arguments& a) {
  auto client = ApiClient::connect(a, Need::kRead);
  if (!client) return complain(client.error());
  const bool skip = a.has("skip-damaged");
  auto text =
      (*client)->fetch("GET", session_path_of(a) + (skip ? "/export?skip_damaged=true" : "/export"),
                       "application/jsonl");
  if (!text) return complain(text.error());
  if (skip) warn_of_gaps(*text);
  if (!a.has("output")) {
    std::cout << *text << std::flush;
    return std::cout ? kExitOk : kExitFailed;
  }
  std::ofstream out(a.get("output"), std::ios::binary);
  out << *text << std::flush;
  if (out) return kExitOk;
  std::fprintf(stderr, "drover: cannot write %s: %s\n", a.get("output").c_str(),
               std::strerror(errno));
  return kExitFailed;
}

Result<std::string> read_export(const std::string& path) {
  TRY(std::string text, read_input(path));
  if (text.size() > limits::kHttpBodyBytesMax) {
    return usage_error(path + " is larger than a server takes (" +
                       std::to_string(limits::kHttpBodyBytesMax) + " bytes)");
  }
  return text;
}

int run_session_import(const Arguments& a) {
  auto text = read_export(a.get("FILE"));
  if (!text) return complain(text.error());
  auto client = ApiClient::connect(a, Need::kWrite);
  if (!client) return complain(client.error());
  auto answer = (*client)->fetch("POST", "/v1/sessions/import", "application/json",
                                 std::move(*text), "application/jsonl");
  if (!answer) return complain(answer.error());
  auto session = Json::parse(*answer);
  if (!session) return complain(session.error());
  if (a.has("json")) {
    print_json(*session);
  } else {
    std::printf("%s: %s events\n", member(*session, "id").c_str(),
                member(*session, "events").c_str());
    if (const Json* from = session->find("detached")) {
      std::string parent = member(*from, "parent");
      std::string of = parent.empty() ? "the tree of " + member(*from, "root") : parent;
      std::printf("it is the top of a tree of its own, not below %s: %s\n", of.c_str(),
                  member(*from, "why").c_str());
    }
  }
  return kExitOk;
}

int run_cancel(const Arguments& a) {
  auto client = ApiClient::connect(a, Need::kWrite);
  if (!client) return complain(client.error());
  Json body = Json::object();
  if (a.has("reason")) body.set("reason", a.get("reason"));
  auto done = (*client)->call("POST", session_path_of(a) + "/cancel", std::move(body));
  if (!done) return complain(done.error());
  if (a.has("json")) {
    print_json(*done);
  } else {
    std::printf("%s is cancelled\n", a.get("SESSION").c_str());
  }
  return kExitOk;
}

int run_purge(const Arguments& a) {
  auto client = ApiClient::connect(a, Need::kWrite);
  if (!client) return complain(client.error());
  Json body = Json::object();
  if (a.has("reason")) body.set("reason", a.get("reason"));
  auto done = (*client)->call("POST", session_path_of(a) + "/purge", std::move(body));
  if (!done) return complain(done.error());
  if (a.has("json")) {
    print_json(*done);
    return kExitOk;
  }
  const Json none = Json::object();
  const Json* purge = done->find("purge");
  if (purge == nullptr) purge = &none;
  const std::string id = a.get("SESSION");
  if (done->get_bool("already").value_or(false)) {
    std::printf("%s was purged already, %s by %s\n", id.c_str(),
                short_time(member(*purge, "time")).c_str(),
                printable(member(*purge, "by")).c_str());
  } else {
    std::printf("%s is purged: %s events are gone; the hash of the last was %s\n", id.c_str(),
                member(*purge, "events").c_str(), member(*purge, "last_hash").c_str());
  }
  return kExitOk;
}

Positional session() { return {"SESSION", "the session's id (ses_…)", true, false}; }

}  // namespace

Command session_ls_command() {
  return client_command("session ls", "List sessions, newest first",
                        "Examples:\n"
                        "  drover session ls --status waiting\n"
                        "  drover session ls --data ./drover-data    (no server needed)",
                        {},
                        {{"--agent", "NAME", "only this agent's", ""},
                         {"--status", "STATUS", "running, waiting or ended", ""},
                         {"--before", "SESSION", "only those older than this one", ""},
                         {"--limit", "N", "how many", "50"}},
                        run_session_ls);
}

Command session_show_command() {
  return client_command("session show", "Show a session: state, tokens, money, and what was said",
                        "Example: drover session show ses_01KAR…", {session()}, {},
                        run_session_show);
}

Command session_events_command() {
  return client_command(
      "session events", "Print a session's journal, one event a line",
      "Examples:\n"
      "  drover session events ses_01KAR… --follow     live, until it ends\n"
      "  drover session events ses_01KAR… --json | jq .kind",
      {session()},
      {{"--follow", "", "go on with new events as they come", ""},
       {"--from", "N", "begin at this sequence", "1"},
       {"--skip-damaged", "", "print all that is readable, and say what is not", ""}},
      run_events);
}

Command session_export_command() {
  return client_command(
      "session export", "Write a session as JSON Lines, with its hash chain",
      "A journal that is damaged is refused, with the place of the damage: restore it from a\n"
      "backup, or take the readable part, in which a line says of each gap what it was. Such\n"
      "an export cannot be imported.\n"
      "Examples:\n"
      "  drover session export ses_01KAR… --output case-7.jsonl\n"
      "  drover session export ses_01KAR… --skip-damaged --output readable.jsonl",
      {session()},
      {{"--output", "FILE", "where to; default: standard output", ""},
       {"--skip-damaged", "", "export what is readable, and say what is not", ""}},
      run_export);
}

Command session_import_command() {
  return client_command(
      "session import", "Take in an export; its hash chain is checked",
      "The session keeps its id, and exports again byte for byte. Import a tree from\n"
      "the top downwards: below its parent is a session only if that is here and its\n"
      "journal says that it spawned it; otherwise it is the top of a tree of its own,\n"
      "for good, and the answer says so.\n"
      "Example: drover session import case-7.jsonl --data ./elsewhere",
      {{"FILE", "an export; - for standard input", true, false}}, {}, run_session_import);
}

Command session_cancel_command() {
  return client_command("session cancel", "End a session; what is under way is given up",
                        "Example: drover session cancel ses_01KAR… --reason 'asked twice'",
                        {session()}, {{"--reason", "TEXT", "why; goes into the journal", ""}},
                        run_cancel);
}

Command session_purge_command() {
  return client_command(
      "session purge", "Destroy what an ended session said, in every store of this server",
      "Its events, large payloads, memory that it wrote, live text and spans are removed from\n"
      "the disk. What is left: that it was, who purged it, when and why, and the hash of its\n"
      "last event. An open session is refused: kill it first. Backups made before still hold\n"
      "it. Data whose class has a retention is purged by itself when that ends.\n"
      "Example: drover session purge ses_01KAR… --reason 'erasure request 4711'",
      {session()}, {{"--reason", "TEXT", "why; it stays, so name no person", ""}}, run_purge);
}

}  // namespace drover::app
