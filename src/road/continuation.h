#pragma once
// Internal to src/road: an answer that breaks off after it became visible, taken up by another
// endpoint, where the caller allowed it. The next endpoint is given the conversation, what had been
// said, and the request to go on from there; what it says is handed on behind what was handed on
// already, and marked (Sink::continued, the attempt's record, a span event). Nothing is ever void
// and nothing is said twice by us; that the seam is smooth no one can promise.
//
// Only text can be continued: after a tool call's first fragment, a refusal, or with several
// answers asked for at once, an error stays an error. Values of one flight; loop thread only.

#include <string>

#include "base/limits/road.h"
#include "providers/provider.h"

namespace drover::road {

/// What the caller has been given so far.
class Said {
 public:
  void add(const contract::StreamDelta& delta);
  /// An OpenAI chunk as bytes.
  void add_raw(std::string_view data);
  /// There is text, and nothing but text, and not more than limits::kContinuedBytesMax.
  bool continuable() const { return only_text_ && !text_.empty(); }
  const std::string& text() const { return text_; }

 private:
  void add_text(std::string_view text);
  std::string text_;
  bool only_text_ = true;
};

/// All of the text in place of the last attempt's part of it.
void put_whole_text(const Said& said, contract::Message& message);

/// The prompt that asks for the rest. kFailedPrecondition if it cannot be asked for.
Result<providers::Prompt> continue_prompt(providers::Prompt& prompt, const Said& said);

}  // namespace drover::road
