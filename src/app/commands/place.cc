// drover place: where an agent's or a session's data may go, and why not elsewhere.

#include <cstdio>

#include "app/api_client.h"
#include "app/commands.h"
#include "app/files.h"
#include "app/output.h"
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

void print_ranked(const Json& answer) {
  const Json::Array& ranked = items(answer, "ranked");
  if (ranked.empty()) {
    std::printf("No endpoint may be used.\n");
    return;
  }
  Table table({"", "endpoint", "model", "score", "cost $", "first token", "load"});
  for (size_t i = 0; i < ranked.size(); ++i) {
    const Json& r = ranked[i];
    table.add({std::to_string(i + 1), one_line(member(r, "endpoint"), 40),
               one_line(member(r, "model"), 30), number_text(r, "score", "%.3f"),
               number_text(r, "cost_usd", "%.6f"), number_text(r, "first_token_s", "%.3f s"),
               number_text(r, "load", "%.2f")});
  }
  table.print();
}

void print_rejected(const Json& answer, const char* title) {
  const Json::Array& rejected = items(answer, "rejected");
  if (rejected.empty()) return;
  std::printf("\n");
  Table table({title, "rule", "because"});
  for (const Json& r : rejected) {
    std::string rule = member(r, "rule");
    table.add({one_line(member(r, "endpoint"), 40), rule.empty() ? "-" : one_line(rule, 24),
               one_line(member(r, "reason"), 120)});
  }
  table.print();
}

void print_last(const Json& answer, bool explain) {
  const Json* last = answer.find("last");
  if (last == nullptr) return;
  std::string endpoints;
  for (const Json& e : items(*last, "endpoints")) {
    if (const std::string* id = e.string()) endpoints += (endpoints.empty() ? "" : ", ") + *id;
  }
  std::printf("\nPlaced at %s (event %s): %s", short_time(member(*last, "time")).c_str(),
              member(*last, "sequence").c_str(),
              endpoints.empty() ? "nowhere" : one_line(endpoints, 200).c_str());
  std::printf(answer.get_bool("facts_changed").value_or(false)
                  ? "\nThe facts or the rules have changed since.\n"
                  : "\nWith the same facts and rules as now.\n");
  if (explain) print_rejected(*last, "not used then");
}

int run(const Arguments& a) {
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
      std::printf("Needs: %s\n", one_line(needs, 200).c_str());
    }
    std::printf("Order: %s\n\n", member(*answer, "prefer").c_str());
    print_ranked(*answer);
    if (a.has("explain")) print_rejected(*answer, "not used");
    print_last(*answer, a.has("explain"));
    if (const Json* epochs = answer->find("epochs"); epochs != nullptr && a.has("explain")) {
      std::printf("\ncatalog %s, policy %s, health %s\n", member(*epochs, "catalog").c_str(),
                  member(*epochs, "policy").c_str(), member(*epochs, "health").c_str());
    }
  }
  return items(*answer, "ranked").empty() ? kExitFailed : kExitOk;
}

}  // namespace

Command place_command() {
  Command c;
  c.name = "place";
  c.summary = "Where data may go: the endpoints in the order to try, and why not the others";
  c.details =
      "Hard rules (residency, sensitivity, purpose, retention, isolation, needs, your "
      "requirements) "
      "remove\n"
      "endpoints; soft scores order what is left. With --explain every other endpoint stands "
      "there\n"
      "with the rule that removed it. Exit code 1 if no endpoint is left.\n\n"
      "  drover place --agent agents/ward.yaml --explain\n"
      "  drover place --model claude-sonnet --data-class 'residency=de;retention=none' --explain\n"
      "  drover place --model gpt-4o --needs '{vision: true, context_tokens: 200000}' --explain\n"
      "  drover place ses_01… --explain        # the next call of a session, and its last "
      "placement\n"
      "  drover place ses_01… --step 17 --explain   # what the placement in event 17 was made from";
  Positional session;
  session.name = "SESSION";
  session.help = "a session: its data class and its agent's models";
  session.required = false;
  c.positionals.push_back(session);
  c.flags = client_flags(
      {{"--agent", "FILE|NAME", "an agent's file, or the name of one that is configured", "",
        false},
       {"--model", "NAME", "a model, first choice first", "", true},
       {"--data-class", "CLASS", "what the data is: a class's name, or residency=…;…", "", false},
       {"--prefer", "ORDER", "listed, balanced, cheapest, fastest, greenest or spare", "", false},
       {"--step", "SEQUENCE", "of a session: the placement in that event", "", false},
       {"--needs", "NEEDS", "of the step, such as '{vision: true, hardware: h200}'", "", false},
       {"--explain", "", "the rejected endpoints too, each with its rule", "", false}});
  c.run = run;
  return c;
}

}  // namespace drover::app
