#include "session/prompt_tally.h"

#include "crypto/sha256.h"

namespace drover::session {

void PromptTally::count(const std::vector<contract::Message>& messages) {
  for (; counted_ < messages.size(); ++counted_) {
    const size_t before = hash_.size();
    std::string chained = std::move(hash_);
    contract::to_json(messages[counted_]).dump_to(chained);
    bytes_ += static_cast<int64_t>(chained.size() - before);
    hash_ = crypto::sha256_hex(chained);
  }
}

}  // namespace drover::session
