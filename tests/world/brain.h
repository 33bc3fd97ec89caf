#pragma once
// What the models of the world think: they do what the user's last message says. Its text is
//   #7 do fast+slow sleep:5 spawn:2:all:fast say
// a number for people, then one word a step: tools joined by + are called side by side, `say` (or
// the end) answers. Words with arguments:
//   sleep:SECONDS   signal:NAME[:SECONDS]   extend:TOKENS   spawn:N:all|any|NUMBER:WORD
// where WORD is what each child does (its own colons written as dots). A planner has two more, ask
// (a person's word) and think[:MODEL] (a model call), and turns all of them into effects of their
// own where a model calls a built-in tool. Pure: the conversation
// decides everything, so that a model asked twice answers the same. The same brain stands behind
// the light road, behind planners and behind simulated clouds.

#include "sim/model.h"

namespace drover::world {

/// One call that a word asks for.
contract::ToolCall call_of_word(std::string_view word);
/// The calls of step `step` of a script; empty: it answers.
std::vector<contract::ToolCall> calls_of_step(std::string_view script, size_t step);
/// The script's number, as answers repeat it.
std::string script_number(std::string_view script);

/// What a planner answers to a question (contract/README.md, "Planners"): the same script.
Json plan_of(const Json& question);

class Brain final : public sim::Model {
 public:
  Result<sim::ModelAnswer> answer(const sim::ModelQuestion& question) override;
};

}  // namespace drover::world
