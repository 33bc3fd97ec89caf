// What drover.yaml says of how calls of a tool server are sent: which may share or be repeated, and
// which go together. The rest of a tool server is read in config.cc.

#include <algorithm>

#include "app/config_parts.h"
#include "tools/batch_form.h"

namespace drover::app {
namespace {

std::optional<std::vector<std::string>> names(const Json& item, const std::string& at,
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
  server.read_only = names(item, at, "read_only", fault);
  server.idempotent = names(item, at, "idempotent", fault);
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

}  // namespace drover::app
