// What drover.yaml says of tool servers: how each is reached, and how its calls are sent (which may
// share or be repeated, and which go together).

#include <algorithm>

#include "app/config_parts.h"
#include "app/config_policy.h"
#include "app/config_reader.h"
#include "http/message.h"
#include "tools/batch_form.h"
#include "tools/http_tool.h"

namespace drover::app {
namespace {

std::optional<std::vector<std::string>> listed_names(const Json& item, const std::string& at,
                                                     const char* member, const AddFault& fault) {
  const Json* value = item.find(member);
  if (value == nullptr || value->is_null()) return std::nullopt;
  std::vector<std::string> out;
  const Json::Array* items = value->array_items();
  bool texts = items != nullptr && std::all_of(items->begin(), items->end(), [](const Json& name) {
                 return name.string() != nullptr && !name.string()->empty();
               });
  if (!texts) {
    fault(at + "." + member, std::string("'") + member + "' must be a list of tools",
          std::string(member) + ": [lookup]");
    return out;
  }
  for (const Json& name : *items) out.push_back(*name.string());
  return out;
}

/// Tools over plain HTTP stand in the configuration: a name that is not there is a slip.
void check_known(const tools::ToolServer& server, const std::string& tool, const std::string& at,
                 const AddFault& fault) {
  if (server.http.empty()) return;
  bool there =
      std::any_of(server.http_tools.begin(), server.http_tools.end(),
                  [&](const tools::HttpTool& known) { return known.definition.name == tool; });
  if (!there) {
    fault(at, "tool server '" + server.name + "' has no tool named '" + tool + "'",
          "add it to its 'tools'");
  }
}

}  // namespace

void read_tool_sending(const Json& item, const std::string& at, const AddFault& fault,
                       tools::ToolServer& server) {
  server.read_only = listed_names(item, at, "read_only", fault);
  server.idempotent = listed_names(item, at, "idempotent", fault);
  for (const auto* list : {&server.read_only, &server.idempotent}) {
    if (!*list) continue;
    for (const std::string& tool : **list) check_known(server, tool, at, fault);
  }
  const Json* batch = item.find("batch");
  if (batch == nullptr || batch->is_null()) return;
  if (!batch->is_object()) {
    fault(at + ".batch", "'batch' names the tools whose calls go together",
          "batch: {lookup: {tool: lookup_many, items: keys, item: key, results: results}}");
    return;
  }
  for (const Json::Member& m : *batch->members()) {
    std::string where = at + ".batch." + m.first;
    auto form = tools::batch_form_from_json(m.second);
    if (!form) {
      fault(where, form.error().message, "");
      continue;
    }
    check_known(server, m.first, where, fault);
    check_known(server, form->tool, where, fault);
    server.batch[m.first] = std::move(*form);
  }
}

void ConfigReader::http_tools(const Json& item, const std::string& at, tools::ToolServer& t) {
  const Json* list = item.find("tools");
  if (t.http.empty()) {
    if (list != nullptr)
      fault(join(at, "tools"), "'tools' belongs to 'http': MCP servers list theirs");
    return;
  }
  if (auto url = http::Url::parse(t.http); !url) {
    fault(join(at, "http"), url.error().message);
  } else if (url->target.find('?') != std::string::npos) {
    fault(join(at, "http"), "the URL of a tool server has no query",
          "put it into the tools' paths");
  }
  const Json::Array* items = list == nullptr ? nullptr : list->array_items();
  if (items == nullptr || items->empty()) {
    fault(at, "a tool server with 'http' needs a list of 'tools'",
          "tools: [{name: …, description: …, parameters: …}]");
    return;
  }
  for (size_t i = 0; i < items->size(); ++i) {
    std::string where = join(at, "tools[" + std::to_string(i) + "]");
    auto one = tools::http_tool_from_json((*items)[i]);
    if (!one) {
      fault(where, one.error().message);
      continue;
    }
    for (const tools::HttpTool& other : t.http_tools) {
      if (other.definition.name == one->definition.name) {
        fault(where, "two tools are named '" + other.definition.name + "'");
      }
    }
    t.http_tools.push_back(std::move(*one));
  }
}

void ConfigReader::tool(const Json& item, const std::string& at) {
  if (!known(item, at,
             {"name", "command", "environment", "url", "http", "tools", "headers", "ca_file",
              "allow_private", "protocol", "only", "timeout", "facts", "data", "read_only",
              "idempotent", "batch"})) {
    return;
  }
  tools::ToolServer t;
  t.name = required(item, at, "name", "the name that agents use");
  std::vector<std::string> command = texts(item, at, "command");
  if (!command.empty()) {
    t.command = command.front();
    t.arguments.assign(command.begin() + 1, command.end());
  }
  t.url = text(item, at, "url");
  t.http = text(item, at, "http");
  if (!t.command.empty() + !t.url.empty() + !t.http.empty() != 1) {
    fault(at, "a tool server has either 'command' or 'url' (MCP), or 'http'");
  }
  http_tools(item, at, t);
  t.environment = references(item, at, "environment");
  t.headers = references(item, at, "headers");
  t.ca_file = relative_to(path_, text(item, at, "ca_file"));
  t.allow_private = texts(item, at, "allow_private");
  t.only = texts(item, at, "only");
  t.protocol = text(item, at, "protocol", "auto");
  if (t.protocol != "auto" && t.protocol != "legacy" && t.protocol != "2026-07-28") {
    fault(join(at, "protocol"), "'" + t.protocol + "' is not an MCP era",
          "auto, legacy or 2026-07-28");
  }
  if (std::string timeout = text(item, at, "timeout"); !timeout.empty()) {
    auto d = parse_duration(timeout);
    if (!d)
      fault(join(at, "timeout"), d.error().message);
    else
      t.call_timeout = *d;
  }
  for (const tools::ToolServer& other : out_.config.tools) {
    if (other.name == t.name) fault(at, "two tool servers are named '" + t.name + "'");
  }
  read_thing(item, at, t.name, tell(), out_.config);
  read_tool_sending(item, at, tell(), t);
  out_.config.tools.push_back(std::move(t));
}

}  // namespace drover::app
