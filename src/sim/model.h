#pragma once
// A simulated model: what it answers to a conversation. Three sources: recordings
// (recorded_model.h), rules (scripted_model.h), an echo (echo_model.h). A model knows no wire form,
// no time and no transport; the cloud around it (cloud.h) does.
//
// The same question gives the same answer, whatever was asked before: nothing is kept between
// calls but counters. Loop thread only. A failure reaches the caller in the cloud's own error form.

#include <cstdint>
#include <string>

#include "contract/chat.h"

namespace drover::sim {

struct ModelQuestion {
  const contract::ChatRequest& request;
  /// Which session asks, if the caller said so (header x-drover-session): "TASK/TRIAL". Used only
  /// to choose among recordings that agree on the whole conversation so far.
  std::string session;
  /// The dialect carries tool arguments as text, so they must be equal byte for byte.
  bool text_arguments = true;
};

struct ModelAnswer {
  contract::Message message;
  contract::FinishReason finish_reason = contract::FinishReason::kStop;
};

class Model {
 public:
  virtual ~Model() = default;
  virtual Result<ModelAnswer> answer(const ModelQuestion& question) = 0;
  /// Questions that found no answer.
  virtual uint64_t misses() const { return 0; }
};

}  // namespace drover::sim
