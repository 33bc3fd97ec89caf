// A research agent that never has enough: it spawns helpers that search on and on, until the budget
// of the whole tree stops them; then a person kills the tree.

#include "app/demo/acts/act.h"

namespace drover::app {
namespace {

constexpr double kRunawayBegins = 10, kRunawayLooked = 14;
constexpr const char* kLimit = "0.01";  // as examples/agents/digger.yaml has it

class RunawayAct final : public Act {
 public:
  std::string name() const override { return "runaway"; }
  std::string asks() const override {
    return "an agent that spawns helpers without end, with one budget for its whole tree";
  }
  size_t talks() const override { return 1; }

  Task<Result<void>> run(Context ctx, Day* day) override {
    CO_TRY_VOID(co_await day->until(ctx, kRunawayBegins));
    Talk talk;
    talk.act = name();
    talk.agent = "digger";
    talk.user = "curious";
    talk.turns.push_back("Get to the bottom of sea ice.");
    CO_TRY(root_, co_await day->begin(ctx, std::move(talk)));
    CO_TRY_VOID(co_await day->until(ctx, kRunawayLooked));
    // On a busy machine the tree takes longer than until then.
    CO_TRY(auto rows, co_await day->until_tree_stopped(ctx, root_, "budget"));
    identity::Principal who = day->who();
    for (const store::SessionRow& row : rows) {
      ++sessions_;
      steps_ += row.spent.steps;
      cost_ += row.spent.cost;
      stopped_ += row.waiting_for == "budget" ? 1 : 0;
    }
    session::KillTarget target;
    target.kind = session::KillTarget::Kind::kTree;
    target.what = root_.str();
    CO_TRY(auto visit, co_await day->visit(ctx));
    CO_TRY(auto report, co_await day->sessions().kill(ctx, who, std::move(target), "runaway"));
    killed_ = report.stopped.size();
    day->note(clock_text(day->hour()) + "  the runaway tree is killed: " + std::to_string(killed_) +
              " sessions");
    co_return Result<void>();
  }

  void check(const std::vector<const SessionFacts*>&, const DayReport&,
             ActReport& out) const override {
    out.session = root_.str();
    Money limit = Money::parse_usd(kLimit).value_or(Money());
    out.findings.push_back({stopped_ > 0 && cost_ <= limit && steps_ > 8,
                            std::to_string(sessions_) + " sessions made " + std::to_string(steps_) +
                                " steps, then their one budget of $" + kLimit +
                                " stopped all of them at $" + cost_.usd()});
    out.findings.push_back({killed_ == sessions_ && sessions_ > 1,
                            "a kill of the tree stopped " + std::to_string(killed_) + " sessions"});
  }

 private:
  SessionId root_;
  size_t sessions_ = 0, stopped_ = 0, killed_ = 0;
  int64_t steps_ = 0;
  Money cost_;
};

}  // namespace

std::unique_ptr<Act> make_runaway_act() { return std::make_unique<RunawayAct>(); }

}  // namespace drover::app
