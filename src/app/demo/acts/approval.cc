// A refund waits for a person, and Drover is restarted while it waits, with other sessions at work.

#include "app/demo/acts/act.h"

namespace drover::app {
namespace {

constexpr double kApprovalAsked = 17, kRestart = 18.5, kApproved = 21;
/// Far above what it takes by itself: days run on busy machines.
constexpr Duration kBackAfter = 15s;

class ApprovalAct final : public Act {
 public:
  std::string name() const override { return "approvals"; }
  std::string asks() const override {
    return "two refunds that a person must allow, and a restart of Drover while they wait";
  }
  size_t talks() const override { return 2; }

  Task<Result<void>> run(Context ctx, Day* day) override {
    CO_TRY_VOID(co_await day->until(ctx, kApprovalAsked));
    CO_TRY(allowed_, co_await ask(ctx, day, "ada", "graz-4711"));
    CO_TRY(refused_, co_await ask(ctx, day, "bob", "lund-1234"));
    CO_TRY(auto first, co_await day->until_waiting(ctx, allowed_, "approval"));
    CO_TRY(auto second, co_await day->until_waiting(ctx, refused_, "approval"));
    CO_TRY_VOID(co_await day->until(ctx, kRestart));
    at_work_ = day->at_work();
    day->note(clock_text(kRestart) + "  Drover is restarted with " + std::to_string(at_work_) +
              " sessions at work and 2 that wait for a person");
    MonoTime began = ctx.loop().mono();
    CO_TRY(woken_, co_await day->restart(ctx));
    took_ = ctx.loop().mono() - began;
    CO_TRY_VOID(co_await day->until(ctx, kApproved));
    CO_TRY_VOID(co_await decide(ctx, day, &first, allowed_, "approved"));
    CO_TRY_VOID(co_await decide(ctx, day, &second, refused_, "denied"));
    CO_TRY_VOID(co_await day->until_waiting(ctx, allowed_, "message"));
    CO_TRY_VOID(co_await day->until_waiting(ctx, refused_, "message"));
    co_return Result<void>();
  }

  void check(const std::vector<const SessionFacts*>& facts, const DayReport&,
             ActReport& out) const override {
    check_finished(facts, out);
    size_t made = 0, refused = 0;
    for (const SessionFacts* s : facts) {
      for (const ToolFact& tool : s->tools) made += tool.name == "refund_order" ? tool.results : 0;
      refused += s->id == refused_ && s->last_answer.find("refused") != std::string::npos ? 1 : 0;
    }
    out.session = allowed_.str();
    out.findings.push_back({took_ < kBackAfter, "Drover was back after " + format_duration(took_) +
                                                    " and took up " + std::to_string(woken_) +
                                                    " sessions by itself"});
    out.findings.push_back({made == 1, "the allowed refund was made once, after four hours"});
    out.findings.push_back({refused == 1, "the other was refused, and its customer told so"});
  }

 private:
  Task<Result<SessionId>> ask(Context ctx, Day* day, std::string user, std::string order) {
    Talk talk;
    talk.act = name();
    talk.agent = "returns";
    talk.user = std::move(user);
    talk.turns.push_back("I want my money back for order " + order + ".");
    co_return co_await day->begin(ctx, std::move(talk));
  }

  Task<Result<void>> decide(Context ctx, Day* day, const session::State* asked, SessionId id,
                            std::string outcome) {
    const session::Wait* wait = asked->find_wait("approval");
    if (wait == nullptr) co_return fail(Code::kInternal, id.str() + " asked for no approval");
    session::Resolution resolution;
    resolution.wait_id = session::wait_id(wait->sequence);
    resolution.outcome = std::move(outcome);
    resolution.explanation = resolution.outcome == "denied" ? "worn, not faulty" : "faulty zip";
    identity::Principal who = day->who();
    CO_TRY(auto visit, co_await day->visit(ctx));
    CO_TRY_VOID(co_await day->sessions().resolve(ctx, who, id, std::move(resolution)));
    co_return Result<void>();
  }

  SessionId allowed_, refused_;
  size_t at_work_ = 0, woken_ = 0;
  Duration took_{};
};

}  // namespace

std::unique_ptr<Act> make_approval_act() { return std::make_unique<ApprovalAct>(); }

}  // namespace drover::app
