// The Converse dialect: answers both ways, usage and stop reasons; requests, streams and errors
// stand in files of their own.
#include "base/bytes.h"
#include "dialect/converse_wire.h"
#include "dialect/members.h"
#include "dialect/openai_wire.h"
#include "dialect/rate_limits.h"

namespace drover::dialect {
namespace converse_wire {
using contract::FinishReason;

FinishReason finish_of_word(std::string_view word) {
  if (word == "end_turn" || word == "stop_sequence") return FinishReason::kStop;
  if (word == "tool_use") return FinishReason::kToolCalls;
  if (word == "max_tokens") return FinishReason::kLength;
  if (word == "guardrail_intervened" || word == "content_filtered") {
    return FinishReason::kContentFilter;
  }
  if (word == "model_context_window_exceeded") return FinishReason::kContextFull;
  if (word == "malformed_model_output" || word == "malformed_tool_use") {
    return FinishReason::kMalformed;
  }
  return FinishReason::kUnknown;
}

std::string_view finish_word(FinishReason reason, std::string_view native) {
  if (reason != FinishReason::kUnknown && finish_of_word(native) == reason) return native;
  switch (reason) {
    case FinishReason::kLength:
      return "max_tokens";
    case FinishReason::kToolCalls:
      return "tool_use";
    case FinishReason::kContentFilter:
      return "content_filtered";
    case FinishReason::kContextFull:
      return "model_context_window_exceeded";
    case FinishReason::kMalformed:
      return "malformed_model_output";
    default:
      return "end_turn";
  }
}

contract::Usage usage_from_json(const Json& json) {
  contract::Usage u;
  u.cache_read_tokens = token_count(json, "cacheReadInputTokens");
  u.cache_write_tokens = token_count(json, "cacheWriteInputTokens");
  // Converse counts cached tokens beside the input, the neutral form inside.
  if (std::optional<int64_t> fresh = token_count(json, "inputTokens")) {
    u.input_tokens = *fresh + u.cache_read_tokens.value_or(0) + u.cache_write_tokens.value_or(0);
  }
  u.output_tokens = token_count(json, "outputTokens");
  const Json* details = json.find("cacheDetails");
  if (details == nullptr || !details->is_array()) return u;
  for (const Json& detail : *details->array_items()) {
    if (detail.get_string("ttl") != "1h") continue;
    u.cache_write_1h_tokens =
        u.cache_write_1h_tokens.value_or(0) + token_count(detail, "inputTokens").value_or(0);
  }
  return u;
}

Json usage_to_json(const contract::Usage& u) {
  int64_t cached = u.cache_read_tokens.value_or(0) + u.cache_write_tokens.value_or(0);
  int64_t input = u.input_tokens.value_or(0);
  Json out = Json::object();
  out.set("inputTokens", std::max<int64_t>(0, input - cached));
  out.set("outputTokens", u.output_tokens.value_or(0));
  out.set("totalTokens", input + u.output_tokens.value_or(0));
  if (u.cache_read_tokens) out.set("cacheReadInputTokens", *u.cache_read_tokens);
  if (u.cache_write_tokens) out.set("cacheWriteInputTokens", *u.cache_write_tokens);
  if (u.cache_write_1h_tokens) {
    Json hour = Json::object().set("ttl", "1h").set("inputTokens", *u.cache_write_1h_tokens);
    Json details = Json::array().push(std::move(hour));
    int64_t rest = u.cache_write_tokens.value_or(0) - *u.cache_write_1h_tokens;
    if (rest > 0) details.push(Json::object().set("ttl", "5m").set("inputTokens", rest));
    out.set("cacheDetails", std::move(details));
  }
  return out;
}

namespace {

Result<void> read_message(const Json& message, ChatResponse& out) {
  const Json* content = message.find("content");
  if (content == nullptr || !content->is_array()) {
    return fail(malformed_answer("output.message.content must be an array"));
  }
  contract::Message& m = out.message;
  m.role = contract::Role::kAssistant;
  bool has_text = false;
  for (const Json& block : *content->array_items()) {
    if (const Json* use = block.find("toolUse")) {
      Result<contract::ToolCall> call = read_tool_use(*use);
      if (!call) return fail(malformed_answer(call.error().message));
      m.tool_calls.push_back(std::move(*call));
      continue;
    }
    if (const Json* text = block.find("text"); text != nullptr && *text == Json("")) {
      has_text = true;  // text that is there though empty
      continue;
    }
    Result<void> read = read_part(block, m.parts);
    if (!read) return fail(malformed_answer(read.error().message));
  }
  bool any_text = false;
  for (const contract::Part& part : m.parts) {
    any_text = any_text || !std::holds_alternative<contract::ReasoningPart>(part);
  }
  m.empty_text = has_text && !any_text;
  return {};
}

Json input_of(const contract::ToolCall& call) {
  if (call.arguments.empty()) return Json::object();
  Result<Json> parsed = Json::parse(call.arguments);
  return parsed ? std::move(*parsed) : Json(call.arguments);
}

class Converse final : public Dialect {
 public:
  std::string_view name() const override { return "converse"; }
  Framing framing() const override { return Framing::kEventStream; }

