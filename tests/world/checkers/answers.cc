// Answers: what the journal holds as a tool's result is what a tool said to that very call, and no
// tool was called under one key with two attempts of the same number.

#include <map>
#include <set>

#include "world/checkers/table.h"

namespace drover::world {
namespace {

namespace kind = contract::kind;

class AnswersChecker final : public Checker {
 public:
  using Checker::Checker;

  void tool_answered(const ToolAnswer& answer) override {
    said_[answer.key].insert(answer.content);
  }

  void effect_started(const EffectStart& start) override {
    if (start.model || start.attempt == 0) return;
    int& last = last_attempt_[start.key];
    if (start.attempt <= last) {
      verdict_.fail("attempts rise", fmt::format("{} {} was called as attempt {} after {}",
                                                 start.name, start.key, start.attempt, last));
    }
    last = start.attempt;
  }

  void committed(const Seen& seen) override {
    if (seen.event.kind != kind::kToolResult || seen.payload.find("ignored") != nullptr) return;
    auto content = seen.payload.get_string("content").value_or("");
    // Answers of simulated tools name their call; Drover's own words (errors, built-in tools) do
    // not.
    if (content.substr(0, 1) != "#") return;
    std::string key = seen.event.session.str() + "/" + std::to_string(seen.event.causation);
    auto it = said_.find(key);
    if (it == said_.end() || it->second.count(std::string(content)) == 0) {
      verdict_.fail("answers",
                    fmt::format("{}/{} holds '{}', which no tool said to {}",
                                seen.event.session.str(), seen.event.sequence, content, key));
    }
  }

 private:
  std::map<std::string, std::set<std::string>> said_;
  std::map<std::string, int> last_attempt_;
};

}  // namespace

std::unique_ptr<Checker> make_answers_checker(Verdict& verdict, const Book& book) {
  return std::make_unique<AnswersChecker>(verdict, book);
}

}  // namespace drover::world
