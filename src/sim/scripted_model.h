#pragma once
// A small model driven by rules: the first rule whose conditions hold is what it answers.
//
//   {"name": "support", "otherwise": "Tell me more.", "rules": [
//     {"when": {"user_matches": "order ([A-Z0-9-]+)", "not_called": "lookup_order"},
//      "say": "Let me look.", "call": [{"tool": "lookup_order", "arguments": {"id": "{{1}}"}}]},
//     {"when": {"last_tool": "lookup_order"},
//      "say": "It is {{result.lookup_order.status}}."}]}
//
// Conditions (all must hold): user_contains (text or list: any of them; case is ignored),
// user_matches (a regular expression over the last user text; its groups are {{1}} …), last ("user"
// or "tool"), last_tool, result_contains, called / not_called (a tool or a list, since the last
// user message), ever_called / never_called (in the whole conversation), user_turns (a number or
// {"min", "max"}), has_tool (offered in the request), system_contains.
// Answer: say, reasoning, refusal, finish ("stop", "length", "content_filter"), call: a list of
// {"tool", "arguments"}, or {"tool", "over": [...], "arguments"} for one parallel call for each
// {{item}} of a list (or of a template that gives one).
// Templates: {{user}}, {{1}}…{{9}}, {{item}}, {{turn}}, {{results}} (all of this turn),
// {{result.TOOL}} (its newest result), {{result.TOOL.a.0.b}} (a member, if it is JSON; the text is
// the rest of the tool's name otherwise), {{pick a|b|c}} (by seed and conversation). A text that is
// one template alone keeps the JSON type of its value.
//
// Deterministic: seed and conversation decide everything, tool-call ids too. Loop thread only.
// Limits: kScriptRulesMax rules, kScriptCallsMax calls an answer, 64 KiB of text matched.

#include <memory>
#include <optional>
#include <regex>
#include <string>
#include <vector>

#include "base/json.h"
#include "sim/model.h"

namespace drover::sim {

inline constexpr size_t kScriptRulesMax = 1'000;
inline constexpr size_t kScriptCallsMax = 64;

struct ScriptCondition {
  std::vector<std::string> user_contains;
  std::optional<std::regex> user_matches;
  std::string last;
  std::vector<std::string> last_tool;
  std::string result_contains;
  std::vector<std::string> called, not_called, ever_called, never_called, has_tool;
  std::string system_contains;
  int64_t user_turns_min = 0;
  int64_t user_turns_max = INT64_MAX;
};

struct ScriptCall {
  std::string tool;
  Json arguments;
  Json over;  // null, a list, or text with one template
};

struct ScriptRule {
  ScriptCondition when;
  std::string say, reasoning, refusal;
  contract::FinishReason finish = contract::FinishReason::kStop;
  std::vector<ScriptCall> calls;
};

class ScriptedModel final : public Model {
 public:
  static Result<std::unique_ptr<ScriptedModel>> parse(const Json& script, uint64_t seed);
  Result<ModelAnswer> answer(const ModelQuestion& question) override;
  uint64_t misses() const override { return misses_; }
  const std::string& name() const { return name_; }

 private:
  ScriptedModel(uint64_t seed) : seed_(seed) {}
  std::string name_;
  std::vector<ScriptRule> rules_;
  std::string otherwise_;
  uint64_t seed_;
  uint64_t misses_ = 0;
};

}  // namespace drover::sim
