#include "sim/prompt_cache.h"

#include "sim/tokens.h"

namespace drover::sim {

namespace {
/// FNV-1a: enough to tell apart blocks that nobody forges.
uint64_t mix(uint64_t hash, std::string_view bytes) {
  for (char c : bytes) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3;
  }
  return hash;
}
}  // namespace

PromptCacheUse PromptCache::use(std::string_view partition, std::string_view prompt, MonoTime now) {
  PromptCacheUse out;
  if (count_tokens(prompt) < rules_.tokens_min) return out;
  const size_t block_bytes = static_cast<size_t>(rules_.block_tokens) * kBytesPerToken;
  uint64_t hash = mix(mix(0xcbf29ce484222325, partition), std::string_view("\0", 1));
  bool known = true;
  for (size_t at = 0; at + block_bytes <= prompt.size(); at += block_bytes) {
    hash = mix(hash, prompt.substr(at, block_bytes));
    auto [entry, is_new] = seen_.try_emplace(hash, now);
    if (is_new) order_.push_back(hash);
    known = known && !is_new && now - entry->second <= rules_.lifetime;
    (known ? out.read_tokens : out.write_tokens) += rules_.block_tokens;
    entry->second = now;
  }
  while (order_.size() > kPromptCacheBlocksMax) {
    seen_.erase(order_.front());
    order_.pop_front();
  }
  if (out.read_tokens < rules_.tokens_min) {
    out.write_tokens += out.read_tokens;
    out.read_tokens = 0;
  }
  return out;
}

void PromptCache::clear() {
  seen_.clear();
  order_.clear();
}

}  // namespace drover::sim
