// Converse requests, in.
#include <algorithm>
#include <cmath>

#include "dialect/converse_wire.h"
#include "dialect/openai_wire.h"

namespace drover::dialect::converse_wire {
namespace {

using namespace contract;

Failure bad_converse(std::string message) {
  return fail(Error(Code::kInvalidArgument, std::move(message)).with_reason("invalid_request"));
}

// A part list that is one empty text stands for the empty text itself.
void normalise_text(Message& m) {
  if (m.parts.size() != 1) return;
  const TextPart* text = std::get_if<TextPart>(&m.parts[0]);
  if (text == nullptr || !text->text.empty() || !text->extra.empty()) return;
  m.parts.clear();
  m.empty_text = true;
}

class Reader {
 public:
  explicit Reader(ChatRequest& out) : out_(out) {}

  Result<void> system(const Json& value) {
    const Json::Array* items = value.array_items();
    if (items == nullptr) return bad_converse("system must be an array");
    if (items->empty()) return {};
    Message m;
    m.role = Role::kSystem;
    for (const Json& block : *items) TRY_VOID(read_part(block, m.parts));
    normalise_text(m);
    out_.messages.insert(out_.messages.begin(), std::move(m));
    return {};
  }

  Result<void> messages(const Json& value) {
    const Json::Array* items = value.array_items();
    if (items == nullptr) return bad_converse("messages must be an array");
    std::string_view previous;
    for (size_t i = 0; i < items->size(); ++i) {
      const Json& item = (*items)[i];
      std::string where = "messages[" + std::to_string(i) + "]";
      std::optional<std::string_view> role = item.get_string("role");
      const Json* content = item.find("content");
      if (!role || content == nullptr || !content->is_array()) {
        return bad_converse(where + " needs a role and an array content");
      }
      if (*role == previous)
        return bad_converse(where + ": roles must alternate between user and assistant");
      previous = *role;
      Result<void> read = message(*role, *content->array_items());
      if (!read) {
        Error error = std::move(read).error();
        error.message = where + ": " + error.message;
        return fail(std::move(error));
      }
    }
    return {};
  }

 private:
  Result<void> message(std::string_view role, const Json::Array& blocks) {
    if (role == "user") return user(blocks);
    if (role == "assistant") return assistant(blocks);
    if (role != "system")
      return bad_converse("role '" + std::string(role.substr(0, 40)) + "' is not known");
    Message m;
    m.role = Role::kSystem;
    for (const Json& block : blocks) TRY_VOID(read_part(block, m.parts));
    normalise_text(m);
    m.empty_text = m.empty_text || m.parts.empty();
    out_.messages.push_back(std::move(m));
    return {};
  }

  Result<void> assistant(const Json::Array& blocks) {
    Message m;
    m.role = Role::kAssistant;
    open_.clear();
    for (const Json& block : blocks) {
      const Json* use = block.find("toolUse");
      if (use == nullptr) {
        TRY_VOID(read_part(block, m.parts));
        continue;
      }
      TRY(ToolCall call, read_tool_use(*use));
      open_.emplace_back(call.id, ToolCall());
      call.id = ids_.restore(call.id);
      open_.back().second = call;
      m.tool_calls.push_back(std::move(call));
    }
    normalise_text(m);
    out_.messages.push_back(std::move(m));
    return {};
  }

  Result<void> user(const Json::Array& blocks) {
    Message text;
    bool any_result = false;
    auto flush = [&] {
      if (text.parts.empty()) return;
      normalise_text(text);
      out_.messages.push_back(std::move(text));
      text = Message();
    };
    for (const Json& block : blocks) {
      const Json* result = block.find("toolResult");
      if (result == nullptr) {
        TRY_VOID(read_part(block, text.parts));
        continue;
      }
      flush();
      any_result = true;
      TRY_VOID(tool_result(*result));
    }
    if (blocks.empty() && !any_result) {
      text.empty_text = true;
      out_.messages.push_back(std::move(text));
      return {};
    }
    flush();
    return {};
  }

  Result<void> tool_result(const Json& result) {
    std::optional<std::string_view> id = result.get_string("toolUseId");
    const Json* content = result.find("content");
    if (!id || content == nullptr || !content->is_array()) {
      return bad_converse("toolResult needs a toolUseId and an array content");
    }
    auto open = std::find_if(open_.begin(), open_.end(),
                             [&](const auto& pair) { return pair.first == *id; });
    if (open == open_.end()) {
      return bad_converse("the toolResult '" + std::string(id->substr(0, 80)) +
                          "' answers no toolUse of the message before it");
    }
    Message m;
    m.role = Role::kTool;
    m.tool_call_id = open->second.id;
    m.name = open->second.name;  // results carry no name here; the call's is the same
    m.tool_error = result.get_string("status") == "error";
    for (const Json& block : *content->array_items()) {
      if (const Json* json = block.find("json")) {
        m.parts.emplace_back(TextPart{json->dump()});  // what the model is shown
      } else {
        TRY_VOID(read_part(block, m.parts));
      }
    }
    m.empty_text = m.parts.empty();
    open_.erase(open);
    out_.messages.push_back(std::move(m));
    return {};
  }

