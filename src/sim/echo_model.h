#pragma once
// A model that says what it was last told: "you said: …", for tests of the wire. Two words help:
// a last user text "say:TEXT" is answered with TEXT alone, and "bytes:N" with N bytes of text.
// Stateless. Limits: 8 MiB of answer.

#include "sim/model.h"

namespace drover::sim {

class EchoModel final : public Model {
 public:
  Result<ModelAnswer> answer(const ModelQuestion& question) override;
};

}  // namespace drover::sim
