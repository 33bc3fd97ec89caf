// drover budget ls: the server's budgets, what is used of them and when they renew.

#include <cstdio>

#include "app/api_client.h"
#include "app/commands.h"
#include "app/output.h"
#include "base/money.h"
#include "road/budget.h"

namespace drover::app {
namespace {

std::string amount(const Json& use, std::string_view what) {
  if (what != "money") return std::to_string(use.get_int(what).value_or(0));
  Result<Money> money = Money::parse_usd(use.get_string("money").value_or("0"));
  return money ? money->pretty() : "?";
}

int run_budget_ls(const Arguments& a) {
  auto client = ApiClient::connect(a, Need::kRead);
  if (!client) return complain(client.error());
  std::string target = "/v1/budgets";
  if (a.has("tenant")) target += "?tenant=" + url_part(a.get("tenant"));
  auto list = (*client)->call("GET", std::move(target));
  if (!list) return complain(list.error());
  if (a.has("json")) {
    print_json(*list);
    return kExitOk;
  }
  Table table({"BUDGET", "OF", "PER", "WHAT", "USED", "RESERVED", "LIMIT", "RENEWS (UTC)"});
  for (const Json& b : items_of(*list)) {
    std::string of;
    for (std::string_view d : road::kDimensionNames) {
      std::string value = member(b, d);
      if (!value.empty()) of += (of.empty() ? "" : ", ") + std::string(d) + " " + value;
    }
    for (std::string_view what : {"money", "tokens", "requests"}) {
      const Json* limit = b.find("limit");
      if (limit == nullptr || limit->find(what) == nullptr) continue;
      std::string per = member(b, "per");
      if (b.get_bool("rolling").value_or(false)) per += ", rolling";
      table.add({cell(member(b, "name"), 30), of.empty() ? "everybody" : cell(of, 50), per,
                 std::string(what), amount(*b.find("used"), what),
                 amount(*b.find("reserved"), what), amount(*limit, what),
                 short_time(member(b, "renews"))});
    }
  }
  if (table.empty()) {
    std::printf(
        "there are no budgets; they stand under `budgets` in drover.yaml and on keys. One for\n"
        "each (\"*\") is shown once somebody has called under it\n");
    return kExitOk;
  }
  table.print();
  return kExitOk;
}

}  // namespace

Command budget_ls_command() {
  return client_command(
      "budget ls", "Show the server's budgets: used, reserved, limit, renewal",
      "Budgets stand under `budgets` in drover.yaml and on keys (docs/money.md). One for each "
      "key,\n"
      "agent, … (\"*\") has a line for whoever has called under it since it began.",
      {}, {{"--tenant", "ID", "only this tenant's", ""}}, run_budget_ls);
}

}  // namespace drover::app
