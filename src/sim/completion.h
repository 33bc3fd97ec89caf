#pragma once
// What a simulated model's answer uses: the answer cut to its limit, and its tokens. The same for a
// call that is answered at once and for a line of a batch. Loop thread only.

#include <string>

#include "contract/chat.h"
#include "sim/cloud_options.h"
#include "sim/ledger.h"
#include "sim/model.h"
#include "sim/prompt_cache.h"

namespace drover::sim {

struct Completion {
  ModelAnswer answer;
  contract::Usage usage;
  int64_t answer_tokens = 0;
  /// Without the output, which counts as far as it is sent.
  Billed billed;
};

struct CompletionRules {
  CloudKind kind = CloudKind::kOpenAi;
  /// Bedrock caches only what a cachePoint marks; the others cache by themselves.
  bool marked = false;
};

/// `prompt` is prompt_text() of the request.
Completion complete(const contract::ChatRequest& request, const std::string& model,
                    ModelAnswer answer, const std::string& prompt, PromptCache& cache, MonoTime now,
                    CompletionRules rules);

}  // namespace drover::sim
