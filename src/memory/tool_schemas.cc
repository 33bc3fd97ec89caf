// What the model is told of the memory tools. Changing a byte here changes every prompt's prefix.

#include "base/assert.h"
#include "memory/memory_tools.h"

namespace drover::memory {
namespace {

struct Text {
  const char* name;
  const char* description;
  const char* schema;
};

constexpr Text kTools[] = {
    {"memory_write",
     "Remember something beyond this conversation. Writes a record under a key, replacing what was "
     "there. Put what should be found later into text; value may hold structured data.",
     R"json({"type":"object","properties":{)json"
     R"json("key":{"type":"string","description":"Name of the record, such as customer/42/address"},)json"
     R"json("text":{"type":"string","description":"What to remember, in words that a search would use"},)json"
     R"json("value":{"description":"Structured data to keep with it (any JSON)"},)json"
     R"json("expected_version":{"type":"integer","minimum":0,"description":"Write only if the record still has this version (0: only if it does not exist)"}},)json"
     R"json("required":["key","text"],"additionalProperties":false})json"},
    {"memory_read", "Read one remembered record by its key.",
     R"json({"type":"object","properties":{)json"
     R"json("key":{"type":"string","description":"Name of the record"}},)json"
     R"json("required":["key"],"additionalProperties":false})json"},
    {"memory_search",
     "Find remembered records by words in their text, best match first. An empty query gives the "
     "newest ones.",
     R"json({"type":"object","properties":{)json"
     R"json("query":{"type":"string","description":"Words to look for; any of them may match"},)json"
     R"json("limit":{"type":"integer","minimum":1,"maximum":100,"description":"Most records to return; 10 if left out"}},)json"
     R"json("required":["query"],"additionalProperties":false})json"},
    {"memory_list", "List the keys of remembered records, in order.",
     R"json({"type":"object","properties":{)json"
     R"json("prefix":{"type":"string","description":"Only keys that begin with this"},)json"
     R"json("after":{"type":"string","description":"Only keys after this one, to go on with a long list"},)json"
     R"json("limit":{"type":"integer","minimum":1,"maximum":100,"description":"Most keys to return; 50 if left out"}},)json"
     R"json("required":[],"additionalProperties":false})json"},
    {"memory_delete", "Forget one remembered record.",
     R"json({"type":"object","properties":{)json"
     R"json("key":{"type":"string","description":"Name of the record"}},)json"
     R"json("required":["key"],"additionalProperties":false})json"},
};

std::vector<contract::ToolDefinition> make_definitions() {
  std::vector<contract::ToolDefinition> out;
  for (const Text& tool : kTools) {
    contract::ToolDefinition definition;
    definition.name = tool.name;
    definition.description = tool.description;
    Result<Json> schema = Json::parse(tool.schema);
    DROVER_ASSERT(schema.has_value());
    definition.parameters = std::move(*schema);
    out.push_back(std::move(definition));
  }
  return out;
}

}  // namespace

const std::vector<contract::ToolDefinition>& tool_definitions() {
  static const std::vector<contract::ToolDefinition> definitions = make_definitions();
  return definitions;
}

bool is_memory_tool(std::string_view name) {
  for (const Text& tool : kTools) {
    if (name == tool.name) return true;
  }
  return false;
}

}  // namespace drover::memory