  ChatRequest& out_;
  ToolIds ids_;
  std::vector<std::pair<std::string, ToolCall>> open_;  // by wire id
};

Result<void> read_tool_config(const Json& config, ChatRequest& out) {
  const Json* tools = config.find("tools");
  if (tools == nullptr || !tools->is_array())
    return bad_converse("toolConfig.tools must be an array");
  for (const Json& item : *tools->array_items()) {
    const Json* spec = item.find("toolSpec");
    ToolDefinition tool;
    if (spec == nullptr) {
      const Json* point = item.find("cachePoint");
      if (point != nullptr && !out.tools.empty()) {
        out.tools.back().extra.push_back(cache_mark(*point));
        continue;
      }
      tool.extra = {{"type", "converse"}, {"block", item}};
      out.tools.push_back(std::move(tool));
      continue;
    }
    std::optional<std::string_view> name = spec->get_string("name");
    const Json* schema = spec->at("inputSchema", "json");
    if (!name || schema == nullptr || !schema->is_object()) {
      return bad_converse("toolSpec needs a name and inputSchema.json");
    }
    tool.name = std::string(*name);
    tool.description = spec->get_text("description");
    tool.parameters = *schema;
    tool.strict = spec->get_bool("strict");
    out.tools.push_back(std::move(tool));
  }
  const Json* choice = config.find("toolChoice");
  if (choice == nullptr) return {};
  if (choice->find("auto") != nullptr) out.tool_choice.mode = ToolChoice::Mode::kAuto;
  if (choice->find("any") != nullptr) out.tool_choice.mode = ToolChoice::Mode::kRequired;
  if (const Json* name = choice->at("tool", "name"); name != nullptr && name->is_string()) {
    out.tool_choice.mode = ToolChoice::Mode::kNamed;
    out.tool_choice.name = *name->string();
  }
  if (out.tool_choice.mode == ToolChoice::Mode::kUnset)
    return bad_converse("toolChoice is not known");
  return {};
}

Result<void> read_inference(const Json& config, ChatRequest& out) {
  if (!config.is_object()) return bad_converse("inferenceConfig must be an object");
  out.max_tokens = config.get_int("maxTokens");
  out.temperature = config.get_number("temperature");
  out.top_p = config.get_number("topP");
  for (const std::optional<double>& number : {out.temperature, out.top_p}) {
    if (number && !std::isfinite(*number))
      return bad_converse("inferenceConfig holds a number out of range");
  }
  if (const Json* stops = config.find("stopSequences"); stops != nullptr && stops->is_array()) {
    for (const Json& stop : *stops->array_items()) {
      if (!stop.is_string()) return bad_converse("stopSequences must hold strings");
      out.stop.push_back(*stop.string());
    }
  }
  return {};
}

void read_output_config(const Json& config, ChatRequest& out) {
  if (auto effort = config.get_string("effort"))
    out.extra.emplace_back("reasoning_effort", *effort);
  const Json* definition = config.at("textFormat", "structure", "jsonSchema");
  if (definition == nullptr) return;
  Result<Json> schema = Json::parse(definition->get_string("schema").value_or(""));
  if (!schema) return;
  Json named = Json::object();
  if (auto name = definition->get_string("name")) named.set("name", *name);
  if (auto text = definition->get_string("description")) named.set("description", *text);
  named.set("schema", std::move(*schema));
  out.response_format = Json::object().set("type", "json_schema");
  out.response_format.set("json_schema", std::move(named));
}

Result<void> read_converse_member(const Json::Member& member, Reader& reader, ChatRequest& out) {
  const auto& [key, value] = member;
  if (value.is_null()) return {};
  if (key == "messages") return reader.messages(value);
  if (key == "system") return reader.system(value);
  if (key == "inferenceConfig") return read_inference(value, out);
  if (key == "toolConfig") return read_tool_config(value, out);
  if (key == "outputConfig") {
    read_output_config(value, out);
  } else if (key == "requestMetadata") {
    out.extra.emplace_back("metadata", value);
  } else if (key == "serviceTier" && value.get_string("type")) {
    out.extra.emplace_back("service_tier", *value.get_string("type"));
  } else {
    out.extra.push_back(member);
  }
  return {};
}

}  // namespace

Result<ChatRequest> decode_request(std::string_view body) {
  Result<Json> json = Json::parse(body);
  if (!json) return bad_converse("the body is " + json.error().message);
  if (!json->is_object()) return bad_converse("the body must be a JSON object");
  if (json->find("messages") == nullptr) return bad_converse("messages is required");
  ChatRequest out;
  Reader reader(out);
  for (const Json::Member& member : *json->members()) {
    if (json->find(member.first) != &member.second)
      return bad_converse(member.first + " stands twice");
    TRY_VOID(read_converse_member(member, reader, out));
  }
  return out;
}

}  // namespace drover::dialect::converse_wire
