// drover place: where an agent's or a session's data may go, and why not elsewhere.

#include <cstdio>

#include "app/api_client.h"
#include "app/commands.h"
#include "app/files.h"
#include "app/output.h"
#include "app/session_text.h"
#include "base/yaml.h"

namespace drover::app {
namespace {

const Json::Array& items(const Json& object, std::string_view name) {
  static const Json::Array kNone;
  const Json* list = object.find(name);
  return list != nullptr && list->array_items() != nullptr ? *list->array_items() : kNone;
}

std::string number_text(const Json& object, std::string_view name, const char* format) {
  char out[64];
  std::snprintf(out, sizeof out, format, object.get_number(name).value_or(0));
  return out;
}

void print_ranked(const Json& answer, bool explain) {
  const Json::Array& ranked = items(answer, "ranked");
  if (ranked.empty()) {
    std::printf("%s\n", no_endpoint_text(answer, !explain).c_str());
    return;
  }
  // What a score is made of, by a column each; short, those that are asked for with --explain, and
  // of them those that say something.
  struct Term {
    const char* title;
    const char* name;
    const char* format;
    bool always;
  };
  constexpr Term kTerms[] = {
      {"score", "score", "%.3f", true},
      {"cost $", "cost_usd", "%.6f", true},
      {"moving $", "moving_usd", "%.6f", false},
      {"cached", "cached_share", "%.2f", false},
      {"first token", "first_token_s", "%.3f s", true},
      {"cold start", "cold_start_s", "%.3f s", false},
      {"answer", "answer_s", "%.3f s", false},
      {"moving", "moving_s", "%.3f s", false},
      {"scratch $", "scratch_usd", "%.6f", false},
      {"scratch", "scratch_s", "%.3f s", false},
      {"queue", "queue_s", "%.3f s", false},
      {"load", "load", "%.2f", true},
      {"kg CO2/kWh", "carbon_kg_per_kwh", "%.3f", false},
      {"pool", "pool_steps", "%.0f", false},
  };
  std::vector<const Term*> shown;
  for (const Term& term : kTerms) {
    bool says = term.always;
    for (const Json& r : ranked) {
      says = says || (explain && r.get_number(term.name).value_or(0) != 0);
    }
    if (says) shown.push_back(&term);
  }
  std::vector<std::string> head = {"", "endpoint", "model"};
  for (const Term* term : shown) head.emplace_back(term->title);
  Table table(std::move(head));
  for (size_t i = 0; i < ranked.size(); ++i) {
    const Json& r = ranked[i];
    std::vector<std::string> row = {std::to_string(i + 1), cell(member(r, "endpoint"), 40),
                                    cell(member(r, "model"), 30)};
    for (const Term* term : shown) row.push_back(number_text(r, term->name, term->format));
    table.add(std::move(row));
  }
  table.print();
}

std::string words(const Json& object, std::string_view name) {
  std::string out;
  for (const Json& item : items(object, name)) {
    if (const std::string* word = item.string()) out += (out.empty() ? "" : ", ") + *word;
  }
  return cell(out, 200);
}

/// What the agent's downgrade ladder says of accelerators.
void print_hardware(const Json& answer) {
  const std::string first = words(answer, "hardware_first");
  const std::string reserve = words(answer, "hardware_reserve");
  if (first.empty() && reserve.empty()) return;
  const int64_t level = answer.get_int("downgrade_level").value_or(0);
  std::string text = level == 0 ? "" : "rung " + std::to_string(level) + " of its ladder";
  if (!first.empty()) text += (text.empty() ? "" : "; ") + first + " asked first";
  if (!reserve.empty()) text += (text.empty() ? "" : "; ") + reserve + " kept in reserve";
  std::printf("Hardware: %s\n", text.c_str());
}

void print_rejected(const Json& answer, const char* title) {
  const Json::Array& rejected = items(answer, "rejected");
  if (rejected.empty()) return;
  std::printf("\n");
  Table table({title, "rule", "because"});
  for (const Json& r : rejected) {
    std::string rule = member(r, "rule");
    table.add({cell(member(r, "endpoint"), 40), rule.empty() ? "-" : cell(rule, 24),
               cell(member(r, "reason"), 120)});
  }
  table.print();
}

/// Where the scratch data would lie while each endpoint is used.
void print_scratch_places(const Json& answer) {
  Table table({"with", "scratch data in", "because"});
  for (const Json& r : items(answer, "ranked")) {
    const Json* scratch = r.find("scratch");
    if (scratch == nullptr) continue;
    const std::string store = member(*scratch, "store");
    table.add({cell(member(r, "endpoint"), 40), store.empty() ? "-" : cell(store, 40),
               cell(member(*scratch, "reason"), 160)});
  }
  if (table.empty()) return;
  std::printf("\n");
  table.print();
}

/// Where the session's scratch data went at a step, and why.
std::string scratch_text(const Json& scratch) {
  const std::string store = one_line(member(scratch, "store"), 64);
  std::string out = "in " + store;
  if (std::string from = member(scratch, "from"); !from.empty()) {
    out = "moved from " + one_line(from, 64) + " to " + store + " (" + member(scratch, "records") +
          " records, " + member(scratch, "bytes") + " bytes, " +
          number_text(scratch, "took_us", "%.0f us") + ")";
  }
  if (std::string reason = member(scratch, "reason"); !reason.empty()) out += ": " + reason;
  if (std::string error = member(scratch, "error"); !error.empty()) out += "; " + error;
  return cell(out, 400);
}

void print_last(const Json& answer, bool explain) {
  const Json* last = answer.find("last");
  if (last == nullptr) return;
  const std::string endpoints = words(*last, "endpoints");
  std::printf("\nPlaced at %s (event %s): %s", short_time(member(*last, "time")).c_str(),
              member(*last, "sequence").c_str(), endpoints.empty() ? "nowhere" : endpoints.c_str());
  if (const Json* scratch = last->find("scratch")) {
    std::printf("\nIts scratch data %s", scratch_text(*scratch).c_str());
  }
  std::printf(answer.get_bool("facts_changed").value_or(false)
                  ? "\nThe facts or the rules have changed since.\n"
                  : "\nWith the same facts and rules as now.\n");
  if (explain) print_rejected(*last, "not used then");
}

int run_place(const Arguments& a) {
  if (a.has("SESSION") == (a.has("agent") || a.has("model"))) {
    std::fprintf(stderr, "drover place: name a SESSION, or --agent FILE|NAME, or --model NAME\n");
    return kExitUsage;
  }
  auto client = ApiClient::connect(a, Need::kRun);
  if (!client) return complain(client.error());
  Result<Json> answer;
  if (a.has("SESSION")) {
    std::string target = "/v1/sessions/" + url_part(a.get("SESSION")) + "/placement";
    if (a.has("step")) target += "?sequence=" + url_part(a.get("step"));
    answer = (*client)->call("GET", std::move(target));
  } else {
    Json body = Json::object();
    if (std::string agent = a.get("agent"); !agent.empty()) {
      bool file = agent.ends_with(".yaml") || agent.ends_with(".yml") || agent.ends_with(".json");
      if (file) {
        auto spec = read_agent_file(agent, read_small_file);
        if (!spec) return complain(spec.error());
        body.set("agent", spec->to_json());
      } else {
        body.set("agent", agent);
      }
    }
    if (a.has("model")) {
      Json models = Json::array();
      for (const std::string& model : a.all("model")) models.push(model);
      body.set("models", std::move(models));
    }
    if (a.has("data-class")) body.set("data_class", a.get("data-class"));
    if (a.has("prefer")) body.set("prefer", a.get("prefer"));
    if (a.has("needs")) {
      auto needs = YamlDocument::parse(a.get("needs"));
      if (!needs) return complain(needs.error());
      body.set("needs", needs->root());
    }
    answer = (*client)->call("POST", "/v1/placement", std::move(body));
  }
  if (!answer) return complain(answer.error());
  if (a.has("json")) {
    print_json(*answer);
  } else {
    std::string data = member(*answer, "data_class");
    std::printf("Data: %s\n", data.empty() ? "not classified" : data.c_str());
    if (std::string needs = member(*answer, "needs"); !needs.empty()) {
      std::printf("Needs: %s\n", cell(needs, 200).c_str());
    }
    std::printf("Order: %s\n", member(*answer, "prefer").c_str());
    print_hardware(*answer);
    if (const Json* scratch = answer->find("scratch")) {
      std::printf("Scratch data: in %s, %s records, %s bytes\n",
                  one_line(member(*scratch, "store"), 64).c_str(),
                  member(*scratch, "records").c_str(), member(*scratch, "bytes").c_str());
    }
    std::printf("\n");
    print_ranked(*answer, a.has("explain"));
    if (a.has("explain")) print_scratch_places(*answer);
    if (a.has("explain")) print_rejected(*answer, "not used");
    if (const Json* failure = answer->find("failure")) {
      std::printf("\nIts %s gave no answer: %s\n",
                  member(*failure, "of") == "planner" ? "planner" : "last call",
                  failure_text(*failure).c_str());
    }
    print_last(*answer, a.has("explain"));
    if (const Json* epochs = answer->find("epochs"); epochs != nullptr && a.has("explain")) {
      std::printf("\ncatalog %s, policy %s, health %s\n", member(*epochs, "catalog").c_str(),
                  member(*epochs, "policy").c_str(), member(*epochs, "health").c_str());
    }
  }
  if (!items(*answer, "ranked").empty()) return kExitOk;
  return needs_no_endpoint(*answer) && answer->find("failure") == nullptr ? kExitOk : kExitFailed;
}

}  // namespace

Command place_command() {
  return client_command(
      "place", "Where data may go: the endpoints in the order to try, and why not the others",
      "Hard rules (residency, sensitivity, purpose, retention, isolation, needs, your "
      "requirements) "
      "remove\n"
      "endpoints; soft scores order what is left. With --explain every other endpoint stands "
      "there\n"
      "with the rule that removed it, and each score with what it is made of: the price of tokens\n"
      "and of moving them, expected cache hits, first token, cold start, pace, queue, load, "
      "carbon.\n"
      "Exit code 1 if no endpoint is left of those that are needed.\n\n"
      "  drover place --agent agents/ward.yaml --explain\n"
      "  drover place --model claude-sonnet --data-class 'residency=de;retention=none' --explain\n"
      "  drover place --model gpt-4o --needs '{vision: true, context_tokens: 200000}' --explain\n"
      "  drover place ses_01… --explain        # the next call of a session, and its last "
      "placement\n"
      "  drover place ses_01… --step 17 --explain   # what the placement in event 17 was made from",
      {{"SESSION", "a session: its data class and its agent's models", false, false}},
      {{"--agent", "FILE|NAME", "an agent's file, or the name of one that is configured", "",
        false},
       {"--model", "NAME", "a model, first choice first", "", true},
       {"--data-class", "CLASS", "what the data is: a class's name, or residency=…;…", "", false},
       {"--prefer", "ORDER", "listed, balanced, cheapest, fastest, greenest or spare", "", false},
       {"--step", "SEQUENCE", "of a session: the placement in that event", "", false},
       {"--needs", "NEEDS", "of the step, such as '{vision: true, hardware: h200}'", "", false},
       {"--explain", "", "the rejected endpoints too, each with its rule", "", false}},
      run_place);
}

}  // namespace drover::app
