#pragma once
// How much a stream has said, as a careful estimate in tokens, so that an endpoint which ignores
// max_tokens is cut inside the stream and not found out afterwards. A value of one attempt.
//
// An event is mostly one token, and a token four bytes on average; some servers join many tokens in
// an event, some split them. The lower of both counts holds, or a sixteenth of the bytes where
// events are large: never more than was said by any reckoning, so no answer within its limit is
// cut. For the same reason an answer may pass its limit by half, and kSlack tokens, before it is.
// A tool call's fragment counts as one token. What is to be paid where no usage came is the higher
// of both counts instead: never less than was said.

#include <algorithm>
#include <cstdint>

#include "contract/chat.h"

namespace drover::providers {

/// A rule of thumb for English text and JSON in today's tokenizers; good enough to never settle a
/// call at nothing, and marked as an estimate wherever it is used.
inline constexpr int64_t kBytesPerToken = 4;

/// The bytes of a delta that its reader sees.
inline int64_t visible_bytes(const contract::StreamDelta& delta) {
  if (const auto* t = std::get_if<contract::TextDelta>(&delta)) {
    return static_cast<int64_t>(t->text.size());
  }
  if (const auto* r = std::get_if<contract::ReasoningDelta>(&delta)) {
    return static_cast<int64_t>(r->text.size());
  }
  if (const auto* r = std::get_if<contract::RefusalDelta>(&delta)) {
    return static_cast<int64_t>(r->text.size());
  }
  if (const auto* c = std::get_if<contract::ToolCallDelta>(&delta)) {
    return static_cast<int64_t>(c->name.size() + c->arguments.size());
  }
  return 0;
}

class OutputMeter {
 public:
  static constexpr int64_t kSlack = 32;

  /// A visible event of so many bytes.
  void add(int64_t bytes) {
    ++events_;
    bytes_ += bytes;
  }
  int64_t tokens() const { return std::max(bytes_ / 16, std::min(events_, bytes_ / 4)); }
  /// For an estimate of what is billed; 0 where nothing was visible.
  int64_t tokens_to_pay() const {
    return events_ == 0 ? 0 : std::max(events_, bytes_ / kBytesPerToken + 1);
  }
  bool over(int64_t tokens_max) const { return tokens() > tokens_max + tokens_max / 2 + kSlack; }

 private:
  int64_t events_ = 0;
  int64_t bytes_ = 0;
};

}  // namespace drover::providers
