#pragma once
// Deterministic token counts, so that what a simulated provider bills can be worked out by hand:
// a text has ceil(bytes / 4) tokens. A prompt is the text that prompt_text() makes of a request:
// tools first, then system, then the messages in order, so that an appended message leaves the
// prefix as it was. Pure.

#include <cstdint>
#include <string>
#include <string_view>

#include "contract/chat.h"
#include "sim/model.h"

namespace drover::sim {

inline constexpr size_t kBytesPerToken = 4;

int64_t count_tokens(std::string_view text);
std::string prompt_text(const contract::ChatRequest& request);
/// Text, refusal, reasoning, and each call's name and arguments.
int64_t count_answer_tokens(const contract::Message& message);
int64_t count_reasoning_tokens(const contract::Message& message);

}  // namespace drover::sim
