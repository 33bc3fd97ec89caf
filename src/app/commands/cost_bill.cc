// drover cost import and reconcile: the ledger against what a provider says it billed.

#include <algorithm>
#include <cstdio>

#include "app/api_client.h"
#include "app/commands.h"
#include "app/files.h"
#include "app/output.h"
#include "base/money.h"
#include "trace/bill.h"

namespace drover::app {
namespace {

/// A file, "-", or the control URL of a simulated cloud.
Result<std::string> read_source(ApiClient& client, const std::string& name) {
  if (name.starts_with("http://") || name.starts_with("https://")) {
    // As `drover sim` prints it, with or without the path: all of its books.
    const bool bare = name.find("/_sim/") == std::string::npos;
    const std::string state = bare ? name + "/_sim/state" : name;
    return client.fetch_url(state.ends_with("/_sim/state") ? state + "?log=1000000" : state);
  }
  return read_input(name);
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
    table.add({short_time(member(call, "at")), cell(member(call, "endpoint"), 34),
               cell(request, 44), tokens(call.find("usage")),
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
  if (applied == 1) std::printf("\n1 call was corrected\n");
  if (applied > 1) std::printf("\n%lld calls were corrected\n", static_cast<long long>(applied));
}

/// `providers`: whose the bill is if no flag says it.
std::string scope_of(const Arguments& a, const std::string& providers) {
  std::string out;
  if (!a.has("provider") && !providers.empty()) out = "&provider=" + url_part(providers);
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

/// Holds a bill against the ledger.
Result<Json> hold_against(ApiClient& client, std::string_view apply, const std::string& scope,
                          std::string bill) {
  std::string target = "/v1/cost/bill?apply=" + std::string(apply) + scope;
  TRY(std::string answer,
      client.fetch("POST", std::move(target), "application/json", std::move(bill), "text/plain"));
  return Json::parse(answer);
}

int run_bill_import(const Arguments& a) {
  auto client = ApiClient::connect(a, Need::kBooks);
  if (!client) return complain(client.error());
  auto text = read_source(**client, a.get("FILE"));
  if (!text) return complain(text.error());
  const char* apply = a.has("dry-run") ? "none" : a.has("all") ? "all" : "estimates";
  auto answer = hold_against(**client, apply, scope_of(a, ""), std::move(*text));
  return answer ? finish(a, *answer) : complain(answer.error());
}

/// Where a bill comes from, and whose it is: "[PROVIDER=]SOURCE".
struct Source {
  std::string provider, place;
};
Source source_of(const std::string& text) {
  const size_t equals = text.find('=');
  const size_t name = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-");
  if (equals == 0 || equals == std::string::npos || name != equals) return {"", text};
  return {text.substr(0, equals), text.substr(equals + 1)};
}

/// The rows of all of them together: what is in none was billed by nobody.
Result<std::vector<trace::BillRow>> all_rows(ApiClient& client,
                                             const std::vector<Source>& sources) {
  std::vector<trace::BillRow> out;
  for (const Source& source : sources) {
    TRY(std::string text, read_source(client, source.place));
    auto rows = trace::read_bill(text);
    if (!rows) return fail(std::move(rows).error().note("in " + source.place));
    for (trace::BillRow& row : *rows) {
      if (row.provider.empty()) row.provider = source.provider;
      out.push_back(std::move(row));
    }
  }
  return out;
}

/// Several clouds' rows under one key: which is whose?
bool ambiguous(const std::vector<Source>& sources, const std::vector<trace::BillRow>& rows) {
  auto nameless = [](const trace::BillRow& row) {
    return row.provider.empty() && row.endpoint.empty();
  };
  return sources.size() > 1 && std::any_of(rows.begin(), rows.end(), nameless);
}

int run_reconcile(const Arguments& a) {
  std::vector<Source> sources;
  std::string providers;
  bool all_named = true;
  for (const std::string& text : a.all("SOURCE")) {
    sources.push_back(source_of(text));
    const std::string& provider = sources.back().provider;
    all_named = all_named && !provider.empty();
    providers += (providers.empty() ? "" : ",") + provider;
  }
  auto client = ApiClient::connect(a, Need::kBooks);
  if (!client) return complain(client.error());
  auto rows = all_rows(**client, sources);
  if (!rows) return complain(rows.error());
  if (ambiguous(sources, *rows)) {
    std::fprintf(
        stderr,
        "drover: the sources do not say whose they are, so a call that was sent to several\n"
        "providers may be held against the wrong one: write PROVIDER=SOURCE\n");
  }
  const char* apply = a.has("correct") ? "estimates" : "none";
  const std::string scope = scope_of(a, all_named ? providers : "");
  auto answer = hold_against(**client, apply, scope, trace::write_bill(*rows));
  return answer ? finish(a, *answer) : complain(answer.error());
}

std::vector<Flag> scope_flags(std::vector<Flag> own) {
  std::vector<Flag> more = {
      {"--provider", "LIST", "the bill is this provider's alone, or these providers'", ""},
      {"--endpoint", "ID", "the bill is this endpoint's alone, or those that begin with it", ""},
      {"--from", "TIME", "the bill begins here: a day, or RFC 3339", ""},
      {"--to", "TIME", "and ends here", ""},
      {"--complete", "",
       "the bill is whole: an estimate that is not in it was not billed; refused while a row is of "
       "no call that is known here",
       ""}};
  own.insert(own.end(), more.begin(), more.end());
  return own;
}

}  // namespace

Command cost_import_command() {
  return client_command(
      "cost import", "Correct estimates by a provider's bill, and list what differs",
      "The bill: CSV with a head line, JSON Lines or JSON, a row for each call. Columns: "
      "request_id,\n"
      "idempotency_key, time, provider, endpoint, region, model, input_tokens, output_tokens,\n"
      "cache_read_tokens, cache_write_tokens, reasoning_tokens, service_tier, cost_usd; others "
      "are\n"
      "left out. A row finds its call by request_id (the provider's) or idempotency_key (ours): a\n"
      "bill of sums by day and model has neither and is refused; compare that with\n"
      "`drover cost --by day,provider,model`. State what it is the bill of, so that calls of "
      "other\n"
      "providers are not taken for unbilled ones.\n"
      "Exit code 1 if a call with usage differs, is unknown here or is not in the bill.\n"
      "Examples:\n"
      "  drover cost import november.csv --provider openai --from 2026-11-01 --to 2026-11-30\n"
      "  drover cost import bill.json --dry-run",
      {{"FILE", "the bill; - for standard input", true, false}},
      scope_flags({{"--dry-run", "", "compare, change nothing", ""},
                   {"--all", "", "also change calls whose usage the provider told", ""}}),
      run_bill_import);
}

Command cost_reconcile_command() {
  return client_command(
      "cost reconcile", "Compare the ledger with the books of clouds, to the token",
      "A source is a bill as `drover cost import` reads it, or the control URL of a simulated\n"
      "cloud (`drover sim` prints them). Several are taken together; write in front of each whose\n"
      "it is, since one call may have been sent to several providers. Changes nothing unless "
      "asked.\n"
      "Exit code 1 if a call with usage differs, is unknown here or stands in no source.\n"
      "Example:\n"
      "  drover cost reconcile aws-bedrock=http://127.0.0.1:9102 azure-openai=november.csv",
      {{"SOURCE", "[PROVIDER=] a file, -, or a URL", true, true}},
      scope_flags({{"--correct", "", "correct estimates", ""}}), run_reconcile);
}

}  // namespace drover::app
