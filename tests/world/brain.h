#pragma once
// What the models of the world think: they do what the user's last message says. Its text is
//   #7 do fast+slow pay say
// a number for people, then one word a step: tools joined by + are called side by side, `say` (or
// the end) answers. Pure: the conversation decides everything, so that a model asked twice answers
// the same. The same brain stands behind the light road and behind the simulated clouds.

#include "sim/model.h"

namespace drover::world {

class Brain final : public sim::Model {
 public:
  Result<sim::ModelAnswer> answer(const sim::ModelQuestion& question) override;
};

}  // namespace drover::world
