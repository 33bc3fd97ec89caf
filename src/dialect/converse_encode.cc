// Converse requests, out.
#include <algorithm>
#include <iterator>

#include "dialect/converse_wire.h"
#include "dialect/members.h"
#include "dialect/openai_wire.h"

namespace drover::dialect::converse_wire {
namespace {

using namespace contract;

// Builds `system` and `messages`, pairing results with calls.
class Conversation {
 public:
  explicit Conversation(Dropped& dropped) : dropped_(dropped) {}

  Result<void> add(const Message& m) {
    for (const Json::Member& e : m.extra) {
      if (is_one_of(e.first, {"function_call", "audio"})) {
        return fail(unsupported(e.first + " in a message has no form in Converse"));
      }
      dropped_.add("messages." + e.first);
    }
    switch (m.role) {
      case Role::kSystem:
      case Role::kDeveloper:
        return add_system(m);
      case Role::kUser:
        return add_user(m);
      case Role::kAssistant:
        return add_assistant(m);
      case Role::kTool:
        return add_result(m);
    }
    return {};
  }

  Json::Array system;
  Json::Array messages;
  bool has_tool_blocks = false;

 private:
  struct OpenCall {
    std::string id;
    std::string wire_id;
    std::string name;
    bool answered = false;
  };

  Json::Array& blocks_of(const char* role) {
    if (messages.empty() || messages.back().get_string("role") != role) {
      messages.push_back(Json::object().set("role", role).set("content", Json::array()));
    }
    return *messages.back().find("content")->array_items();
  }

  Result<void> append_parts(const Message& m, Json::Array& blocks) {
    for (const Part& part : m.parts) TRY_VOID(append_part(part, blocks, dropped_));
    return {};
  }

  Result<void> add_system(const Message& m) {
    if (!m.name.empty()) dropped_.add("messages.name");
    Json::Array& blocks = messages.empty() ? system : blocks_of("system");
    if (m.parts.empty()) blocks.push_back(Json::object().set("text", ""));
    return append_parts(m, blocks);
  }

  Result<void> add_user(const Message& m) {
    if (!m.name.empty()) dropped_.add("messages.name");
    Json::Array& blocks = blocks_of("user");
    if (m.parts.empty()) blocks.push_back(Json::object().set("text", ""));
    return append_parts(m, blocks);
  }

  Result<void> add_assistant(const Message& m) {
    if (!m.name.empty()) dropped_.add("messages.name");
    Json::Array& blocks = blocks_of("assistant");
    Json::Array said;
    TRY_VOID(append_parts(m, said));
    if (!m.refusal.empty()) said.push_back(Json::object().set("text", m.refusal));
    if (m.empty_text && m.tool_calls.empty() && blocks.empty()) {
      said.push_back(Json::object().set("text", ""));
    }
    // Turns that follow each other become one here, in which what is said stands before the calls.
    auto first_call = std::find_if(blocks.begin(), blocks.end(), [](const Json& block) {
      return block.find("toolUse") != nullptr;
    });
    blocks.insert(first_call, std::make_move_iterator(said.begin()),
                  std::make_move_iterator(said.end()));
    open_.clear();
    for (const ToolCall& call : m.tool_calls) {
      OpenCall open;
      open.id = call.id;
      open.wire_id = ids_.assign(call.id);
      open.name = call.name;
      TRY(Json use, tool_use_block(call, open.wire_id, dropped_));
      blocks.push_back(std::move(use));
      open_.push_back(std::move(open));
      has_tool_blocks = true;
    }
    return {};
  }

  // The first call of the last turn with that id that has no result yet: ids may repeat.
  OpenCall* call_for(const Message& m) {
    for (OpenCall& open : open_) {
      if (!open.answered && open.id == m.tool_call_id) return &open;
    }
    return nullptr;
  }

