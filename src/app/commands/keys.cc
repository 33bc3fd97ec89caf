// drover key create|ls|revoke and drover tenant create|ls.

#include <cstdio>

#include "app/api_client.h"
#include "app/commands.h"
#include "app/output.h"

namespace drover::app {
namespace {

Json split_list(const std::string& text) {
  Json out = Json::array();
  for (size_t at = 0; at <= text.size();) {
    size_t comma = std::min(text.find(',', at), text.size());
    if (comma > at) out.push(text.substr(at, comma - at));
    at = comma + 1;
  }
  return out;
}

std::string joined(const Json* list) {
  std::string out;
  if (list == nullptr || list->array_items() == nullptr) return out;
  for (const Json& item : *list->array_items()) {
    if (item.string() != nullptr) out += (out.empty() ? "" : ",") + *item.string();
  }
  return out;
}

int run_create(const Arguments& a) {
  auto client = ApiClient::connect(a, Need::kWrite);
  if (!client) return complain(client.error());
  Json body = Json::object().set("label", a.get("label"));
  body.set("scopes", split_list(a.get("scopes")));
  if (a.has("tenant")) body.set("tenant", a.get("tenant"));
  if (a.has("budget")) body.set("budgets", a.get("budget"));
  auto made = (*client)->call("POST", "/v1/keys", std::move(body));
  if (!made) return complain(made.error());
  if (a.has("json")) {
    print_json(*made);
    return kExitOk;
  }
  // The key alone on standard output, so that KEY=$(drover key create …) works.
  std::fprintf(stderr, "%s for tenant %s, scopes %s. The key is shown this once:\n",
               member(*made, "id").c_str(), member(*made, "tenant").c_str(),
               joined(made->find("scopes")).c_str());
  std::printf("%s\n", member(*made, "key").c_str());
  return kExitOk;
}

int run_keys_ls(const Arguments& a) {
  auto client = ApiClient::connect(a, Need::kRead);
  if (!client) return complain(client.error());
  std::string target = "/v1/keys";
  if (a.has("tenant")) target += "?tenant=" + url_part(a.get("tenant"));
  auto list = (*client)->call("GET", std::move(target));
  if (!list) return complain(list.error());
  if (a.has("json")) {
    print_json(*list);
    return kExitOk;
  }
  Table table({"ID", "TENANT", "SCOPES", "CREATED (UTC)", "STATE", "LABEL"});
  for (const Json& key : items_of(*list)) {
    table.add({member(key, "id"), member(key, "tenant"), joined(key.find("scopes")),
               short_time(member(key, "created")),
               key.find("revoked") == nullptr ? "in force" : "revoked",
               cell(member(key, "label"), 40)});
  }
  table.print();
  return kExitOk;
}

int run_keys_budget(const Arguments& a) {
  auto client = ApiClient::connect(a, Need::kWrite);
  if (!client) return complain(client.error());
  const std::string list = a.get("LIST");
  Json body = Json::object().set("budgets", list == "none" ? Json() : Json(list));
  auto done =
      (*client)->call("PUT", "/v1/keys/" + url_part(a.get("KEY_ID")) + "/budgets", std::move(body));
  if (!done) return complain(done.error());
  if (a.has("json")) {
    print_json(*done);
  } else {
    std::printf("%s may use %s\n", member(*done, "id").c_str(),
                list == "none" ? "what it likes" : list.c_str());
  }
  return kExitOk;
}

int run_revoke(const Arguments& a) {
  auto client = ApiClient::connect(a, Need::kWrite);
  if (!client) return complain(client.error());
  auto done = (*client)->call("DELETE", "/v1/keys/" + url_part(a.get("KEY_ID")));
  if (!done) return complain(done.error());
  if (a.has("json")) {
    print_json(*done);
  } else {
    std::printf("%s is revoked\n", member(*done, "id").c_str());
  }
  return kExitOk;
}

int run_tenant_create(const Arguments& a) {
  auto client = ApiClient::connect(a, Need::kWrite);
  if (!client) return complain(client.error());
  auto made = (*client)->call("POST", "/v1/tenants", Json::object().set("name", a.get("NAME")));
  if (!made) return complain(made.error());
  if (a.has("json")) {
    print_json(*made);
  } else {
    std::printf("%s\n", member(*made, "id").c_str());
  }
  return kExitOk;
}

int run_tenant_ls(const Arguments& a) {
  auto client = ApiClient::connect(a, Need::kRead);
  if (!client) return complain(client.error());
  auto list = (*client)->call("GET", "/v1/tenants");
  if (!list) return complain(list.error());
  if (a.has("json")) {
    print_json(*list);
    return kExitOk;
  }
  Table table({"ID", "NAME", "CREATED (UTC)"});
  for (const Json& t : items_of(*list)) {
    table.add({member(t, "id"), cell(member(t, "name"), 60), short_time(member(t, "created"))});
  }
  table.print();
  return kExitOk;
}

}  // namespace

Command key_create_command() {
  return client_command(
      "key create", "Make an API key and print it, once",
      "Scopes: call (the gateway), sessions (sessions, memory, traces), approve (decide on tool\n"
      "calls and budget requests that wait for a person), admin (keys, agents; in the default\n"
      "tenant also the server).\n"
      "Examples:\n"
      "  drover key create --label ci --scopes call,sessions\n"
      "  drover key create --label bot --scopes call --budget money=5/day,requests=60/minute\n"
      "  KEY=$(drover key create --tenant acme --scopes call)",
      {},
      {{"--label", "TEXT", "what it is for", "unnamed"},
       {"--scopes", "LIST", "some of call,sessions,approve,admin", "call,sessions"},
       {"--tenant", "TENANT", "id or name; default: the key's own", ""},
       {"--budget", "LIST", "what it may use: money=5/day,tokens=1000/minute", ""}},
      run_create);
}

Command key_ls_command() {
  return client_command("key ls", "List keys; never their text",
                        "Example: drover key ls --tenant acme", {},
                        {{"--tenant", "TENANT", "only this tenant's", ""}}, run_keys_ls);
}

Command key_budget_command() {
  return client_command(
      "key budget", "Set what a key may use; what it has used counts on",
      "Takes the place of the key's budgets before. Those in drover.yaml hold beside them;\n"
      "`drover budget ls` shows all.\n"
      "Examples:\n"
      "  drover key budget key_01KAR… money=20/month,requests=60/minute\n"
      "  drover key budget key_01KAR… none",
      {{"KEY_ID", "the key's id (drover key ls)", true, false},
       {"LIST", "such as money=5/day,tokens=1000/minute; or none", true, false}},
      {}, run_keys_budget);
}

Command key_revoke_command() {
  return client_command("key revoke", "Refuse a key from now on",
                        "Example: drover key revoke key_01KAR…   (ids: drover key ls)",
                        {{"KEY_ID", "the key's id", true, false}}, {}, run_revoke);
}

Command tenant_create_command() {
  return client_command("tenant create", "Make a tenant and print its id",
                        "Example: drover tenant create acme && drover key create --tenant acme",
                        {{"NAME", "unique", true, false}}, {}, run_tenant_create);
}

Command tenant_ls_command() {
  return client_command("tenant ls", "List tenants",
                        "A tenant never sees another's sessions, memory or traces.", {}, {},
                        run_tenant_ls);
}

}  // namespace drover::app
