#pragma once
// The name and the size of a prompt, kept beside its messages. Both are worked out when somebody
// asks, over what came since the last time: a session whose planner makes no model call never does,
// and a step of it writes its journal the sooner. Part of the pure core: a value.

#include <cstdint>
#include <string>
#include <vector>

#include "contract/chat.h"

namespace drover::session {

class PromptTally {
 public:
  PromptTally() = default;
  /// As it was kept with the first `counted` messages.
  PromptTally(size_t counted, std::string hash, int64_t bytes)
      : counted_(counted), hash_(std::move(hash)), bytes_(bytes) {}

  /// Takes in what was appended to the messages that it knows. Those it knows stay as they are.
  void count(const std::vector<contract::Message>& messages);
  /// SHA-256 (hex) chained over the messages; "" of none.
  const std::string& hash() const { return hash_; }
  /// Of the messages as JSON.
  int64_t bytes() const { return bytes_; }

 private:
  size_t counted_ = 0;
  std::string hash_;
  int64_t bytes_ = 0;
};

}  // namespace drover::session
