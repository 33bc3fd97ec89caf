// The neutral chat types as JSON (chat.h says what the form is).
#include <algorithm>

#include "base/bytes.h"
#include "contract/chat.h"

namespace drover::contract {
namespace {

Failure bad_message(std::string message) {
  return fail(Error(Code::kInvalidArgument, std::move(message)).with_reason("invalid_message"));
}

void append(Json::Object& into, const Json::Object& extra) {
  into.insert(into.end(), extra.begin(), extra.end());
}

// --- parts out ---

Json part_to_json(const TextPart& part) {
  Json::Object out;
  out.emplace_back("type", "text");
  out.emplace_back("text", part.text);
  append(out, part.extra);
  return Json(std::move(out));
}

Json part_to_json(const ImagePart& part) {
  Json image = Json::object();
  image.set("url", part.url.empty() && !part.media_type.empty()
                       ? "data:" + part.media_type + ";base64," + to_base64(part.data)
                       : part.url);
  if (!part.detail.empty()) image.set("detail", part.detail);
  Json::Object out;
  out.emplace_back("type", "image_url");
  out.emplace_back("image_url", std::move(image));
  append(out, part.extra);
  return Json(std::move(out));
}

Json part_to_json(const ReasoningPart& part) {
  Json out = Json::object();
  out.set("type", "reasoning").set("text", part.text);
  if (!part.signature.empty()) out.set("signature", part.signature);
  if (!part.redacted.empty()) out.set("redacted", to_base64(part.redacted));
  return out;
}

Json part_to_json(const OtherPart& part) { return part.raw; }

// The reasoning that fits the plain sibling member: one part, text only, ahead of all others.
const ReasoningPart* plain_reasoning(const std::vector<Part>& parts) {
  const ReasoningPart* first = parts.empty() ? nullptr : std::get_if<ReasoningPart>(&parts[0]);
  if (first == nullptr || first->text.empty() || !first->signature.empty() ||
      !first->redacted.empty()) {
    return nullptr;
  }
  for (size_t i = 1; i < parts.size(); ++i) {
    if (std::holds_alternative<ReasoningPart>(parts[i])) return nullptr;
  }
  return first;
}

Json content_to_json(const Message& m, size_t from) {
  if (from == m.parts.size()) {
    return m.empty_text || m.role != Role::kAssistant ? Json("") : Json();
  }
  if (from + 1 == m.parts.size()) {
    const TextPart* only = std::get_if<TextPart>(&m.parts[from]);
    if (only != nullptr && !only->text.empty() && only->extra.empty()) return Json(only->text);
  }
  Json::Array items;
  for (size_t i = from; i < m.parts.size(); ++i) {
    items.push_back(std::visit([](const auto& part) { return part_to_json(part); }, m.parts[i]));
  }
  return Json(std::move(items));
}

// --- parts in ---

// Bytes of a data: URL, if turning them back gives the same URL.
std::optional<ImagePart> image_of_data_url(std::string_view url) {
  constexpr std::string_view kScheme = "data:";
  constexpr std::string_view kBase64 = ";base64,";
  if (!url.starts_with(kScheme)) return std::nullopt;
  size_t comma = url.find(kBase64);
  if (comma == std::string_view::npos || comma == kScheme.size()) return std::nullopt;
  std::string_view media = url.substr(kScheme.size(), comma - kScheme.size());
  if (media.find_first_of(";,") != std::string_view::npos) return std::nullopt;
  std::string_view text = url.substr(comma + kBase64.size());
  Result<std::string> bytes = from_base64(text);
  if (!bytes || to_base64(*bytes) != text) return std::nullopt;
  ImagePart part;
  part.media_type = std::string(media);
  part.data = std::move(*bytes);
  return part;
}

Result<Part> image_from_json(const Json& json) {
  const Json* image = json.find("image_url");
  if (image == nullptr || !image->is_object() || !image->get_string("url")) {
    return bad_message("image_url must be an object with a string url");
  }
  for (const Json::Member& m : *image->members()) {
    if (m.first != "url" && (m.first != "detail" || !m.second.is_string())) {
      return Part(OtherPart{json});
    }
  }
  std::string_view url = *image->get_string("url");
  ImagePart part;
  if (std::optional<ImagePart> bytes = image_of_data_url(url)) {
    part = std::move(*bytes);
  } else {
    part.url = std::string(url);
  }
  part.detail = image->get_text("detail");
  for (const Json::Member& m : *json.members()) {
    if (m.first != "type" && m.first != "image_url") part.extra.push_back(m);
  }
  return Part(std::move(part));
}

Result<Part> part_from_json(const Json& json) {
  std::optional<std::string_view> type = json.get_string("type");
  if (!type) return bad_message("must be an object with a string type");
  if (*type == "text") {
    std::optional<std::string_view> text = json.get_string("text");
    if (!text) return bad_message("text must be a string");
    TextPart part;
    part.text = std::string(*text);
    for (const Json::Member& m : *json.members()) {
      if (m.first != "type" && m.first != "text") part.extra.push_back(m);
    }
    return Part(std::move(part));
  }
  if (*type == "image_url") return image_from_json(json);
  if (*type == "reasoning" && json.get_string("text")) {
    ReasoningPart part;
    part.text = std::string(*json.get_string("text"));
    part.signature = json.get_text("signature");
    Result<std::string> redacted = from_base64(json.get_string("redacted").value_or(""));
    if (!redacted) return bad_message("redacted must be base64");
    part.redacted = std::move(*redacted);
    return Part(std::move(part));
  }
  return Part(OtherPart{json});
}

Result<void> content_from_json(const Json* content, Message& m) {
  if (content == nullptr || content->is_null()) {
    if (m.role == Role::kAssistant) return {};
    return bad_message("content is required for the role " + std::string(role_name(m.role)));
  }
  if (const std::string* text = content->string()) {
    m.empty_text = text->empty();
    if (!text->empty()) m.parts.emplace_back(TextPart{*text});
    return {};
  }
  const Json::Array* items = content->array_items();
  if (items == nullptr) {
    return bad_message("content must be a string or an array, not " +
                       std::string(content->type_name()));
  }
  for (size_t i = 0; i < items->size(); ++i) {
    Result<Part> part = part_from_json((*items)[i]);
    if (!part) {
      Error error = std::move(part).error();
      error.message = "content[" + std::to_string(i) + "] " + error.message;
      return fail(std::move(error));
    }
    m.parts.push_back(std::move(*part));
  }
  if (items->empty()) m.empty_text = m.role != Role::kAssistant;
  return {};
}

Result<void> calls_from_json(const Json& value, Message& m) {
  const Json::Array* items = value.array_items();
  if (items == nullptr) return bad_message("tool_calls must be an array");
  for (size_t i = 0; i < items->size(); ++i) {
    Result<ToolCall> call = tool_call_from_json((*items)[i]);
    if (!call) {
      Error error = std::move(call).error();
      error.message = "tool_calls[" + std::to_string(i) + "]." + error.message;
      return fail(std::move(error));
    }
    m.tool_calls.push_back(std::move(*call));
  }
  return {};
}

Result<void> string_member(const Json::Member& member, std::string& out) {
  const std::string* text = member.second.string();
  if (text == nullptr) return bad_message(member.first + " must be a string");
  out = *text;
  return {};
}

}  // namespace

Json to_json(const ToolCall& call) {
  Json::Object out;
  out.emplace_back("id", call.id);
  bool other_kind = std::any_of(call.extra.begin(), call.extra.end(),
                                [](const Json::Member& m) { return m.first == "type"; });
  if (!other_kind) {
    Json function = Json::object();
    function.set("name", call.name).set("arguments", call.arguments);
    out.emplace_back("type", "function");
    out.emplace_back("function", std::move(function));
  }
  append(out, call.extra);
  return Json(std::move(out));
}

Result<ToolCall> tool_call_from_json(const Json& json) {
  if (!json.is_object()) return bad_message("must be an object");
  ToolCall call;
  if (const Json* id = json.find("id"); id != nullptr && !id->is_null()) {
    if (!id->is_string()) return bad_message("id must be a string");
    call.id = *id->string();
  }
  std::optional<std::string_view> type = json.get_string("type");
  bool is_function = !type || *type == "function";
  if (is_function) {
    const Json* name = json.at("function", "name");
    if (name == nullptr || !name->is_string()) return bad_message("function.name must be a string");
    call.name = *name->string();
    const Json* arguments = json.at("function", "arguments");
    if (arguments != nullptr && arguments->is_string()) {
      call.arguments = *arguments->string();
    } else if (arguments != nullptr && arguments->is_object()) {
      call.arguments = arguments->dump();  // Ollama's older form
    } else if (arguments != nullptr && !arguments->is_null()) {
      return bad_message("function.arguments must be a string");
    }
  }
  for (const Json::Member& m : *json.members()) {
    if (m.first == "id" || m.second.is_null()) continue;
    // "index" is a stray of servers that answer with their stream's form.
    if (is_function && (m.first == "type" || m.first == "function" || m.first == "index")) continue;
    call.extra.push_back(m);
  }
  return call;
}

Json to_json(const Message& m) {
  const ReasoningPart* reasoning = plain_reasoning(m.parts);
  Json::Object out;
  out.emplace_back("role", role_name(m.role));
  out.emplace_back("content", content_to_json(m, reasoning == nullptr ? 0 : 1));
  if (reasoning != nullptr) out.emplace_back("reasoning_content", reasoning->text);
  if (!m.refusal.empty()) out.emplace_back("refusal", m.refusal);
  if (!m.tool_calls.empty()) {
    Json::Array calls;
    for (const ToolCall& call : m.tool_calls) calls.push_back(to_json(call));
    out.emplace_back("tool_calls", std::move(calls));
  }
  if (m.role == Role::kTool) out.emplace_back("tool_call_id", m.tool_call_id);
  if (!m.name.empty()) out.emplace_back("name", m.name);
  if (m.tool_error) out.emplace_back("tool_error", true);
  append(out, m.extra);
  return Json(std::move(out));
}

Result<Message> message_from_json(const Json& json) {
  if (!json.is_object())
    return bad_message("must be an object, not " + std::string(json.type_name()));
  std::optional<std::string_view> role = json.get_string("role");
  if (!role) return bad_message("role must be a string");
  std::optional<Role> known = parse_role(*role);
  if (!known) return bad_message("role '" + std::string(role->substr(0, 40)) + "' is not known");
  Message m;
  m.role = *known;
  std::string reasoning;
  for (const Json::Member& member : *json.members()) {
    const std::string& key = member.first;
    if (key == "role" || key == "content" || member.second.is_null()) continue;
    if (key == "name") {
      TRY_VOID(string_member(member, m.name));
    } else if (key == "refusal" && m.role == Role::kAssistant) {
      TRY_VOID(string_member(member, m.refusal));
    } else if (key == "tool_call_id" && m.role == Role::kTool) {
      TRY_VOID(string_member(member, m.tool_call_id));
    } else if ((key == "reasoning_content" || key == "reasoning") && member.second.is_string()) {
      if (reasoning.empty()) reasoning = *member.second.string();
    } else if (key == "tool_calls" && m.role == Role::kAssistant) {
      TRY_VOID(calls_from_json(member.second, m));
    } else if (key == "tool_error" && member.second.is_bool()) {
      m.tool_error = *member.second.boolean();
    } else {
      m.extra.push_back(member);
    }
  }
  if (m.role == Role::kTool && json.find("tool_call_id") == nullptr) {
    return bad_message("tool_call_id is required for the role tool");
  }
  if (!reasoning.empty()) m.parts.emplace_back(ReasoningPart{std::move(reasoning), ""});
  TRY_VOID(content_from_json(json.find("content"), m));
  return m;
}

}  // namespace drover::contract
