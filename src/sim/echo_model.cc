#include "sim/echo_model.h"

#include <charconv>

namespace drover::sim {

namespace {
constexpr size_t kAnswerBytesMax = 8u << 20;

std::string text_of_size(size_t bytes) {
  constexpr std::string_view kLine = "the quick brown fox jumps over the lazy dog; ";
  std::string out;
  out.reserve(bytes + kLine.size());
  while (out.size() < bytes) out += kLine;
  out.resize(bytes);
  return out;
}
}  // namespace

Result<ModelAnswer> EchoModel::answer(const ModelQuestion& question) {
  std::string last;
  for (const contract::Message& message : question.request.messages) {
    if (message.role == contract::Role::kUser || message.role == contract::Role::kTool) {
      last = message.text();
    }
  }
  ModelAnswer out;
  std::string text = "you said: " + last;
  if (last.starts_with("say:")) text = last.substr(4);
  if (last.starts_with("bytes:")) {
    size_t bytes = 0;
    std::from_chars(last.data() + 6, last.data() + last.size(), bytes);
    text = text_of_size(std::min(bytes, kAnswerBytesMax));
  }
  out.message = contract::Message::of_text(contract::Role::kAssistant, std::move(text));
  return out;
}

}  // namespace drover::sim
