#include "sim/completion.h"

#include "sim/tokens.h"

namespace drover::sim {

namespace {

/// Ends the text where the limit is, between two characters.
void cut_answer(ModelAnswer& answer, int64_t limit) {
  std::string text = answer.message.text();
  size_t end = std::min(text.size(), static_cast<size_t>(limit) * kBytesPerToken);
  while (end > 0 && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) {
    --end;
  }
  answer.message = contract::Message::of_text(contract::Role::kAssistant, text.substr(0, end));
  answer.finish_reason = contract::FinishReason::kLength;
}

}  // namespace

Completion complete(const contract::ChatRequest& request, const std::string& model,
                    ModelAnswer answer, const std::string& prompt, PromptCache& cache, MonoTime now,
                    CompletionRules rules) {
  Completion out;
  out.answer = std::move(answer);
  out.answer_tokens = count_answer_tokens(out.answer.message);
  const int64_t limit = request.max_tokens.value_or(0);
  if (limit > 0 && out.answer_tokens > limit && out.answer.message.tool_calls.empty()) {
    cut_answer(out.answer, limit);
    out.answer_tokens = count_answer_tokens(out.answer.message);
  }
  const PromptCacheUse cached = cache.use(model, prompt, now);
  const bool explicit_only = rules.kind == CloudKind::kAws;
  contract::Usage& usage = out.usage;
  usage.input_tokens = count_tokens(prompt);
  usage.output_tokens = out.answer_tokens;
  const int64_t reasoning = count_reasoning_tokens(out.answer.message);
  if (reasoning > 0) usage.reasoning_tokens = reasoning;
  if (!explicit_only || rules.marked) {
    usage.cache_read_tokens = cached.read_tokens;
    if (explicit_only) usage.cache_write_tokens = cached.write_tokens;
  }
  out.billed.input = *usage.input_tokens;
  out.billed.cache_read = usage.cache_read_tokens.value_or(0);
  out.billed.cache_write = usage.cache_write_tokens.value_or(0);
  return out;
}

}  // namespace drover::sim
