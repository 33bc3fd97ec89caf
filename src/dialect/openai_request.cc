// Chat completions requests, both ways.
#include <cmath>

#include "dialect/openai_wire.h"

namespace drover::dialect {
namespace {

using contract::Message;
using contract::Part;
using contract::ReasoningPart;
using contract::Role;
using contract::TextPart;
using contract::ToolChoice;
using contract::ToolDefinition;

Failure bad(std::string message, const char* reason = "invalid_value") {
  return fail(Error(Code::kInvalidArgument, std::move(message)).with_reason(reason));
}

// --- encode ---

Json tool_to_json(const ToolDefinition& tool) {
  for (const Json::Member& m : tool.extra) {
    if (m.first == "type") return Json(tool.extra);  // another kind than "function"
  }
  Json function = Json::object();
  function.set("name", tool.name);
  if (!tool.description.empty()) function.set("description", tool.description);
  if (!tool.parameters.is_null()) function.set("parameters", tool.parameters);
  if (tool.strict) function.set("strict", *tool.strict);
  Json out = Json::object();
  out.set("type", "function").set("function", std::move(function));
  for (const Json::Member& m : tool.extra) out.set(m.first, m.second);
  return out;
}

Json choice_to_json(const ToolChoice& choice) {
  switch (choice.mode) {
    case ToolChoice::Mode::kNone:
      return "none";
    case ToolChoice::Mode::kRequired:
      return "required";
    case ToolChoice::Mode::kNamed: {
      Json out = Json::object();
      out.set("type", "function").set("function", Json::object().set("name", choice.name));
      return out;
    }
    default:
      return "auto";
  }
}

// Reasoning goes back as `reasoning_content`, which vLLM-like servers read. OpenAI's and Azure's
// own models never gave any, and signatures mean nothing here: what is left out is reported.
Json message_to_json(const Message& m, OpenAiFlavor flavor, bool& dropped_reasoning,
                     bool& dropped_error_mark) {
  bool plain = !m.tool_error;
  for (const Part& part : m.parts) plain = plain && !std::holds_alternative<ReasoningPart>(part);
  if (plain) return contract::to_json(m);
  Message copy = m;
  dropped_error_mark = dropped_error_mark || m.tool_error;
  copy.tool_error = false;
  std::string reasoning;
  std::vector<Part> others;
  for (const Part& part : m.parts) {
    if (const ReasoningPart* r = std::get_if<ReasoningPart>(&part)) {
      reasoning += r->text;
      dropped_reasoning = dropped_reasoning || !r->signature.empty() || !r->redacted.empty();
    } else {
      others.push_back(part);
    }
  }
  copy.parts = std::move(others);
  if (flavor.azure) {
    dropped_reasoning = dropped_reasoning || !reasoning.empty();
  } else if (!reasoning.empty()) {
    copy.parts.insert(copy.parts.begin(), ReasoningPart{std::move(reasoning), ""});
  }
  return contract::to_json(copy);
}

// Blocks and tools of Converse that have no neutral form.
Result<void> refuse_foreign(const ChatRequest& r) {
  for (size_t i = 0; i < r.messages.size(); ++i) {
    for (const Part& part : r.messages[i].parts) {
      const contract::OtherPart* other = std::get_if<contract::OtherPart>(&part);
      if (other == nullptr || other->raw.get_string("type") != "converse") continue;
      const Json* block = other->raw.find("block");
      bool named = block != nullptr && block->is_object() && !block->members()->empty();
      return fail(unsupported("messages[" + std::to_string(i) + "]: the block '" +
                              (named ? block->members()->front().first : "?") +
                              "' has no form in chat completions"));
    }
  }
  for (const ToolDefinition& tool : r.tools) {
    for (const Json::Member& m : tool.extra) {
      if (m.first == "type" && m.second == Json("converse")) {
        return fail(unsupported("a tool of Converse's own has no form in chat completions"));
      }
    }
  }
  return {};
}

void add_sampling(const ChatRequest& r, OpenAiFlavor flavor, Json::Object& out) {
  if (r.max_tokens) {
    // Reasoning models of OpenAI and Azure know only the new name; other servers often only the
    // old.
    std::string name = !r.max_tokens_name.empty() ? r.max_tokens_name
                       : flavor.azure             ? "max_completion_tokens"
                                                  : "max_tokens";
    out.emplace_back(std::move(name), *r.max_tokens);
  }
  if (r.temperature) out.emplace_back("temperature", *r.temperature);
  if (r.top_p) out.emplace_back("top_p", *r.top_p);
  if (!r.stop.empty()) {
    Json::Array stops(r.stop.begin(), r.stop.end());
    out.emplace_back("stop", std::move(stops));
  }
  if (r.seed) out.emplace_back("seed", *r.seed);
  if (r.n) out.emplace_back("n", *r.n);
  if (!r.response_format.is_null()) out.emplace_back("response_format", r.response_format);
  if (!r.user.empty()) out.emplace_back("user", r.user);
}

void add_stream(const ChatRequest& r, Json::Object& out) {
  if (r.stream) out.emplace_back("stream", true);
  Json options;
  for (const Json::Member& m : r.extra) {
    if (m.first == "stream_options") options = m.second;
  }
  if (r.stream && r.include_usage) options.set("include_usage", true);
  if (options.is_object()) out.emplace_back("stream_options", std::move(options));
}

// --- decode ---

Result<ToolDefinition> tool_from_json(const Json& json) {
  std::optional<std::string_view> type = json.get_string("type");
  if (!type) return bad("must be an object with a string type");
  ToolDefinition tool;
  if (*type != "function") {
    tool.extra = *json.members();
    return tool;
  }
  const Json* function = json.find("function");
  if (function == nullptr || !function->is_object()) return bad("function must be an object");
  std::optional<std::string_view> name = function->get_string("name");
  if (!name) return bad("function.name must be a string");
  tool.name = std::string(*name);
  tool.description = function->get_text("description");
  if (const Json* parameters = function->find("parameters"); parameters && !parameters->is_null()) {
    if (!parameters->is_object()) return bad("function.parameters must be an object");
    tool.parameters = *parameters;
  }
  tool.strict = function->get_bool("strict");
  for (const Json::Member& m : *json.members()) {
    if (m.first != "type" && m.first != "function") tool.extra.push_back(m);
  }
  return tool;
}

Error prefixed(std::string prefix, Error error) {
  error.message = std::move(prefix) + error.message;
  return error;
}

Result<void> read_messages(const Json& value, ChatRequest& out) {
  const Json::Array* items = value.array_items();
  if (items == nullptr) return bad("messages must be an array", "invalid_type");
  if (items->empty()) return bad("messages must not be empty");
  out.messages.reserve(items->size());
  for (size_t i = 0; i < items->size(); ++i) {
    Result<Message> m = contract::message_from_json((*items)[i]);
    if (!m) return fail(prefixed("messages[" + std::to_string(i) + "].", std::move(m).error()));
    out.messages.push_back(std::move(*m));
  }
  return {};
}

Result<void> read_tools(const Json& value, ChatRequest& out) {
  const Json::Array* items = value.array_items();
  if (items == nullptr) return bad("tools must be an array", "invalid_type");
  for (size_t i = 0; i < items->size(); ++i) {
    Result<ToolDefinition> tool = tool_from_json((*items)[i]);
    if (!tool) return fail(prefixed("tools[" + std::to_string(i) + "].", std::move(tool).error()));
    out.tools.push_back(std::move(*tool));
  }
  return {};
}

// Forms of tool_choice we do not operate on (allowed_tools, custom) stay in `extra`.
bool read_tool_choice(const Json& value, ToolChoice& out) {
  if (const std::string* word = value.string()) {
    if (*word == "auto") out.mode = ToolChoice::Mode::kAuto;
    if (*word == "none") out.mode = ToolChoice::Mode::kNone;
    if (*word == "required") out.mode = ToolChoice::Mode::kRequired;
    return out.mode != ToolChoice::Mode::kUnset;
  }
  const Json* name = value.at("function", "name");
  if (value.get_string("type") != "function" || name == nullptr || !name->is_string()) return false;
  out.mode = ToolChoice::Mode::kNamed;
  out.name = *name->string();
  return true;
}

Result<void> read_stop(const Json& value, ChatRequest& out) {
  if (const std::string* one = value.string()) {
    out.stop.push_back(*one);
    return {};
  }
  const Json::Array* items = value.array_items();
  if (items == nullptr) return bad("stop must be a string or an array", "invalid_type");
  for (const Json& item : *items) {
    if (!item.is_string()) return bad("stop must hold strings", "invalid_type");
    out.stop.push_back(*item.string());
  }
  return {};
}

Result<void> read_stream_options(const Json& value, ChatRequest& out) {
  if (!value.is_object()) return bad("stream_options must be an object", "invalid_type");
  out.include_usage = value.get_bool("include_usage").value_or(false);
  Json rest = value;
  rest.erase("include_usage");
  if (!rest.members()->empty()) out.extra.emplace_back("stream_options", std::move(rest));
  return {};
}

template <typename T>
Result<void> take(std::optional<T> value, const std::string& key, const char* type,
                  std::optional<T>& out) {
  if (!value) return bad(key + " must be " + type, "invalid_type");
  out = value;
  return {};
}

// 1e999 is JSON, and no number that can be sent on.
std::optional<double> finite(const Json& value) {
  std::optional<double> number = value.number();
  return number && std::isfinite(*number) ? number : std::nullopt;
}

Result<void> read_member(const Json::Member& member, ChatRequest& out) {
  const auto& [key, value] = member;
  if (key == "model") {
    if (!value.is_string()) return bad("model must be a string", "invalid_type");
    out.model = *value.string();
    return {};
  }
  if (key == "messages") return read_messages(value, out);
  if (value.is_null()) return {};  // null is the same as absent for every optional field
  if (key == "tools") return read_tools(value, out);
  if (key == "stop") return read_stop(value, out);
  if (key == "stream_options") return read_stream_options(value, out);
  if (key == "parallel_tool_calls") {
    return take(value.boolean(), key, "a boolean", out.parallel_tool_calls);
  }
  if (key == "temperature") return take(finite(value), key, "a number", out.temperature);
  if (key == "top_p") return take(finite(value), key, "a number", out.top_p);
  if (key == "seed") return take(value.integer(), key, "an integer", out.seed);
  if (key == "n") return take(value.integer(), key, "an integer", out.n);
  if (key == "max_tokens" || key == "max_completion_tokens") {
    if (!out.max_tokens_name.empty()) {
      return bad("max_tokens and max_completion_tokens exclude each other");
    }
    out.max_tokens_name = key;
    return take(value.integer(), key, "an integer", out.max_tokens);
  }
  if (key == "stream") {
    if (!value.is_bool()) return bad("stream must be a boolean", "invalid_type");
    out.stream = *value.boolean();
  } else if (key == "user") {
    if (!value.is_string()) return bad("user must be a string", "invalid_type");
    out.user = *value.string();
  } else if (key == "response_format") {
    out.response_format = value;
  } else if (key != "tool_choice" || !read_tool_choice(value, out.tool_choice)) {
    out.extra.push_back(member);
  }
  return {};
}

}  // namespace

Result<EncodedRequest> openai_wire::encode_request(const ChatRequest& r, OpenAiFlavor flavor) {
  EncodedRequest encoded;
  TRY_VOID(refuse_foreign(r));
  bool dropped_reasoning = false;
  bool dropped_error_mark = false;
  Json::Array messages;
  messages.reserve(r.messages.size());
  for (const Message& m : r.messages) {
    messages.push_back(message_to_json(m, flavor, dropped_reasoning, dropped_error_mark));
  }
  if (dropped_reasoning) encoded.dropped.push_back("messages.reasoning");
  if (dropped_error_mark) encoded.dropped.push_back("messages.tool_error");
  Json::Object out;
  out.emplace_back("model", r.model);
  out.emplace_back("messages", std::move(messages));
  if (!r.tools.empty()) {
    Json::Array tools;
    for (const ToolDefinition& tool : r.tools) tools.push_back(tool_to_json(tool));
    out.emplace_back("tools", std::move(tools));
  }
  if (r.tool_choice.mode != ToolChoice::Mode::kUnset) {
    out.emplace_back("tool_choice", choice_to_json(r.tool_choice));
  }
  if (r.parallel_tool_calls) out.emplace_back("parallel_tool_calls", *r.parallel_tool_calls);
  add_sampling(r, flavor, out);
  add_stream(r, out);
  for (const Json::Member& m : r.extra) {
    if (m.first != "stream_options") out.push_back(m);
  }
  encoded.body = Json(std::move(out)).dump();
  return encoded;
}

Result<EncodedRequest> OpenAiDialect::encode_request(const ChatRequest& request) const {
  return openai_wire::encode_request(request, OpenAiFlavor());
}

Result<ChatRequest> OpenAiDialect::decode_request(std::string_view body) const {
  Result<Json> json = Json::parse(body);
  if (!json) {
    return bad("the body is " + std::move(json).error().message, "invalid_json");
  }
  if (!json->is_object()) return bad("the body must be a JSON object", "invalid_type");
  if (json->find("model") == nullptr) return bad("model is required", "missing_field");
  if (json->find("messages") == nullptr) return bad("messages is required", "missing_field");
  ChatRequest out;
  for (const Json::Member& member : *json->members()) {
    if (json->find(member.first) != &member.second) return bad(member.first + " stands twice");
    TRY_VOID(read_member(member, out));
  }
  return out;
}

}  // namespace drover::dialect
