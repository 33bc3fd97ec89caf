// Two long reports that do not fit into a step's budget: one agent asks for more and a rule grants
// it; the other is refused, runs into its budget, and pauses until a person decides.

#include "app/demo/acts/act.h"

namespace drover::app {
namespace {

constexpr double kExtensionAsked = 13.5, kLooked = 16;

class ExtensionAct final : public Act {
 public:
  std::string name() const override { return "step budgets"; }
  std::string asks() const override {
    return "two reports longer than a step may be: one agent may ask for more, the other may not";
  }
  size_t talks() const override { return 2; }

  Task<Result<void>> run(Context ctx, Day* day) override {
    CO_TRY_VOID(co_await day->until(ctx, kExtensionAsked));
    CO_TRY(granted_, co_await ask(ctx, day, "analyst"));
    CO_TRY(refused_, co_await ask(ctx, day, "intern"));
    CO_TRY_VOID(co_await day->until(ctx, kLooked));
    CO_TRY_VOID(co_await day->until_waiting(ctx, granted_, "message"));
    CO_TRY(auto paused, co_await day->until_waiting(ctx, refused_, "budget"));
    paused_ = paused.reason == "budget" && paused.status == session::Status::kWaiting;
    kept_ = paused.messages.size();
    // A person looks at it and thinks that it is worth it.
    session::ExtensionDecision more;
    more.tokens = 6000;
    more.time = 60s;
    more.explanation = "the board wants it in full";
    identity::Principal who = day->who();
    {
      CO_TRY(auto visit, co_await day->visit(ctx));
      CO_TRY_VOID(co_await day->sessions().decide_extension(ctx, who, refused_, std::move(more)));
    }
    CO_TRY_VOID(co_await day->until_waiting(ctx, refused_, "message"));
    co_return Result<void>();
  }

  void check(const std::vector<const SessionFacts*>& facts, const DayReport&,
             ActReport& out) const override {
    check_finished(facts, out);
    out.session = granted_.str();
    bool granted = false, refused = false;
    for (const SessionFacts* s : facts) {
      for (const ToolFact& tool : s->tools) {
        granted = granted || (s->id == granted_ && tool.content.starts_with("Granted"));
        refused = refused || (s->id == refused_ && tool.content.starts_with("Refused"));
      }
    }
    out.findings.push_back({granted, "one request was granted by the agent's rule"});
    out.findings.push_back({refused && paused_ && kept_ > 2,
                            "the other was refused; its session paused with all it had"});
    out.findings.push_back({paused_, "and went on when a person granted more"});
  }

 private:
  Task<Result<SessionId>> ask(Context ctx, Day* day, std::string agent) {
    Talk talk;
    talk.act = name();
    talk.agent = std::move(agent);
    talk.user = "board";
    talk.turns.push_back("Write the long report on our stores.");
    co_return co_await day->begin(ctx, std::move(talk));
  }

  SessionId granted_, refused_;
  bool paused_ = false;
  size_t kept_ = 0;
};

}  // namespace

std::unique_ptr<Act> make_extension_act() { return std::make_unique<ExtensionAct>(); }

}  // namespace drover::app
