// drover cost: what was used and what it cost, by any dimension; single calls; a provider's bill.

#include <cctype>
#include <cstdio>
#include <sstream>

#include "app/api_client.h"
#include "app/commands.h"
#include "app/output.h"
#include "base/money.h"

namespace drover::app {
namespace {

constexpr const char* kFilters[] = {"from", "to",    "tenant",   "key",      "agent",  "session",
                                    "tree", "model", "endpoint", "provider", "region", "tier"};

std::vector<Flag> filter_flags(std::vector<Flag> own) {
  std::vector<Flag> more = {{"--from", "DAY", "the first day, such as 2026-11-23 (UTC)", ""},
                            {"--to", "DAY", "the last day", ""},
                            {"--tenant", "ID", "only this tenant's", ""},
                            {"--api-key", "ID", "only this key's calls", ""},
                            {"--agent", "NAME", "only this agent's", ""},
                            {"--session", "ID", "only this session's", ""},
                            {"--tree", "ID", "only this session's and its descendants'", ""},
                            {"--model", "NAME", "only this model's", ""},
                            {"--endpoint", "ID", "only this endpoint's", ""},
                            {"--provider", "NAME", "only this provider's", ""},
                            {"--region", "NAME", "only this region's", ""},
                            {"--tier", "NAME", "only this service tier's: flex, priority, …", ""}};
  own.insert(own.end(), more.begin(), more.end());
  return own;
}

/// "&from=…&model=…" of the filters given.
std::string filters(const Arguments& a) {
  std::string out;
  for (const char* name : kFilters) {
    const char* flag = std::string_view(name) == "key" ? "api-key" : name;
    if (a.has(flag)) out += "&" + std::string(name) + "=" + url_part(a.get(flag));
  }
  return out;
}

const Json::Array& cost_items_of(const Json& answer, std::string_view name) {
  static const Json::Array kNone;
  const Json* list = answer.find(name);
  const Json::Array* items = list == nullptr ? nullptr : list->array_items();
  return items == nullptr ? kNone : *items;
}

std::string number_of(const Json& row, std::string_view name) {
  std::optional<int64_t> n = row.get_int(name);
  return n ? std::to_string(*n) : "0";
}

std::string cost_dollars(const Json& row, std::string_view name) {
  Result<Money> money = Money::parse_usd(row.get_string(name).value_or("0"));
  return money ? money->pretty() : "?";
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> out;
  std::istringstream in(list);
  for (std::string word; std::getline(in, word, ',');) {
    if (!word.empty()) out.push_back(word);
  }
  return out;
}

// --- drover cost ---

constexpr const char* kColumns[] = {"calls",
                                    "failed",
                                    "estimated",
                                    "lost",
                                    "unpriced",
                                    "input_tokens",
                                    "output_tokens",
                                    "cache_read_tokens",
                                    "cache_write_tokens",
                                    "cache_write_1h_tokens",
                                    "reasoning_tokens",
                                    "audio_input_tokens",
                                    "audio_output_tokens",
                                    "image_input_tokens"};

std::string csv_cell(std::string_view text) {
  // A cell that begins so would be a formula to a spreadsheet.
  std::string out(text);
  if (!out.empty() && std::string_view("=+-@\t").find(out[0]) != std::string_view::npos) {
    out.insert(out.begin(), '\'');
  }
  if (out.find_first_of(",\"\n\r") == std::string::npos) return out;
  std::string quoted = "\"";
  for (char c : out) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

void print_csv(const Json& report, const std::vector<std::string>& by) {
  std::string head;
  for (const std::string& name : by) head += name + ",";
  for (const char* name : kColumns) head += std::string(name) + ",";
  std::printf("%scost_usd,estimated_cost_usd\n", head.c_str());
  for (const Json& row : cost_items_of(report, "data")) {
    std::string line;
    for (const std::string& name : by) line += csv_cell(member(row, name)) + ",";
    for (const char* name : kColumns) line += number_of(row, name) + ",";
    line += member(row, "cost_usd") + "," + member(row, "estimated_cost_usd");
    std::printf("%s\n", line.c_str());
  }
}

void print_cost(const Json& report, const std::vector<std::string>& by) {
  std::vector<std::string> head;
  for (const std::string& name : by) {
    std::string upper = name;
    for (char& c : upper) c = static_cast<char>(std::toupper(c));
    head.push_back(std::move(upper));
  }
  for (const char* name : {"CALLS", "INPUT", "CACHED", "OUTPUT", "COST", "OF IT ESTIMATED"}) {
    head.emplace_back(name);
  }
  Table table(head);
  int64_t unpriced = 0, lost = 0;
  for (const Json& row : cost_items_of(report, "data")) {
    std::vector<std::string> cells;
    for (const std::string& name : by) {
      std::string text = member(row, name);
      cells.push_back(text.empty() ? "–" : cell(text, 40));
    }
    const int64_t calls = row.get_int("calls").value_or(0) + row.get_int("failed").value_or(0);
    cells.push_back(std::to_string(calls));
    cells.push_back(number_of(row, "input_tokens"));
    cells.push_back(number_of(row, "cache_read_tokens"));
    cells.push_back(number_of(row, "output_tokens"));
    cells.push_back(cost_dollars(row, "cost_usd"));
    const std::string estimated = number_of(row, "estimated");
    cells.push_back(
        estimated == "0" ? "–" : cost_dollars(row, "estimated_cost_usd") + " (" + estimated + ")");
    table.add(std::move(cells));
    unpriced += row.get_int("unpriced").value_or(0);
    lost += row.get_int("lost").value_or(0);
  }
  if (table.empty()) {
    std::printf("nothing was used\n");
    return;
  }
  table.print();
  if (unpriced > 0) {
    std::printf("\n%lld calls have no known price: give their endpoints one (docs/money.md)\n",
                static_cast<long long>(unpriced));
  }
  if (lost > 0) {
    std::printf(
        "\n%lld calls were in flight when a server was killed, booked at most: "
        "`drover cost import` corrects them\n",
        static_cast<long long>(lost));
  }
}

int run_cost(const Arguments& a) {
  auto client = ApiClient::connect(a, Need::kRead);
  if (!client) return complain(client.error());
  std::vector<std::string> by = split(a.get("by"));
  auto report = (*client)->call("GET", "/v1/cost?by=" + url_part(a.get("by")) + filters(a));
  if (!report) return complain(report.error());
  if (a.has("json")) {
    print_json(*report);
  } else if (a.has("csv")) {
    print_csv(*report, by);
  } else {
    print_cost(*report, by);
  }
  return kExitOk;
}

// --- drover cost calls ---

std::string marks_of(const Json& call) {
  std::string out;
  if (!call.get_bool("ok").value_or(true)) out = "failed";
  for (const char* mark : {"estimated", "lost", "corrected"}) {
    if (call.get_bool(mark).value_or(false)) out += (out.empty() ? "" : ", ") + std::string(mark);
  }
  return out;
}

void print_calls(const Json::Array& calls) {
  Table table(
      {"TIME (UTC)", "ENDPOINT", "MODEL", "TIER", "INPUT", "OUTPUT", "COST", "REQUEST", ""});
  for (const Json& call : calls) {
    const Json* usage = call.find("usage");
    const Json none = Json::object();
    const Json& u = usage == nullptr ? none : *usage;
    std::string request = member(call, "request_id");
    if (request.empty()) request = member(call, "idempotency_key");
    const std::string tier = member(call, "service_tier");
    table.add({short_time(member(call, "at")), cell(member(call, "endpoint"), 34),
               cell(member(call, "model"), 24), tier.empty() ? "–" : cell(tier, 10),
               number_of(u, "input_tokens"), number_of(u, "output_tokens"),
               call.find("cost_usd") == nullptr ? "–" : cost_dollars(call, "cost_usd"),
               cell(request, 40), marks_of(call)});
  }
  table.print();
}

int run_calls(const Arguments& a) {
  auto client = ApiClient::connect(a, Need::kRead);
  if (!client) return complain(client.error());
  std::string target = "/v1/cost/calls?limit=" + url_part(a.get("limit")) + filters(a);
  if (a.has("estimated")) target += "&estimated=true";
  auto list = (*client)->call("GET", std::move(target));
  if (!list) return complain(list.error());
  if (a.has("json")) {
    print_json(*list);
    return kExitOk;
  }
  print_calls(cost_items_of(*list, "data"));
  if (list->get_bool("has_more").value_or(false)) std::fprintf(stderr, "there are more: --limit\n");
  return kExitOk;
}

}  // namespace

Command cost_command() {
  return client_command(
      "cost", "Show what was used and what it cost, by any dimension",
      "Sums of the ledger, exact: by some of day, tenant, key, agent, session, tree, model,\n"
      "endpoint, provider, region and tier (the service tier that the provider says it served;\n"
      "it sets the price, docs/classes.md). Input holds what was cached; a cost that rests on "
      "estimates\n"
      "says how much of it. docs/money.md says what you can rely on.\n"
      "Examples:\n"
      "  drover cost\n"
      "  drover cost --by key,model --from 2026-11-01\n"
      "  drover cost --by tier,endpoint\n"
      "  drover cost --by day,provider --csv > november.csv",
      {},
      filter_flags({{"--by", "LIST", "what to group by", "day,model"},
                    {"--csv", "", "comma-separated, all token classes", ""}}),
      run_cost);
}

Command cost_calls_command() {
  return client_command(
      "cost calls", "List single calls of the ledger, newest first",
      "Examples:\n"
      "  drover cost calls --estimated          those whose tokens are our estimate\n"
      "  drover cost calls --session ses_01KAR… --json",
      {},
      filter_flags(
          {{"--estimated", "", "only estimates", ""}, {"--limit", "N", "how many", "100"}}),
      run_calls);
}

}  // namespace drover::app
