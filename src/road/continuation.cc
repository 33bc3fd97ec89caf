#include "road/continuation.h"

#include "dialect/dialect.h"

namespace drover::road {
namespace {

constexpr const char* kGoOn =
    "Your answer above was cut off by a fault. Go on exactly where it ends, without repeating any "
    "of it and without remarks on this.";

}  // namespace

void Said::add_text(std::string_view text) {
  if (text_.size() + text.size() > limits::kContinuedBytesMax) only_text_ = false;
  if (only_text_) text_ += text;
}

void Said::add(const contract::StreamDelta& delta) {
  if (const auto* t = std::get_if<contract::TextDelta>(&delta)) return add_text(t->text);
  // Reasoning is no part of the answer.
  bool plain = std::holds_alternative<contract::ReasoningDelta>(delta);
  if (contract::is_visible(delta) && !plain) only_text_ = false;
}

void Said::add_raw(std::string_view data) {
  Result<Json> json = Json::parse(data);
  const Json* choices = json ? json->find("choices") : nullptr;
  if (choices == nullptr || !choices->is_array()) return;
  for (const Json& choice : *choices->array_items()) {
    const Json* delta = choice.find("delta");
    if (delta == nullptr) continue;
    std::string_view text = delta->get_string("content").value_or("");
    if (choice.get_int("index").value_or(0) != 0) only_text_ = false;
    const Json* calls = delta->find("tool_calls");
    const Json* refusal = delta->find("refusal");
    if (calls != nullptr && !calls->is_null()) only_text_ = false;
    if (refusal != nullptr && !refusal->is_null()) only_text_ = false;
    add_text(text);
  }
}

void put_whole_text(const Said& said, contract::Message& message) {
  std::erase_if(message.parts, [](const contract::Part& part) {
    return std::holds_alternative<contract::TextPart>(part);
  });
  contract::Message whole = contract::Message::of_text(message.role, said.text());
  for (contract::Part& part : whole.parts) message.parts.push_back(std::move(part));
}

Result<providers::Prompt> continue_prompt(providers::Prompt& prompt, const Said& said) {
  if (!said.continuable()) {
    return fail(Code::kFailedPrecondition, "only text can be continued elsewhere");
  }
  TRY(const contract::ChatRequest* asked, prompt.chat());
  contract::ChatRequest request = *asked;
  request.model = prompt.model();
  request.stream = true;
  request.include_usage = prompt.include_usage();
  request.messages.push_back(contract::Message::of_text(contract::Role::kAssistant, said.text()));
  request.messages.push_back(contract::Message::of_text(contract::Role::kUser, kGoOn));
  if (request.max_tokens) {
    int64_t used = static_cast<int64_t>(said.text().size()) / providers::kBytesPerToken;
    request.max_tokens = std::max<int64_t>(1, *request.max_tokens - used);
  }
  return providers::Prompt::from_chat(std::move(request));
}

}  // namespace drover::road
