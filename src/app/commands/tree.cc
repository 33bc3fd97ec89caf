// drover session tree: a session with all that it spawned, and what each used.

#include <cstdio>
#include <map>

#include "app/api_client.h"
#include "app/commands.h"
#include "app/output.h"
#include "base/money.h"

namespace drover::app {
namespace {

using Children = std::map<std::string, std::vector<const Json*>>;

std::string money_text(const Json& spent, std::string_view name) {
  auto money = Money::parse_usd(member(spent, name));
  return money ? money->pretty() : "";
}

std::string status_text(const Json& session) {
  std::string status = member(session, "status");
  if (std::string what = member(session, "waiting_for"); !what.empty()) {
    return "waits for " + cell(what, 30);
  }
  std::string why = member(session, "end_reason");
  return why.empty() ? status : status + " (" + cell(why, 30) + ")";
}

void add_rows(Table& table, const Children& children, const std::string& parent, int depth) {
  auto found = children.find(parent);
  if (found == children.end()) return;
  for (const Json* session : found->second) {
    static const Json kNone = Json::object();
    const Json* spent = session->find("spent");
    if (spent == nullptr) spent = &kNone;
    std::string id = member(*session, "id");
    table.add(
        {std::string(static_cast<size_t>(depth) * 2, ' ') + id,
         cell(member(*session, "agent"), 30) + "@" + cell(member(*session, "agent_version"), 12),
         status_text(*session), member(*spent, "steps"), member(*spent, "tokens"),
         money_text(*spent, "cost_usd")});
    if (depth < 64) add_rows(table, children, id, depth + 1);
  }
}

/// Those whose parent is not listed stand at the top.
Children by_parent(const Json::Array& sessions) {
  Children out;
  std::map<std::string, bool> listed;
  for (const Json& s : sessions) listed[member(s, "id")] = true;
  for (const Json& s : sessions) {
    std::string parent = member(s, "parent");
    out[listed.count(parent) != 0 ? parent : ""].push_back(&s);
  }
  return out;
}

void print_totals(const Json& tree) {
  const Json* totals = tree.find("totals");
  if (totals == nullptr) return;
  const Json* limits = tree.find("limits");
  auto of = [&](std::string_view name) {
    std::string most = limits == nullptr ? "" : member(*limits, name);
    return most.empty() ? "" : " of " + most;
  };
  auto number = [&](std::string_view name) {
    return static_cast<size_t>(totals->get_int(name).value_or(0));
  };
  // "7 of 40 steps", and without a limit "7 steps".
  auto used = [&](std::string_view name, std::string_view what) {
    const std::string most = of(name);
    return most.empty() ? counted(number(name), what)
                        : member(*totals, name) + most + " " + std::string(what) + "s";
  };
  std::printf("\n%s, %s open, depth %s%s\n", counted(number("sessions"), "session").c_str(),
              member(*totals, "open").c_str(), member(*totals, "depth").c_str(),
              of("depth").c_str());
  std::printf("%s, %s, %s%s", used("steps", "step").c_str(), used("tokens", "token").c_str(),
              money_text(*totals, "cost_usd").c_str(), of("cost_usd").c_str());
  if (std::string held = member(*totals, "reserved_tokens"); held != "0" && !held.empty()) {
    std::printf("; %s reserved", counted(number("reserved_tokens"), "token").c_str());
  }
  std::printf("\n");
}

int run_tree(const Arguments& a) {
  auto client = ApiClient::connect(a, Need::kRead);
  if (!client) return complain(client.error());
  auto tree = (*client)->call("GET", "/v1/sessions/" + url_part(a.get("SESSION")) +
                                         "/tree?limit=" + url_part(a.get("limit")));
  if (!tree) return complain(tree.error());
  if (a.has("json")) {
    print_json(*tree);
    return kExitOk;
  }
  const Json* sessions = tree->find("sessions");
  if (sessions != nullptr && sessions->array_items() != nullptr) {
    Table table({"SESSION", "AGENT", "STATUS", "STEPS", "TOKENS", "COST"});
    Children children = by_parent(*sessions->array_items());
    add_rows(table, children, "", 0);
    table.print();
  }
  print_totals(*tree);
  if (tree->get_bool("has_more").value_or(false)) {
    std::fprintf(stderr, "older ones are not shown: --limit\n");
  }
  return kExitOk;
}

}  // namespace

Command session_tree_command() {
  return client_command("session tree",
                        "Show the tree that a session belongs to: status, steps, tokens, money",
                        "Example: drover session tree ses_01KAR…    (any session of the tree)",
                        {{"SESSION", "the session's id (ses_…)", true, false}},
                        {{"--limit", "N", "sessions shown, newest first", "1000"}}, run_tree);
}

}  // namespace drover::app