  Result<EncodedRequest> encode_request(const ChatRequest& request) const override {
    return converse_wire::encode_request(request);
  }
  Result<ChatRequest> decode_request(std::string_view body) const override {
    return converse_wire::decode_request(body);
  }
  std::unique_ptr<StreamDecoder> make_stream_decoder() const override {
    return converse_wire::make_stream_decoder();
  }
  std::unique_ptr<StreamEncoder> make_stream_encoder(const ChatRequest& request) const override {
    return converse_wire::make_stream_encoder();
  }

  Result<ChatResponse> decode_response(std::string_view body) const override {
    Result<Json> json = Json::parse(body);
    if (!json) return fail(malformed_answer(json.error().message));
    const Json* message = json->at("output", "message");
    if (message == nullptr) return fail(malformed_answer("output.message is missing"));
    ChatResponse out;
    TRY_VOID(read_message(*message, out));
    out.native_finish_reason = json->get_text("stopReason");
    if (out.native_finish_reason.empty()) return fail(malformed_answer("stopReason is missing"));
    out.finish_reason = finish_of_word(out.native_finish_reason);
    if (const Json* usage = json->find("usage")) out.usage = usage_from_json(*usage);
    for (const Json::Member& m : *json->members()) {
      if (m.first == "output" || m.first == "stopReason" || m.first == "usage") continue;
      if (m.second.is_null()) continue;
      if (m.first == "serviceTier" && m.second.get_string("type")) {
        out.service_tier = std::string(*m.second.get_string("type"));
      } else {
        out.extra.push_back(m);
      }
    }
    return out;
  }

  std::string encode_response(const ChatResponse& r) const override {
    Json::Array content;
    std::vector<std::string> names;
    Dropped dropped{names};
    for (const contract::Part& part : r.message.parts) {
      // A part of another dialect's own kind cannot come from a model that is asked through this
      // one.
      (void)append_part(part, content, dropped);
    }
    if (!r.message.refusal.empty())
      content.push_back(Json::object().set("text", r.message.refusal));
    if (r.message.empty_text) content.push_back(Json::object().set("text", ""));
    for (const contract::ToolCall& call : r.message.tool_calls) {
      Json use = Json::object();
      use.set("toolUseId", call.id).set("name", call.name).set("input", input_of(call));
      content.push_back(Json::object().set("toolUse", std::move(use)));
    }
    Json message = Json::object();
    message.set("role", "assistant").set("content", std::move(content));
    Json out = Json::object();
    out.set("output", Json::object().set("message", std::move(message)));
    out.set("stopReason", finish_word(r.finish_reason, r.native_finish_reason));
    if (r.usage.known()) out.set("usage", usage_to_json(r.usage));  // zeros would be a lie
    out.set("metrics", Json::object().set("latencyMs", 0));
    if (!r.service_tier.empty()) {
      out.set("serviceTier", Json::object().set("type", r.service_tier));
    }
    for (const Json::Member& m : r.extra) out.set(m.first, m.second);
    return out.dump();
  }

  Error classify_error(int status, const HeaderLookup& headers,
                       std::string_view body) const override {
    Result<Json> json = Json::parse(body);
    std::string type = headers ? headers("x-amzn-errortype").value_or("") : "";
    std::string message;
    if (json) {
      if (type.empty()) type = json->get_text("__type");
      message = std::string(
          json->get_string("message").value_or(json->get_string("Message").value_or("")));
    }
    Error error = error_of(status, type, message);
    error.retry_after = read_retry_after(headers);
    return error;
  }

  EncodedError encode_error(const Error& error) const override {
    ExceptionName name = exception_of(error);
    EncodedError out;
    out.status = name.status;
    out.body = Json::object().set("message", error.message).dump();
    out.headers.emplace_back("x-amzn-errortype", std::string(name.name));
    if (error.retry_after) {
      int64_t ms = std::max<int64_t>(0, error.retry_after->count() / 1'000'000);
      out.headers.emplace_back("retry-after", std::to_string((ms + 999) / 1000));
    }
    return out;
  }
};

}  // namespace
}  // namespace converse_wire

const Dialect& converse() {
  static const converse_wire::Converse dialect;
  return dialect;
}

}  // namespace drover::dialect
