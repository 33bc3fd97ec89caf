// drover cost import and reconcile: the ledger against what a provider says it billed.

#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>

#include "app/api_client.h"
#include "app/commands.h"
#include "app/output.h"
#include "base/bytes.h"
#include "base/money.h"

namespace drover::app {
namespace {

/// A file, "-", or the control URL of a simulated cloud.
Result<std::string> read_source(ApiClient& client, const std::string& name) {
  if (name.starts_with("http://") || name.starts_with("https://")) {
    const bool bare = name.find("/_sim/") == std::string::npos;
    return client.fetch_url(bare ? name + "/_sim/state?log=1000000" : name);
  }
  std::ostringstream text;
  if (name == "-") {
    text << std::cin.rdbuf();
    return text.str();
  }
  std::ifstream in(name, std::ios::binary);
  if (!in) return fail(Code::kNotFound, name + ": cannot be read");
  text << in.rdbuf();
  return text.str();
}

std::string bill_dollars(const Json& object, std::string_view name) {
  Result<Money> money = Money::parse_usd(object.get_string(name).value_or("0"));
  return money ? money->pretty() : "?";
}

int64_t count_of(const Json& answer, std::string_view group) {
  const Json* list = answer.find(group);
  return list == nullptr ? 0 : list->get_int("count").value_or(0);
}

struct Group {
  const char* name;
  const char* title;
  bool listed;  // one by one
};
constexpr Group kGroups[] = {
    {"corrected", "estimates that the bill corrects", false},
    {"added", "billed, and not booked", false},
    {"different", "with usage, and billed otherwise", true},
    {"unknown", "billed, and never sent from here", true},
    {"unbilled", "booked with usage, and not in the bill", true},
    {"estimated", "estimates that the bill does not tell of", true},
};

void print_group(const Json& answer, const Group& group, size_t most) {
  const Json* list = answer.find(group.name);
  const Json* calls = list == nullptr ? nullptr : list->find("calls");
  if (!group.listed || calls == nullptr || calls->array_items() == nullptr) return;
  const Json::Array& items = *calls->array_items();
  if (items.empty()) return;
  std::printf("\n%s:\n", group.title);
  Table table({"TIME (UTC)", "ENDPOINT", "REQUEST", "BOOKED", "BILLED"});
  auto tokens = [](const Json* usage) -> std::string {
    if (usage == nullptr) return "–";
    return std::to_string(usage->get_int("input_tokens").value_or(0)) + " + " +
           std::to_string(usage->get_int("output_tokens").value_or(0));
  };
  for (size_t i = 0; i < std::min(items.size(), most); ++i) {
    const Json& call = items[i];
    const Json* billed = call.find("billed");
    std::string request = member(call, "request_id");
    if (request.empty() && billed != nullptr) request = member(*billed, "request_id");
    if (request.empty()) request = member(call, "idempotency_key");
    table.add({short_time(member(call, "at")), one_line(member(call, "endpoint"), 34),
               one_line(request, 44), tokens(call.find("usage")),
               tokens(billed == nullptr ? nullptr : billed->find("usage"))});
  }
  table.print();
  if (items.size() > most) std::printf("… and %zu more (--json)\n", items.size() - most);
}

void print_answer(const Json& answer) {
  Table table({"", "CALLS", "TOKENS BOOKED", "BILLED", "USD BOOKED", "BILLED"});
  table.add(
      {"agree to the token", std::to_string(answer.get_int("agreed").value_or(0)), "", "", "", ""});
  for (const Group& group : kGroups) {
    if (count_of(answer, group.name) == 0) continue;
    const Json& list = *answer.find(group.name);
    table.add({group.title, std::to_string(count_of(answer, group.name)),
               std::to_string(list.get_int("booked_tokens").value_or(0)),
               std::to_string(list.get_int("billed_tokens").value_or(0)),
               bill_dollars(list, "booked_usd"), bill_dollars(list, "billed_usd")});
  }
  table.print();
  for (const Group& group : kGroups) print_group(answer, group, 20);
  const int64_t applied = answer.get_int("applied").value_or(0);
  if (applied > 0) std::printf("\n%lld calls were corrected\n", static_cast<long long>(applied));
}

std::string scope_of(const Arguments& a) {
  std::string out;
  for (const char* name : {"provider", "endpoint", "from", "to"}) {
    if (a.has(name)) out += "&" + std::string(name) + "=" + url_part(a.get(name));
  }
  if (a.has("complete")) out += "&complete=true";
  return out;
}

int finish(const Arguments& a, const Json& answer) {
  if (a.has("json")) {
    print_json(answer);
  } else {
    print_answer(answer);
  }
  return answer.get_bool("exact").value_or(false) ? kExitOk : kExitFailed;
}

int run_bill_import(const Arguments& a) {
  auto client = ApiClient::connect(a, Need::kWrite);
  if (!client) return complain(client.error());
  auto text = read_source(**client, a.get("FILE"));
  if (!text) return complain(text.error());
  const char* apply = a.has("dry-run") ? "none" : a.has("all") ? "all" : "estimates";
  auto answer = (*client)->fetch("POST", "/v1/cost/bill?apply=" + std::string(apply) + scope_of(a),
                                 "application/json", std::move(*text), "text/plain");
  if (!answer) return complain(answer.error());
  auto json = Json::parse(*answer);
  if (!json) return complain(json.error());
  return finish(a, *json);
}

/// The rows of all of them together: what is in none was billed by nobody.
Result<std::string> all_rows(ApiClient& client, const std::vector<std::string>& sources) {
  if (sources.size() == 1) return read_source(client, sources.front());
  std::string out = "{\"rows\":[";
  for (const std::string& source : sources) {
    TRY(std::string text, read_source(client, source));
    TRY(Json json, Json::parse(text));
    const Json* list = json.find("log");
    if (list == nullptr) list = json.find("rows");
    if (list == nullptr) list = &json;
    if (list->array_items() == nullptr) {
      return fail(Code::kInvalidArgument, source + " is no list of calls in JSON");
    }
    for (const Json& item : *list->array_items()) {
      if (out.back() != '[') out += ',';
      item.dump_to(out);
    }
  }
  return out + "]}";
}

int run_reconcile(const Arguments& a) {
  auto client = ApiClient::connect(a, Need::kWrite);
  if (!client) return complain(client.error());
  auto text = all_rows(**client, a.all("SOURCE"));
  if (!text) return complain(text.error());
  const char* apply = a.has("correct") ? "estimates" : "none";
  auto answer = (*client)->fetch("POST", "/v1/cost/bill?apply=" + std::string(apply) + scope_of(a),
                                 "application/json", std::move(*text), "application/json");
  if (!answer) return complain(answer.error());
  auto json = Json::parse(*answer);
  if (!json) return complain(json.error());
  return finish(a, *json);
}

std::vector<Flag> scope_flags(std::vector<Flag> own) {
  std::vector<Flag> more = {
      {"--provider", "NAME", "the bill is this provider's alone", ""},
      {"--endpoint", "ID", "the bill is this endpoint's alone, or those that begin with it", ""},
      {"--from", "TIME", "the bill begins here: a day, or RFC 3339", ""},
      {"--to", "TIME", "and ends here", ""},
      {"--complete", "", "the bill is whole: an estimate that is not in it was not billed", ""}};
  own.insert(own.end(), more.begin(), more.end());
  return client_flags(std::move(own));
}

}  // namespace

Command cost_import_command() {
  Command c;
  c.name = "cost import";
  c.summary = "Correct estimates by a provider's bill, and list what differs";
  c.details =
      "The bill: CSV with a head line, JSON Lines or JSON. Columns: request_id, idempotency_key,\n"
      "time, provider, endpoint, region, model, input_tokens, output_tokens, cache_read_tokens,\n"
      "cache_write_tokens, reasoning_tokens, service_tier, cost_usd; others are left out. State\n"
      "what it is the bill of, so that calls of other providers are not taken for unbilled ones.\n"
      "Exit code 1 if a call with usage differs, is unknown here or is not in the bill.\n"
      "Examples:\n"
      "  drover cost import november.csv --provider openai --from 2026-11-01 --to 2026-11-30\n"
      "  drover cost import bill.json --dry-run";
  c.positionals = {{"FILE", "the bill; - for standard input", true, false}};
  c.flags = scope_flags({{"--dry-run", "", "compare, change nothing", ""},
                         {"--all", "", "also change calls whose usage the provider told", ""}});
  c.run = run_bill_import;
  return c;
}

Command cost_reconcile_command() {
  Command c;
  c.name = "cost reconcile";
  c.summary = "Compare the ledger with the books of clouds, to the token";
  c.details =
      "A source is a bill as `drover cost import` reads it, or the control URL of a simulated\n"
      "cloud (`drover sim` prints them). Several are taken together. Changes nothing unless "
      "asked.\n"
      "Exit code 1 if a call with usage differs, is unknown here or stands in no source.\n"
      "Example: drover cost reconcile http://127.0.0.1:9101 http://127.0.0.1:9201";
  c.positionals = {{"SOURCE", "a file, -, or a URL", true, true}};
  c.flags = scope_flags({{"--correct", "", "correct estimates", ""}});
  c.run = run_reconcile;
  return c;
}

}  // namespace drover::app
