// drover agent deploy|ls|show|pin|drain|move.

#include <cstdio>

#include "app/api_client.h"
#include "app/commands.h"
#include "app/files.h"
#include "app/output.h"

namespace drover::app {
namespace {

std::string agent_path_of(const Arguments& a) { return "/v1/agents/" + url_part(a.get("AGENT")); }

std::string current_text(const Json& answer) {
  std::string current = member(answer, "current");
  return current.empty() ? "none takes new sessions" : "new sessions get " + current;
}

int run_deploy(const Arguments& a) {
  auto spec = read_agent_file(a.get("FILE"), read_small_file);
  if (!spec) {
    auto wrong = usage_error(spec.error().message);
    return complain(wrong.value());
  }
  auto client = ApiClient::connect(a, Need::kRun);
  if (!client) return complain(client.error());
  auto done = (*client)->call("POST", "/v1/agents", spec->to_json());
  if (!done) return complain(done.error());
  if (a.has("json")) {
    print_json(*done);
    return kExitOk;
  }
  bool fresh = done->get_bool("created").value_or(false);
  std::printf("%s@%s %s; %s\n", member(*done, "name").c_str(), member(*done, "version").c_str(),
              fresh ? "is deployed" : "was there already", current_text(*done).c_str());
  return kExitOk;
}

std::string state_of(const Json& agent, const Json& version) {
  std::string name = member(version, "version");
  std::string out = version.get_bool("draining").value_or(false) ? "draining" : "";
  auto add = [&](const char* word) { out += (out.empty() ? "" : ", ") + std::string(word); };
  if (member(agent, "current") == name) add("current");
  if (member(agent, "pinned") == name) add("pinned");
  if (version.get_bool("configured").value_or(false)) add("configured");
  return out;
}

void add_versions(Table& table, const Json& agent) {
  const Json* versions = agent.find("versions");
  if (versions == nullptr || versions->array_items() == nullptr) return;
  for (const Json& v : *versions->array_items()) {
    table.add({cell(member(agent, "name"), 40), cell(member(v, "version"), 40), state_of(agent, v),
               member(v, "sessions_open"), short_time(member(v, "deployed"))});
  }
}

Table version_table() {
  return Table({"AGENT", "VERSION", "STATE", "OPEN SESSIONS", "DEPLOYED (UTC)"});
}

int run_agent_ls(const Arguments& a) {
  auto client = ApiClient::connect(a, Need::kRead);
  if (!client) return complain(client.error());
  auto list = (*client)->call("GET", "/v1/agents");
  if (!list) return complain(list.error());
  if (a.has("json")) {
    print_json(*list);
    return kExitOk;
  }
  Table table = version_table();
  if (const Json* data = list->find("data"); data != nullptr && data->array_items() != nullptr) {
    for (const Json& agent : *data->array_items()) add_versions(table, agent);
  }
  table.print();
  return kExitOk;
}

int run_agent_show(const Arguments& a) {
  auto client = ApiClient::connect(a, Need::kRead);
  if (!client) return complain(client.error());
  std::string target = agent_path_of(a);
  if (a.has("version")) target += "?version=" + url_part(a.get("version"));
  auto agent = (*client)->call("GET", std::move(target));
  if (!agent) return complain(agent.error());
  if (a.has("json")) {
    print_json(*agent);
    return kExitOk;
  }
  Table table = version_table();
  add_versions(table, *agent);
  table.print();
  if (const Json* description = agent->find("description")) {
    std::printf("\n%s\n", printable(description->pretty()).c_str());
  }
  return kExitOk;
}

int run_pin(const Arguments& a) {
  std::string version = a.get("VERSION");
  if (version.empty() == !a.has("none")) {
    auto wrong = usage_error("name a version, or --none");
    return complain(wrong.value());
  }
  auto client = ApiClient::connect(a, Need::kWrite);
  if (!client) return complain(client.error());
  Json body = Json::object().set("version", version.empty() ? Json() : Json(version));
  auto agent = (*client)->call("POST", agent_path_of(a) + "/pin", std::move(body));
  if (!agent) return complain(agent.error());
  if (a.has("json")) {
    print_json(*agent);
  } else {
    std::printf("%s: %s\n", a.get("AGENT").c_str(), current_text(*agent).c_str());
  }
  return kExitOk;
}

int run_drain(const Arguments& a) {
  auto client = ApiClient::connect(a, Need::kWrite);
  if (!client) return complain(client.error());
  bool draining = !a.has("stop");
  Json body = Json::object().set("version", a.get("VERSION")).set("draining", draining);
  auto done = (*client)->call("POST", agent_path_of(a) + "/drain", std::move(body));
  if (!done) return complain(done.error());
  if (a.has("json")) {
    print_json(*done);
    return kExitOk;
  }
  std::printf("%s@%s %s; %s open sessions; %s\n", a.get("AGENT").c_str(), a.get("VERSION").c_str(),
              draining ? "takes no new sessions" : "is in use again",
              member(*done, "sessions_open").c_str(), current_text(*done).c_str());
  return kExitOk;
}

int move_one(const Arguments& a, ApiClient& client) {
  Json body = Json::object();
  if (a.has("to")) body.set("version", a.get("to"));
  if (a.has("why")) body.set("explanation", a.get("why"));
  auto done =
      client.call("POST", "/v1/sessions/" + url_part(a.get("session")) + "/move", std::move(body));
  if (!done) return complain(done.error());
  if (a.has("json")) {
    print_json(*done);
    return kExitOk;
  }
  bool moved = done->get_bool("moved").value_or(false);
  std::printf("%s: version %s%s%s\n", a.get("session").c_str(), member(*done, "from").c_str(),
              moved ? " → " : " is that already", moved ? member(*done, "to").c_str() : "");
  return kExitOk;
}

int move_all(const Arguments& a, ApiClient& client) {
  Json body = Json::object().set("from", a.get("from"));
  if (a.has("to")) body.set("to", a.get("to"));
  if (a.has("why")) body.set("explanation", a.get("why"));
  auto done = client.call("POST", agent_path_of(a) + "/move", std::move(body));
  if (!done) return complain(done.error());
  const Json* failed = done->find("failed");
  bool all =
      failed == nullptr || failed->array_items() == nullptr || failed->array_items()->empty();
  if (a.has("json")) {
    print_json(*done);
    return all ? kExitOk : kExitFailed;
  }
  std::printf("%s sessions: version %s → %s\n", member(*done, "moved").c_str(),
              member(*done, "from").c_str(), member(*done, "to").c_str());
  if (all) return kExitOk;
  for (const Json& f : *failed->array_items()) {
    std::fprintf(stderr, "%s is not moved: %s\n", member(f, "id").c_str(),
                 one_line(member(f, "error"), 200).c_str());
  }
  return kExitFailed;
}

int run_move(const Arguments& a) {
  if (a.has("session") == a.has("from")) {
    return complain(
        usage_error("name one --session, or the version --from which all move").value());
  }
  auto client = ApiClient::connect(a, Need::kRun);
  if (!client) return complain(client.error());
  return a.has("session") ? move_one(a, **client) : move_all(a, **client);
}

Positional agent() { return {"AGENT", "the agent's name", true, false}; }

}  // namespace

Command agent_deploy_command() {
  return client_command(
      "agent deploy", "Add a version of an agent; sessions that run keep theirs",
      "A version never changes: the same file again is the same version. Without `version`\n"
      "in the file it is a hash of the rest.\n"
      "Example: drover agent deploy agents/support.yaml",
      {{"FILE", "the agent's description, YAML or JSON", true, false}}, {}, run_deploy);
}

Command agent_ls_command() {
  return client_command("agent ls",
                        "List agents and their versions, with how many sessions run each",
                        "Example: drover agent ls --json", {}, {}, run_agent_ls);
}

Command agent_show_command() {
  return client_command(
      "agent show", "Show an agent: its versions and the description of one",
      "Example: drover agent show support --version 3", {agent()},
      {{"--version", "VERSION", "this one's description; default: the current", ""}},
      run_agent_show);
}

Command agent_pin_command() {
  return client_command("agent pin", "Give new sessions this version until told otherwise",
                        "Without a pin new sessions get the newest version that is not draining.\n"
                        "Examples:\n"
                        "  drover agent pin support 2\n"
                        "  drover agent pin support --none",
                        {agent(), {"VERSION", "the version", false, false}},
                        {{"--none", "", "take the pin away", ""}}, run_pin);
}

Command agent_move_command() {
  return client_command("agent move", "Let running sessions go on with another version",
                        "Examples:\n"
                        "  drover agent move support --from 2 --to 3 --why 'a fix'\n"
                        "  drover agent move support --session ses_01KAR… --to 3",
                        {agent()},
                        {{"--from", "VERSION", "all open sessions of this version", ""},
                         {"--session", "SESSION", "this session alone", ""},
                         {"--to", "VERSION", "default: what new sessions get", ""},
                         {"--why", "TEXT", "why; goes into the journals", ""}},
                        run_move);
}

Command agent_drain_command() {
  return client_command("agent drain",
                        "Take a version out of use for new sessions; say how many are left",
                        "Examples:\n"
                        "  drover agent drain support 2\n"
                        "  drover agent drain support 2 --stop      back into use",
                        {agent(), {"VERSION", "the version", true, false}},
                        {{"--stop", "", "take it back into use", ""}}, run_drain);
}

}  // namespace drover::app
