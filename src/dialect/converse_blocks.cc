// Content blocks of Converse, both ways.
#include "base/bytes.h"
#include "dialect/converse_wire.h"
#include "dialect/openai_wire.h"

namespace drover::dialect::converse_wire {
namespace {

using contract::ImagePart;
using contract::OtherPart;
using contract::Part;
using contract::ReasoningPart;
using contract::TextPart;

constexpr std::string_view kBreakpoint = "prompt_cache_breakpoint";
constexpr std::string_view kCacheControl = "cache_control";

Failure bad_message(std::string message) {
  return fail(Error(Code::kInvalidArgument, std::move(message)).with_reason("invalid_message"));
}

Json block(const char* kind, Json value) { return Json::object().set(kind, std::move(value)); }

Result<Json> image_block(const ImagePart& image) {
  if (image.data.empty() && !image.url.empty()) {
    return fail(unsupported("an image by URL: Converse takes images as bytes only"));
  }
  for (const char* format : {"png", "jpeg", "gif", "webp"}) {
    if (image.media_type != std::string("image/") + format) continue;
    Json body = Json::object();
    body.set("format", format);
    body.set("source", block("bytes", to_base64(image.data)));
    return block("image", std::move(body));
  }
  return fail(unsupported("an image of the type '" + image.media_type +
                          "': Converse takes png, jpeg, gif and webp"));
}

void append_reasoning(const ReasoningPart& part, Json::Array& blocks) {
  if (!part.redacted.empty()) {
    Json body = block("redactedContent", to_base64(part.redacted));
    blocks.push_back(block("reasoningContent", std::move(body)));
  }
  if (part.text.empty() && part.signature.empty()) return;
  Json text = Json::object();
  text.set("text", part.text);
  if (!part.signature.empty()) text.set("signature", part.signature);
  Json body = block("reasoningText", std::move(text));
  blocks.push_back(block("reasoningContent", std::move(body)));
}

Json::Object* extra_of(Part& part) {
  if (TextPart* text = std::get_if<TextPart>(&part)) return &text->extra;
  if (ImagePart* image = std::get_if<ImagePart>(&part)) return &image->extra;
  return nullptr;
}

void keep(const Json& raw, std::vector<Part>& parts) {
  Json kept = Json::object();
  kept.set("type", "converse").set("block", raw);
  parts.emplace_back(OtherPart{std::move(kept)});
}

Result<void> read_image(const Json& raw, const Json& image, std::vector<Part>& parts) {
  const Json* bytes = image.at("source", "bytes");
  std::optional<std::string_view> format = image.get_string("format");
  if (bytes == nullptr || !bytes->is_string() || !format) {
    keep(raw, parts);  // s3Location and the like
    return {};
  }
  Result<std::string> data = from_base64(*bytes->string());
  if (!data) return bad_message("image.source.bytes must be base64");
  ImagePart part;
  part.media_type = "image/" + std::string(*format);
  part.data = std::move(*data);
  parts.emplace_back(std::move(part));
  return {};
}

Result<void> read_reasoning(const Json& raw, const Json& reasoning, std::vector<Part>& parts) {
  ReasoningPart part;
  if (const Json* text = reasoning.find("reasoningText"); text != nullptr && text->is_object()) {
    part.text = text->get_text("text");
    part.signature = text->get_text("signature");
  } else if (auto redacted = reasoning.get_string("redactedContent")) {
    TRY(part.redacted, from_base64(*redacted));
  } else {
    keep(raw, parts);
    return {};
  }
  parts.emplace_back(std::move(part));
  return {};
}

}  // namespace

void Dropped::add(std::string name) {
  for (const std::string& known : names) {
    if (known == name) return;
  }
  names.push_back(std::move(name));
}

std::optional<Json> cache_point_of(const Json::Object& extra) {
  for (const Json::Member& m : extra) {
    if (m.first != kBreakpoint && m.first != kCacheControl) continue;
    Json point = Json::object();
    point.set("type", "default");
    std::string_view ttl = m.second.get_string("ttl").value_or("");
    if (ttl == "30m" || ttl == "5m") point.set("ttl", "5m");
    if (ttl == "12h" || ttl == "1h") point.set("ttl", "1h");
    return block("cachePoint", std::move(point));
  }
  return std::nullopt;
}

Json::Member cache_mark(const Json& cache_point) {
  Json mark = Json::object();
  mark.set("mode", "explicit");
  std::string_view ttl = cache_point.get_string("ttl").value_or("");
  if (ttl == "5m") mark.set("ttl", "30m");
  if (ttl == "1h") mark.set("ttl", "12h");
  return {std::string(kBreakpoint), std::move(mark)};
}

void report_extra(const Json::Object& extra, const std::string& prefix, Dropped& dropped) {
  for (const Json::Member& m : extra) {
    if (m.first != kBreakpoint && m.first != kCacheControl) dropped.add(prefix + m.first);
  }
}

Result<void> append_part(const Part& part, Json::Array& blocks, Dropped& dropped) {
  const Json::Object* extra = nullptr;
  if (const TextPart* text = std::get_if<TextPart>(&part)) {
    blocks.push_back(block("text", text->text));
    extra = &text->extra;
  } else if (const ImagePart* image = std::get_if<ImagePart>(&part)) {
    TRY(Json out, image_block(*image));
    blocks.push_back(std::move(out));
    if (!image->detail.empty()) dropped.add("messages.content.detail");
    extra = &image->extra;
  } else if (const ReasoningPart* reasoning = std::get_if<ReasoningPart>(&part)) {
    append_reasoning(*reasoning, blocks);
  } else {
    const Json& raw = std::get<OtherPart>(part).raw;
    std::string_view type = raw.get_string("type").value_or("");
    const Json* kept = raw.find("block");
    if (type != "converse" || kept == nullptr) {
      return fail(unsupported("a content part of the type '" + std::string(type) +
                              "' has no form in Converse"));
    }
    blocks.push_back(*kept);
  }
  if (extra == nullptr) return {};
  report_extra(*extra, "messages.content.", dropped);
  if (std::optional<Json> point = cache_point_of(*extra)) blocks.push_back(std::move(*point));
  return {};
}

Result<Json> tool_use_block(const contract::ToolCall& call, const std::string& wire_id,
                            Dropped& dropped) {
  for (const Json::Member& m : call.extra) {
    if (m.first == "type") {
      return fail(unsupported("a tool call that is not a function has no form in Converse"));
    }
    dropped.add("messages.tool_calls." + m.first);
  }
  Json input = Json::object();
  if (!call.arguments.empty()) {
    Result<Json> parsed = Json::parse(call.arguments);
    if (!parsed || !parsed->is_object()) {
      return fail(unsupported("the arguments of the call '" + call.name +
                              "' are not a JSON object, which is what Converse carries"));
    }
    input = std::move(*parsed);
  }
  Json use = Json::object();
  use.set("toolUseId", wire_id).set("name", call.name).set("input", std::move(input));
  return block("toolUse", std::move(use));
}

Result<void> read_part(const Json& raw, std::vector<Part>& parts) {
  if (!raw.is_object() || raw.members()->empty())
    return bad_message("a content block must be an object");
  if (const Json* text = raw.find("text"); text != nullptr && raw.members()->size() == 1) {
    if (!text->is_string()) return bad_message("text must be a string");
    parts.emplace_back(TextPart{*text->string()});
    return {};
  }
  if (const Json* image = raw.find("image")) return read_image(raw, *image, parts);
  if (const Json* reasoning = raw.find("reasoningContent")) {
    return read_reasoning(raw, *reasoning, parts);
  }
  if (const Json* point = raw.find("cachePoint"); point != nullptr && !parts.empty()) {
    if (Json::Object* extra = extra_of(parts.back())) {
      extra->push_back(cache_mark(*point));
      return {};
    }
  }
  keep(raw, parts);
  return {};
}

Result<contract::ToolCall> read_tool_use(const Json& use) {
  std::optional<std::string_view> id = use.get_string("toolUseId");
  std::optional<std::string_view> name = use.get_string("name");
  if (!id || !name) return bad_message("toolUse needs the strings toolUseId and name");
  contract::ToolCall call;
  call.id = std::string(*id);
  call.name = std::string(*name);
  const Json* input = use.find("input");
  call.arguments = input == nullptr ? "{}" : input->dump();
  return call;
}

}  // namespace drover::dialect::converse_wire
