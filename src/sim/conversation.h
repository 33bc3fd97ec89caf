#pragma once
// The key of a conversation: a chain of SHA-256 over its messages, equal for two conversations if
// and only if they say the same. What counts: roles (developer as system), text byte for byte,
// tool names, arguments as a JSON value, results byte for byte, their order and number. What does
// not: tool-call ids (results belong to calls by position, and recorded ids repeat), the split of
// a text into parts, null against empty text, the error flag of a result (OpenAI has none).
//
// Pure functions of their arguments. Limits: those of the request that was parsed.

#include <string>
#include <vector>

#include "contract/chat.h"
#include "crypto/sha256.h"

namespace drover::sim {

/// One message in a form that two messages share exactly when they say the same.
std::string canonical_message(const contract::Message& message);

/// keys[n] is the key of the first n messages; keys[0] that of no messages.
std::vector<crypto::Digest> conversation_keys(const std::vector<contract::Message>& messages);

/// How `got` differs from `expected`, for a person: the field, the offset, a piece of both.
std::string describe_difference(const contract::Message& expected, const contract::Message& got);

}  // namespace drover::sim
