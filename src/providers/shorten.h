#pragma once
// A conversation that is made to fit a smaller context. The rule:
//
//   Instructions (system and developer messages) stay, wherever they stand. The oldest turns go
//   first, each whole: a question of the user's with everything up to the next one, so that no call
//   of a tool loses its result and no answer its question. If the last turn alone is still too
//   long, its oldest calls of tools go, each with its results; its question and its newest exchange
//   always stay.
//   What goes, goes in batches of a quarter of the context, so that the beginning of the prompt
//   stays the same for many calls and the provider's prompt cache keeps its worth.
//
// The same conversation is always shortened in the same way. Pure; sizes are estimates (four bytes
// a token).

#include <cstdint>
#include <vector>

#include "contract/chat.h"

namespace drover::providers {

/// About the bytes of a message that a model reads.
int64_t message_bytes(const contract::Message& message);

/// `rest_bytes`: what is sent beside the messages (tools). Returns how many messages went.
int64_t shorten(std::vector<contract::Message>& messages, int64_t rest_bytes, int64_t tokens_max);

}  // namespace drover::providers
