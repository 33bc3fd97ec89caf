// drover memory get|put|ls|search|rm: what agents remember.

#include <cstdio>

#include "app/api_client.h"
#include "app/commands.h"
#include "app/output.h"
#include "base/bytes.h"

namespace drover::app {
namespace {

constexpr size_t kMemoryTextShown = 80;

std::string memory_path_of(const Arguments& a) {
  return "/v1/memory/" + url_part(a.get("NAMESPACE"));
}
std::string record_path(const Arguments& a) {
  return memory_path_of(a) + "/" + url_part(a.get("KEY"));
}

/// One call, and what to do with its answer.
int with_answer(const Arguments& arguments, Need need, std::string method, std::string target,
                std::optional<Json> body, void (*show)(const Json&)) {
  auto client = ApiClient::connect(arguments, need);
  if (!client) return complain(client.error());
  auto answer = (*client)->call(std::move(method), std::move(target), std::move(body));
  if (!answer) return complain(answer.error());
  if (arguments.has("json")) {
    print_json(*answer);
  } else {
    show(*answer);
  }
  return kExitOk;
}

void show_record(const Json& record) {
  std::string text = member(record, "text");
  if (!text.empty()) std::printf("%s\n", printable(text).c_str());
  if (const Json* value = record.find("value")) std::printf("%s\n", value->pretty().c_str());
}

void show_records(const Json& list) {
  const Json* data = list.find("data");
  if (data == nullptr || data->array_items() == nullptr) return;
  bool scored = false;
  bool ends = false;
  for (const Json& r : *data->array_items()) {
    scored = scored || r.find("score") != nullptr;
    ends = ends || r.find("expires") != nullptr;
  }
  std::vector<std::string> heads = {"KEY", "VERSION", "UPDATED (UTC)"};
  if (scored) heads.insert(heads.begin(), "SCORE");
  if (ends) heads.push_back("KEPT UNTIL");
  heads.push_back("TEXT");
  Table table(std::move(heads));
  for (const Json& r : *data->array_items()) {
    std::string text = member(r, "text");
    if (const Json* value = r.find("value"); text.empty() && value != nullptr) text = value->dump();
    std::vector<std::string> row = {cell(member(r, "key"), kMemoryTextShown), member(r, "version"),
                                    short_time(member(r, "updated"))};
    char score[32];
    std::snprintf(score, sizeof(score), "%.3f", r.get_number("score").value_or(0));
    if (scored) row.insert(row.begin(), score);
    if (ends) row.push_back(short_time(member(r, "expires")));
    row.push_back(cell(text, kMemoryTextShown));
    table.add(std::move(row));
  }
  table.print();
}

int run_get(const Arguments& a) {
  return with_answer(a, Need::kRead, "GET", record_path(a), {}, show_record);
}

int run_put(const Arguments& a) {
  Json body = Json::object();
  if (a.has("TEXT")) body.set("text", a.get("TEXT"));
  if (a.has("value")) {
    auto value = Json::parse(a.get("value"));
    if (!value) {
      return complain(usage_error("--value is no JSON: " + value.error().message).value());
    }
    body.set("value", std::move(*value));
  }
  if (a.has("data-class")) body.set("data_class", a.get("data-class"));
  if (a.has("expect")) {
    Json version(Json::Number{a.get("expect")});
    if (a.get("expect").find_first_not_of("0123456789") != std::string::npos) {
      return complain(usage_error("--expect is a version, such as 3").value());
    }
    body.set("expected_version", std::move(version));
  }
  return with_answer(a, Need::kWrite, "PUT", record_path(a), std::move(body), [](const Json& r) {
    std::printf("%s is at version %s\n", one_line(member(r, "key"), kMemoryTextShown).c_str(),
                member(r, "version").c_str());
  });
}

int run_memory_ls(const Arguments& a) {
  std::string target = memory_path_of(a) + "?limit=" + url_part(a.get("limit"));
  if (a.has("prefix")) target += "&prefix=" + url_part(a.get("prefix"));
  if (a.has("after")) target += "&after=" + url_part(a.get("after"));
  return with_answer(a, Need::kRead, "GET", std::move(target), {}, show_records);
}

int run_search(const Arguments& a) {
  std::string query;
  for (const std::string& word : a.all("QUERY")) query += (query.empty() ? "" : " ") + word;
  Json body = Json::object().set("query", std::move(query));
  body.set("limit", static_cast<int64_t>(std::atoi(a.get("limit").c_str())));
  return with_answer(a, Need::kRead, "POST", memory_path_of(a) + "/search", std::move(body),
                     show_records);
}

int run_rm(const Arguments& a) {
  return with_answer(a, Need::kWrite, "DELETE", record_path(a), {},
                     [](const Json&) { std::printf("removed\n"); });
}

Positional name_space() { return {"NAMESPACE", "such as customers", true, false}; }
Positional key() { return {"KEY", "the record's key", true, false}; }

}  // namespace

Command memory_get_command() {
  return client_command("memory get", "Print a record: its text and its value",
                        "Example: drover memory get customers c-17", {name_space(), key()}, {},
                        run_get);
}

Command memory_put_command() {
  return client_command(
      "memory put", "Write a record",
      "Examples:\n"
      "  drover memory put customers c-17 'Prefers e-mail'\n"
      "  drover memory put customers c-17 --value '{\"tier\": 2}' --expect 3\n"
      "With --expect it is written only over that version (0: only if there is none).",
      {name_space(), key(), {"TEXT", "what search reads", false, false}},
      {{"--value", "JSON", "a JSON value beside the text", ""},
       {"--data-class", "CLASS", "a class's name, or residency=de;sensitivity=…", ""},
       {"--expect", "VERSION", "write only over this version", ""}},
      run_put);
}

Command memory_ls_command() {
  return client_command("memory ls", "List records in the order of their keys",
                        "Example: drover memory ls customers --prefix c-", {name_space()},
                        {{"--prefix", "TEXT", "only keys that begin so", ""},
                         {"--after", "KEY", "only keys behind this one", ""},
                         {"--limit", "N", "how many", "100"}},
                        run_memory_ls);
}

Command memory_search_command() {
  return client_command("memory search", "Find records by words, best first",
                        "Example: drover memory search customers prefers e-mail",
                        {name_space(), {"QUERY", "words, any of which may match", true, true}},
                        {{"--limit", "N", "how many", "10"}}, run_search);
}

Command memory_rm_command() {
  return client_command("memory rm", "Remove a record", "Example: drover memory rm customers c-17",
                        {name_space(), key()}, {}, run_rm);
}

}  // namespace drover::app
