#pragma once
// A provider's prompt cache, simulated: which part of a prompt an earlier prompt already held. The
// prompt is cut into blocks; a block is known if it and all before it were seen within the
// lifetime, so that one changed byte near the start loses everything after it, as it does in truth.
//
// Loop thread only. Limits: kPromptCacheBlocksMax blocks, the oldest are forgotten.

#include <cstdint>
#include <deque>
#include <string_view>
#include <unordered_map>

#include "base/time.h"

namespace drover::sim {

inline constexpr size_t kPromptCacheBlocksMax = 400'000;

struct PromptCacheRules {
  /// Tokens of a block: 128 as OpenAI counts its hits, 16 as vLLM keeps its pages.
  int64_t block_tokens = 128;
  /// Prompts, and hits, shorter than this do not count (1,024 at OpenAI and Bedrock).
  int64_t tokens_min = 1'024;
  Duration lifetime = 5min;
};

struct PromptCacheUse {
  int64_t read_tokens = 0;
  int64_t write_tokens = 0;
};

class PromptCache {
 public:
  explicit PromptCache(PromptCacheRules rules = {}) : rules_(rules) {}
  /// Looks the prompt up, then remembers it. `partition` keeps models and tenants apart.
  PromptCacheUse use(std::string_view partition, std::string_view prompt, MonoTime now);
  void clear();

 private:
  PromptCacheRules rules_;
  std::unordered_map<uint64_t, MonoTime> seen_;
  std::deque<uint64_t> order_;
};

}  // namespace drover::sim
