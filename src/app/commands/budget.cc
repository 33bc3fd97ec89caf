// drover budget report: who asked for more than a step's budget, why, and whether it paid off.

#include <cstdio>

#include "app/api_client.h"
#include "app/commands.h"
#include "app/output.h"

namespace drover::app {
namespace {

const Json::Array& budget_items_of(const Json& answer, std::string_view name) {
  static const Json::Array kNone;
  const Json* list = answer.find(name);
  const Json::Array* items = list == nullptr ? nullptr : list->array_items();
  return items == nullptr ? kNone : *items;
}

std::string budget_of(const Json& object, std::string_view part, std::string_view whole) {
  std::string all = member(object, whole);
  return all == "0" ? "–" : member(object, part) + " of " + all;
}

std::string seconds(const Json& object, std::string_view millis) {
  std::optional<int64_t> ms = object.get_int(millis);
  return ms ? format_duration(std::chrono::milliseconds(*ms)) : "–";
}

void print_summary(const Json& report) {
  Table table({"AGENT", "REASON", "ASKED", "GRANTED", "BY RULE", "TOKENS ASKED", "GRANTED", "USED",
               "PAID OFF", "REWARD", "DECIDED IN"});
  for (const Json& s : budget_items_of(report, "summary")) {
    std::string reward = member(s, "reward_mean");
    table.add({cell(member(s, "agent"), 30), cell(member(s, "reason_code"), 30),
               member(s, "requests"), member(s, "granted"), member(s, "by_rule"),
               member(s, "tokens_asked"), member(s, "tokens_granted"), member(s, "tokens_used"),
               budget_of(s, "paid_off", "concluded"),
               reward.empty() ? "–" : reward + " (" + member(s, "rewards") + ")",
               seconds(s, "decided_after_ms_median")});
  }
  table.print();
}

std::string decision_text(const Json& request) {
  const Json* decision = request.find("decision");
  if (decision == nullptr || decision->is_null()) return "waits";
  bool granted = decision->get_bool("granted").value_or(false);
  std::string by = member(*decision, "decider");
  if (by.empty()) by = member(*decision, "by");
  return (granted ? "granted by " : "refused by ") + by;
}

std::string outcome_text(const Json& request) {
  const Json* paid = request.find("paid_off");
  if (paid == nullptr) return "";
  if (!paid->is_bool()) return "not yet known";
  return (*paid->boolean() ? "paid off, " : "did not pay off, ") + member(request, "tokens_used") +
         " tokens used";
}

void print_requests(const Json& report) {
  for (const Json& r : budget_items_of(report, "requests")) {
    std::printf("\n%s  %s@%s  step %s  %s\n", member(r, "session").c_str(),
                one_line(member(r, "agent"), 40).c_str(),
                one_line(member(r, "agent_version"), 20).c_str(), member(r, "step").c_str(),
                short_time(member(r, "asked")).c_str());
    if (r.get_bool("unasked").value_or(false)) {
      std::printf("  raised unasked\n");
    } else {
      std::printf(
          "  asked for %s tokens and %s: %s\n", member(r, "tokens").c_str(),
          seconds(r, "time_ms").c_str(),
          one_line(member(r, "reason_code") + ": " + member(r, "explanation"), 300).c_str());
    }
    if (std::string gain = member(r, "expected_gain"); !gain.empty()) {
      std::printf("  expects %s\n", one_line(gain, 300).c_str());
    }
    std::string outcome = outcome_text(r);
    std::printf("  %s%s%s\n", one_line(decision_text(r), 100).c_str(), outcome.empty() ? "" : "; ",
                outcome.c_str());
  }
}

int run_report(const Arguments& a) {
  auto client = ApiClient::connect(a, Need::kRead);
  if (!client) return complain(client.error());
  std::string target = "/v1/budget/report?limit=" + url_part(a.get("limit"));
  for (const char* name : {"agent", "session"}) {
    if (a.has(name)) target += "&" + std::string(name) + "=" + url_part(a.get(name));
  }
  auto report = (*client)->call("GET", std::move(target));
  if (!report) return complain(report.error());
  if (a.has("json")) {
    print_json(*report);
    return kExitOk;
  }
  if (budget_items_of(*report, "requests").empty()) {
    std::printf("nobody asked for more budget in %s sessions\n",
                member(*report, "sessions").c_str());
  } else {
    print_summary(*report);
    if (a.has("requests")) print_requests(*report);
  }
  if (report->get_bool("has_more").value_or(false)) {
    std::fprintf(stderr, "older sessions were not read: --limit\n");
  }
  return kExitOk;
}

}  // namespace

Command budget_report_command() {
  return client_command(
      "budget report",
      "Show who asked for more budget, why, who granted it, and whether it paid off",
      "Read from the journals. Paid off: the step came to an answer that was not cut. Used: "
      "tokens\n"
      "beyond the agent's own step budget. Reward: the mean of those given after the grant.\n"
      "Examples:\n"
      "  drover budget report --agent research\n"
      "  drover budget report --requests         each request, with its words",
      {},
      {{"--agent", "NAME", "only this agent's", ""},
       {"--session", "SESSION", "only this session's", ""},
       {"--requests", "", "show each request", ""},
       {"--limit", "N", "how many sessions, newest first", "1000"}},
      run_report);
}

}  // namespace drover::app
