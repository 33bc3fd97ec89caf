// Chat completions answers, both ways, and OpenAI's words for usage and finish reasons.
#include "dialect/members.h"
#include "dialect/openai_wire.h"

namespace drover::dialect {
namespace {

using contract::FinishReason;
using contract::Message;
using contract::Part;
using contract::ReasoningPart;
using contract::Role;
using contract::TextPart;
using contract::Usage;

Result<void> read_choice(const Json& choice, ChatResponse& out) {
  const Json* message = choice.find("message");
  if (message == nullptr) return fail(malformed_answer("choices[0].message is missing"));
  Json with_role = *message;
  if (with_role.is_object() && with_role.find("role") == nullptr)
    with_role.set("role", "assistant");
  Result<Message> m = contract::message_from_json(with_role);
  if (!m) return fail(malformed_answer("choices[0].message." + m.error().message));
  if (m->role != Role::kAssistant)
    return fail(malformed_answer("the message is not an assistant's"));
  out.message = std::move(*m);
  std::erase_if(out.message.extra, [](const Json::Member& e) { return is_nothing(e.second); });
  out.native_finish_reason = choice.get_text("finish_reason");
  out.finish_reason = openai_wire::finish_of_word(out.native_finish_reason);
  Json beside = Json::object();
  for (const Json::Member& e : *choice.members()) {
    if (!is_one_of(e.first, {"index", "message", "finish_reason"}) && !is_nothing(e.second)) {
      beside.set(e.first, e.second);
    }
  }
  if (!beside.members()->empty()) out.extra.emplace_back("choice", std::move(beside));
  return {};
}

}  // namespace

FinishReason openai_wire::finish_of_word(std::string_view word) {
  if (word == "stop") return FinishReason::kStop;
  if (word == "length") return FinishReason::kLength;
  if (word == "tool_calls" || word == "function_call") return FinishReason::kToolCalls;
  if (word == "content_filter") return FinishReason::kContentFilter;
  if (word == "error") return FinishReason::kMalformed;
  return FinishReason::kUnknown;
}

std::string_view openai_wire::finish_word(FinishReason reason, std::string_view native) {
  if (!native.empty() && finish_of_word(native) == reason && reason != FinishReason::kUnknown) {
    return native;
  }
  switch (reason) {
    case FinishReason::kLength:
    case FinishReason::kContextFull:
      return "length";  // OpenAI has no word of its own for it
    case FinishReason::kToolCalls:
      return "tool_calls";
    case FinishReason::kContentFilter:
      return "content_filter";
    case FinishReason::kMalformed:
      return "error";
    default:
      return "stop";
  }
}

Usage openai_wire::usage_from_json(const Json& json) {
  Usage u;
  u.input_tokens = token_count(json, "prompt_tokens");
  u.output_tokens = token_count(json, "completion_tokens");
  if (const Json* in = json.find("prompt_tokens_details"); in != nullptr && in->is_object()) {
    u.cache_read_tokens = token_count(*in, "cached_tokens");
    u.cache_write_tokens = token_count(*in, "cache_write_tokens");
    u.audio_input_tokens = token_count(*in, "audio_tokens");
    u.image_input_tokens = token_count(*in, "image_tokens");
  }
  // DeepSeek and Moonshot count cached tokens beside the details.
  if (!u.cache_read_tokens) u.cache_read_tokens = token_count(json, "prompt_cache_hit_tokens");
  if (!u.cache_read_tokens) u.cache_read_tokens = token_count(json, "cached_tokens");
  if (const Json* out = json.find("completion_tokens_details");
      out != nullptr && out->is_object()) {
    u.reasoning_tokens = token_count(*out, "reasoning_tokens");
    u.audio_output_tokens = token_count(*out, "audio_tokens");
    u.accepted_prediction_tokens = token_count(*out, "accepted_prediction_tokens");
    u.rejected_prediction_tokens = token_count(*out, "rejected_prediction_tokens");
  }
  return u;
}

Json openai_wire::usage_to_json(const Usage& u) {
  Json in = Json::object();
  if (u.cache_read_tokens) in.set("cached_tokens", *u.cache_read_tokens);
  if (u.cache_write_tokens) in.set("cache_write_tokens", *u.cache_write_tokens);
  if (u.audio_input_tokens) in.set("audio_tokens", *u.audio_input_tokens);
  if (u.image_input_tokens) in.set("image_tokens", *u.image_input_tokens);
  Json details = Json::object();
  if (u.reasoning_tokens) details.set("reasoning_tokens", *u.reasoning_tokens);
  if (u.audio_output_tokens) details.set("audio_tokens", *u.audio_output_tokens);
  if (u.accepted_prediction_tokens) {
    details.set("accepted_prediction_tokens", *u.accepted_prediction_tokens);
  }
  if (u.rejected_prediction_tokens) {
    details.set("rejected_prediction_tokens", *u.rejected_prediction_tokens);
  }
  Json out = Json::object();
  out.set("prompt_tokens", u.input_tokens.value_or(0));
  out.set("completion_tokens", u.output_tokens.value_or(0));
  out.set("total_tokens", u.input_tokens.value_or(0) + u.output_tokens.value_or(0));
  if (!in.members()->empty()) out.set("prompt_tokens_details", std::move(in));
  if (!details.members()->empty()) out.set("completion_tokens_details", std::move(details));
  return out;
}

Json openai_wire::answer_to_json(const Message& message) {
  Message plain = message;
  plain.role = Role::kAssistant;
  plain.parts.clear();
  std::string reasoning;
  std::string text;
  bool only_text = true;
  for (const Part& part : message.parts) {
    if (const ReasoningPart* r = std::get_if<ReasoningPart>(&part)) {
      reasoning += r->text;
      continue;
    }
    const TextPart* t = std::get_if<TextPart>(&part);
    only_text = only_text && t != nullptr;
    if (t != nullptr) text += t->text;
    plain.parts.push_back(part);
  }
  if (only_text && !plain.parts.empty()) {
    plain.empty_text = text.empty();
    plain.parts.clear();
    if (!text.empty()) plain.parts.emplace_back(TextPart{std::move(text)});
  }
  if (!reasoning.empty()) plain.parts.insert(plain.parts.begin(), ReasoningPart{reasoning, ""});
  Json out = contract::to_json(plain);
  if (message.refusal.empty()) out.set("refusal", nullptr);  // SDK types have it always
  return out;
}

Json openai_wire::response_to_json(const ChatResponse& r) {
  Json choice = Json::object();
  choice.set("index", 0).set("message", answer_to_json(r.message)).set("logprobs", nullptr);
  choice.set("finish_reason", finish_word(r.finish_reason, r.native_finish_reason));
  for (const Json::Member& e : r.extra) {
    if (e.first != "choice" || !e.second.is_object()) continue;
    for (const Json::Member& m : *e.second.members()) choice.set(m.first, m.second);
  }
  Json out = Json::object();
  out.set("id", r.id).set("object", "chat.completion").set("created", r.created);
  Json::Array choices;
  choices.push_back(std::move(choice));
  for (const Json::Member& e : r.extra) {
    const Json::Array* others = e.first == "other_choices" ? e.second.array_items() : nullptr;
    if (others != nullptr) choices.insert(choices.end(), others->begin(), others->end());
  }
  out.set("model", r.model).set("choices", std::move(choices));
  if (r.usage.known()) out.set("usage", usage_to_json(r.usage));
  if (!r.service_tier.empty()) out.set("service_tier", r.service_tier);
  if (!r.system_fingerprint.empty()) out.set("system_fingerprint", r.system_fingerprint);
  for (const Json::Member& e : r.extra) {
    if (e.first != "choice" && e.first != "other_choices") out.set(e.first, e.second);
  }
  return out;
}

std::string OpenAiDialect::encode_response(const ChatResponse& response) const {
  return openai_wire::response_to_json(response).dump();
}

Result<ChatResponse> OpenAiDialect::decode_response(std::string_view body) const {
  Result<Json> json = Json::parse(body);
  if (!json) return fail(malformed_answer(json.error().message));
  if (!json->is_object()) return fail(malformed_answer("not a JSON object"));
  if (openai_wire::is_error_body(*json)) {
    // Some servers answer 200 and say in the body that it went wrong.
    return fail(openai_wire::error_of(0, HeaderLookup(), openai_wire::read_error_body(*json)));
  }
  const Json* choices = json->find("choices");
  if (choices == nullptr || !choices->is_array() || choices->array_items()->empty() ||
      !choices->array_items()->front().is_object()) {
    return fail(malformed_answer("choices must be an array that is not empty"));
  }
  ChatResponse out;
  out.id = json->get_text("id");
  out.model = json->get_text("model");
  out.system_fingerprint = json->get_text("system_fingerprint");
  out.service_tier = json->get_text("service_tier");
  out.created = json->get_int("created").value_or(0);
  const Json::Array& items = *choices->array_items();
  TRY_VOID(read_choice(items.front(), out));
  if (items.size() > 1) {
    out.extra.emplace_back("other_choices", Json::Array(items.begin() + 1, items.end()));
  }
  if (const Json* usage = json->find("usage"); usage != nullptr && usage->is_object()) {
    out.usage = openai_wire::usage_from_json(*usage);
  }
  for (const Json::Member& e : *json->members()) {
    if (is_one_of(e.first, {"id", "model", "system_fingerprint", "service_tier", "created",
                            "choices", "usage", "object"}) ||
        is_nothing(e.second)) {
      continue;
    }
    out.extra.push_back(e);
  }
  return out;
}

}  // namespace drover::dialect
