#include <algorithm>

#include "dialect/dialect.h"
#include "providers/provider.h"
#include "providers/shorten.h"

namespace drover::providers {
namespace {

/// About the bytes of its text, without making it.
size_t json_bytes(const Json& json) {
  if (const std::string* text = json.string()) return text->size() + 2;
  if (const Json::Number* number = json.raw_number()) return number->text.size();
  size_t bytes = 4;
  if (const Json::Object* members = json.members()) {
    for (const auto& [name, value] : *members) bytes += name.size() + 4 + json_bytes(value);
  } else if (const Json::Array* items = json.array_items()) {
    for (const Json& item : *items) bytes += 1 + json_bytes(item);
  }
  return bytes;
}

size_t tool_bytes(const contract::ChatRequest& chat) {
  size_t bytes = 0;
  for (const contract::ToolDefinition& tool : chat.tools) {
    bytes += tool.name.size() + tool.description.size() + json_bytes(tool.parameters);
  }
  return bytes;
}

size_t text_bytes(const contract::ChatRequest& chat) {
  size_t bytes = tool_bytes(chat);
  for (const contract::Message& message : chat.messages) {
    bytes += static_cast<size_t>(message_bytes(message));
  }
  return bytes;
}

constexpr std::string_view kServiceTier = "service_tier";
/// No provider makes so many at once.
constexpr int64_t kAnswersMax = 1'000;

std::string stated_tier(const contract::ChatRequest& chat) {
  for (const auto& [name, value] : chat.extra) {
    if (name == kServiceTier && value.string() != nullptr) return *value.string();
  }
  return "";
}

void put_tier(contract::ChatRequest& chat, std::string_view tier) {
  std::erase_if(chat.extra, [](const Json::Member& m) { return m.first == kServiceTier; });
  if (!tier.empty()) chat.extra.emplace_back(std::string(kServiceTier), Json(tier));
}

}  // namespace

Prompt Prompt::from_chat(contract::ChatRequest request) {
  Prompt out;
  out.scan_.model = request.model;
  out.scan_.stream = request.stream;
  out.scan_.include_usage = request.include_usage;
  out.scan_.max_tokens = request.max_tokens;
  out.scan_.service_tier = stated_tier(request);
  out.scan_.n = request.n;
  out.chat_ = std::make_unique<contract::ChatRequest>(std::move(request));
  return out;
}

Prompt Prompt::from_openai(std::string&& body, dialect::OpenAiScan&& scan) {
  return Prompt(std::move(body), std::move(scan));
}

const std::string& Prompt::model() const { return scan_.model; }
bool Prompt::stream() const { return scan_.stream; }
bool Prompt::include_usage() const { return scan_.include_usage; }
std::optional<int64_t> Prompt::max_tokens() const { return scan_.max_tokens; }

int64_t Prompt::answers() const { return std::clamp<int64_t>(scan_.n.value_or(1), 1, kAnswersMax); }

std::optional<int64_t> Prompt::max_tokens_in_all() const {
  const std::optional<int64_t>& each = scan_.max_tokens;
  if (!each || !scan_.n) return each;
  // Who asks for numbers beyond these has no limit.
  if (*scan_.n < 1 || *scan_.n > kAnswersMax || *each > INT32_MAX) return std::nullopt;
  return *each * *scan_.n;
}

Result<const contract::ChatRequest*> Prompt::chat() {
  if (!chat_) {
    // A hedge that was about to ask when the other had shown something (drop_text()).
    if (!body_) return fail(Code::kCancelled, "the prompt is not kept any more");
    TRY(contract::ChatRequest chat, dialect::openai().decode_request(*body_));
    chat_ = std::make_unique<contract::ChatRequest>(std::move(chat));
  }
  return chat_.get();
}

Result<const contract::ChatRequest*> Prompt::chat_as(std::string_view upstream_model, bool stream,
                                                     std::string_view tier) {
  TRY(const contract::ChatRequest* chat, this->chat());
  chat_->model = upstream_model;
  chat_->stream = stream;
  // A stream whose usage nobody asked for cannot be settled.
  chat_->include_usage = stream;
  // An attempt before may have put another.
  if (service_tier().empty()) put_tier(*chat_, tier);
  return chat;
}

bool Prompt::holds_images() {
  // In a body the word can only stand for itself: within a text its quotes would be escaped.
  constexpr std::string_view kWord = "\"image_url\"";
  if (body_ && body_->find(kWord) == std::string::npos) return false;
  Result<const contract::ChatRequest*> chat = this->chat();
  if (!chat) return false;  // the attempt will say what is wrong with it
  for (const contract::Message& message : (*chat)->messages) {
    for (const contract::Part& part : message.parts) {
      if (std::holds_alternative<contract::ImagePart>(part)) return true;
    }
  }
  return false;
}

Result<int64_t> Prompt::shorten(int64_t tokens_max) {
  if (estimated_input_tokens() <= tokens_max) return 0;
  TRY_VOID(chat());
  auto rest = static_cast<int64_t>(tool_bytes(*chat_));
  int64_t gone = providers::shorten(chat_->messages, rest, tokens_max);
  if (gone > 0) changed();
  return gone;
}

Result<void> Prompt::make_serial() {
  if (body_ && body_->find("\"tools\"") == std::string::npos) return {};
  TRY_VOID(chat());
  if (chat_->tools.empty() || chat_->parallel_tool_calls == false) return {};
  chat_->parallel_tool_calls = false;
  changed();
  return {};
}

/// The caller's bytes say something else now.
void Prompt::changed() {
  body_.reset();
  input_bytes_ = 0;
}

int64_t Prompt::input_bytes() const {
  if (input_bytes_ == 0) {
    input_bytes_ = static_cast<int64_t>(body_ ? body_->size() : chat_ ? text_bytes(*chat_) : 0);
  }
  return input_bytes_;
}

void Prompt::drop_text() {
  (void)input_bytes();
  body_.reset();
  chat_.reset();
}

int64_t Prompt::estimated_input_tokens() const { return input_bytes() / kBytesPerToken + 1; }

}  // namespace drover::providers
