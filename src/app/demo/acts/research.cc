// A research agent searches three topics at once, writes down what it learnt, and in a later
// session reads its notes back and cites them.

#include "app/demo/acts/act.h"

namespace drover::app {
namespace {

struct Study {
  double morning, evening;
  const char* topics[3];
};
constexpr Study kStudies[] = {
    {8.5, 16.5, {"heat pumps", "grid batteries", "night trains"}},
    {9.5, 18.0, {"pumped hydro", "offshore wind", "rail freight"}},
    {11.6, 20.0, {"undersea cables", "data centres", "weather maps"}},
};

class ResearchAct final : public Act {
 public:
  explicit ResearchAct(uint64_t seed) : random_(seed) {}
  std::string name() const override { return "research"; }
  std::string asks() const override {
    return std::to_string(std::size(kStudies)) +
           " comparisons of three topics, and later what is remembered of them";
  }
  size_t talks() const override { return 2 * std::size(kStudies); }

  Task<Result<void>> run(Context ctx, Day* day) override {
    async::Scope scope(ctx);
    for (const Study& study : kStudies) scope.spawn(one(scope.context(), day, &study));
    co_await scope.join();
    co_return Result<void>();
  }

  void check(const std::vector<const SessionFacts*>& facts, const DayReport&,
             ActReport& out) const override {
    check_finished(facts, out);
    size_t written = 0, cited = 0;
    uint64_t widest = 0;
    for (const SessionFacts* s : facts) {
      widest = std::max(widest, s->widest_fan_out);
      for (const ToolFact& tool : s->tools) {
        if (tool.name == "memory_write" && !tool.is_error) ++written;
        bool read =
            tool.name == "memory_search" && tool.content.find("research/") != std::string::npos;
        if (read && s->last_answer.find("research/") != std::string::npos) {
          ++cited;
          out.session = s->id.str();
        }
      }
    }
    out.findings.push_back({widest >= 3, std::to_string(widest) + " tool calls side by side"});
    out.findings.push_back(
        {written == 3 * std::size(kStudies), std::to_string(written) + " notes written to memory"});
    out.findings.push_back({cited == std::size(kStudies),
                            std::to_string(cited) + " later sessions read a note and cited it"});
  }

 private:
  Task<void> one(Context ctx, Day* day, const Study* study) {
    auto morning = co_await day->until(ctx, study->morning);
    if (!morning) co_return;
    Talk ask;
    ask.act = name();
    ask.agent = "research";
    ask.user = "library";
    ask.turns.push_back(std::string("Compare ") + study->topics[0] + ", " + study->topics[1] +
                        " and " + study->topics[2] + ".");
    co_await day->converse(ctx, std::move(ask));
    auto evening = co_await day->until(ctx, study->evening);
    if (!evening) co_return;
    Talk recall;
    recall.act = name();
    recall.agent = "research";
    recall.user = "library";
    recall.turns.push_back(std::string("What do you remember about ") +
                           study->topics[random_.below(3)] + "?");
    co_await day->converse(ctx, std::move(recall));
  }

  SeededRandom random_;
};

}  // namespace

std::unique_ptr<Act> make_research_act(uint64_t seed) {
  return std::make_unique<ResearchAct>(seed);
}

}  // namespace drover::app