  Result<void> add_result(const Message& m) {
    OpenCall* open = call_for(m);
    if (open == nullptr) {
      return fail(Error(Code::kInvalidArgument, "the tool result '" + m.tool_call_id.substr(0, 80) +
                                                    "' answers no call of the turn before it")
                      .with_reason("invalid_message"));
    }
    open->answered = true;
    if (!m.name.empty() && m.name != open->name) dropped_.add("messages.name");
    Json::Array content;
    TRY_VOID(append_parts(m, content));
    Json result = Json::object();
    result.set("toolUseId", open->wire_id).set("content", std::move(content));
    if (m.tool_error) result.set("status", "error");
    blocks_of("user").push_back(Json::object().set("toolResult", std::move(result)));
    has_tool_blocks = true;
    return {};
  }

  Dropped& dropped_;
  ToolIds ids_;
  std::vector<OpenCall> open_;
};

Result<void> append_tool(const ToolDefinition& tool, Json::Array& out, Dropped& dropped) {
  const Json* type = nullptr;
  const Json* kept = nullptr;
  for (const Json::Member& m : tool.extra) {
    if (m.first == "type") type = &m.second;
    if (m.first == "block") kept = &m.second;
  }
  if (type != nullptr) {
    if (kept == nullptr || type->string() == nullptr || *type->string() != "converse") {
      return fail(unsupported("a tool that is not a function has no form in Converse"));
    }
    out.push_back(*kept);
    return {};
  }
  Json spec = Json::object();
  spec.set("name", tool.name);
  if (!tool.description.empty()) spec.set("description", tool.description);
  Json schema = tool.parameters;
  if (schema.is_null()) {  // a schema is required here; this one says "no parameters"
    schema = Json::object().set("type", "object").set("properties", Json::object());
  }
  spec.set("inputSchema", Json::object().set("json", std::move(schema)));
  if (tool.strict) spec.set("strict", *tool.strict);
  out.push_back(Json::object().set("toolSpec", std::move(spec)));
  report_extra(tool.extra, "tools.", dropped);
  if (std::optional<Json> point = cache_point_of(tool.extra)) out.push_back(std::move(*point));
  return {};
}

Result<Json> tool_config(const ChatRequest& r, bool has_tool_blocks, Dropped& dropped) {
  bool none = r.tool_choice.mode == ToolChoice::Mode::kNone;
  if (none && has_tool_blocks && !r.tools.empty()) {
    // Without tools the service refuses a history that has calls in it.
    return fail(unsupported("tool_choice 'none' after tool calls has no form in Converse"));
  }
  if (r.tools.empty() || none) return Json();
  Json::Array tools;
  for (const ToolDefinition& tool : r.tools) TRY_VOID(append_tool(tool, tools, dropped));
  Json out = Json::object();
  out.set("tools", std::move(tools));
  switch (r.tool_choice.mode) {
    case ToolChoice::Mode::kAuto:
      out.set("toolChoice", Json::object().set("auto", Json::object()));
      break;
    case ToolChoice::Mode::kRequired:
      out.set("toolChoice", Json::object().set("any", Json::object()));
      break;
    case ToolChoice::Mode::kNamed: {
      Json named = Json::object().set("name", r.tool_choice.name);
      out.set("toolChoice", Json::object().set("tool", std::move(named)));
      break;
    }
    default:
      break;
  }
  return out;
}

Json inference_config(const ChatRequest& r) {
  Json out = Json::object();
  if (r.max_tokens) out.set("maxTokens", *r.max_tokens);
  if (r.temperature) out.set("temperature", *r.temperature);
  if (r.top_p) out.set("topP", *r.top_p);
  if (!r.stop.empty()) out.set("stopSequences", Json::Array(r.stop.begin(), r.stop.end()));
  return out;
}

Result<void> add_format(const Json& format, Json& output_config) {
  std::string_view type = format.get_string("type").value_or("");
  if (format.is_null() || type == "text") return {};
  const Json* schema = format.at("json_schema", "schema");
  if (type != "json_schema" || schema == nullptr) {
    return fail(unsupported("response_format '" + std::string(type) + "' has no form in Converse"));
  }
  const Json& named = *format.find("json_schema");
  Json definition = Json::object();
  definition.set("schema", schema->dump());
  if (auto name = named.get_string("name")) definition.set("name", *name);
  if (auto text = named.get_string("description")) definition.set("description", *text);
  Json text_format = Json::object();
  text_format.set("type", "json_schema");
  text_format.set("structure", Json::object().set("jsonSchema", std::move(definition)));
  output_config.set("textFormat", std::move(text_format));
  return {};
}

bool says_nothing(const Json& value) {
  if (value.is_null() || value.boolean() == false || value.number() == 0.0) return true;
  return (value.is_object() && value.members()->empty()) ||
         (value.is_array() && value.array_items()->empty());
}

// A top-level field that the neutral form does not name.
Result<void> add_extra(const Json::Member& m, Json& out, Json& output_config, Dropped& dropped) {
  const auto& [key, value] = m;
  // Converse's own fields, as decode_request kept them.
  if (is_one_of(key, {"guardrailConfig", "additionalModelRequestFields", "promptVariables",
                      "additionalModelResponseFieldPaths", "performanceConfig"})) {
    out.set(key, value);
    return {};
  }
  if (key == "metadata" && value.is_object()) {
    out.set("requestMetadata", value);
    return {};
  }
  if (key == "reasoning_effort" && value.is_string()) {
    output_config.set("effort", value);
    return {};
  }
  if (key == "service_tier" && value.is_string()) {
    if (is_one_of(*value.string(), {"default", "flex", "priority", "reserved"})) {
      out.set("serviceTier", Json::object().set("type", value));
    } else {
      dropped.add(key);
    }
    return {};
  }
  bool text_only = key == "modalities" && value.dump() == "[\"text\"]";
  if (says_nothing(value) || text_only) return {};
  if (is_one_of(key, {"store", "stream_options", "prompt_cache_key", "prompt_cache_options",
                      "prompt_cache_retention", "safety_identifier", "prediction", "verbosity"})) {
    dropped.add(key);
    return {};
  }
  return fail(unsupported(key + " has no form in Converse"));
}

}  // namespace

Result<EncodedRequest> encode_request(const ChatRequest& r) {
  EncodedRequest encoded;
  Dropped dropped{encoded.dropped};
  if (r.n && *r.n != 1) return fail(unsupported("n other than 1 has no form in Converse"));
  Conversation conversation(dropped);
  for (size_t i = 0; i < r.messages.size(); ++i) {
    Result<void> added = conversation.add(r.messages[i]);
    if (!added) {
      Error error = std::move(added).error();
      error.message = "messages[" + std::to_string(i) + "]: " + error.message;
      return fail(std::move(error));
    }
  }
  Json out = Json::object();
  if (!conversation.system.empty()) out.set("system", std::move(conversation.system));
  out.set("messages", std::move(conversation.messages));
  Json config = inference_config(r);
  if (!config.members()->empty()) out.set("inferenceConfig", std::move(config));
  TRY(Json tools, tool_config(r, conversation.has_tool_blocks, dropped));
  if (!tools.is_null()) out.set("toolConfig", std::move(tools));
  Json output_config = Json::object();
  TRY_VOID(add_format(r.response_format, output_config));
  for (const Json::Member& m : r.extra) TRY_VOID(add_extra(m, out, output_config, dropped));
  if (!output_config.members()->empty()) out.set("outputConfig", std::move(output_config));
  if (r.parallel_tool_calls == false) dropped.add("parallel_tool_calls");
  if (r.seed) dropped.add("seed");
  if (!r.user.empty()) dropped.add("user");
  encoded.body = out.dump();
  return encoded;
}

}  // namespace drover::dialect::converse_wire
