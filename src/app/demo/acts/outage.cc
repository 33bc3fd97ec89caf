// At noon AWS goes down while it is answering calls; at three it is back.

#include "app/demo/acts/act.h"

namespace drover::app {
namespace {

constexpr double kDown = 12, kUp = 15;
constexpr size_t kInFlightWanted = 5;

class OutageAct final : public Act {
 public:
  std::string name() const override { return "noon outage"; }
  std::string asks() const override {
    return "AWS goes down at 12:00 with calls in flight, and is back at 15:00";
  }

  Task<Result<void>> run(Context ctx, Day* day) override {
    CO_TRY_VOID(co_await day->until(ctx, kDown));
    // The moment that hurts: wait (at most half an hour of the day) until calls are under way.
    while (day->hour() < kDown + 0.5 && day->in_flight(sim::CloudKind::kAws) < kInFlightWanted) {
      CO_TRY_VOID(co_await async::sleep_for(ctx, 1ms));
    }
    in_flight_ = day->in_flight(sim::CloudKind::kAws);
    down_at_ = day->hour();
    day->set_outage(sim::CloudKind::kAws, true);
    day->note(clock_text(down_at_) + "  AWS goes down with " + std::to_string(in_flight_) +
              " calls in flight");
    CO_TRY_VOID(co_await day->until(ctx, kUp));
    day->set_outage(sim::CloudKind::kAws, false);
    day->note(clock_text(kUp) + "  AWS is back");
    co_return Result<void>();
  }

  void check(const std::vector<const SessionFacts*>&, const DayReport& report,
             ActReport& out) const override {
    out.findings.push_back({in_flight_ > 0, "AWS went down at " + clock_text(down_at_) + " with " +
                                                std::to_string(in_flight_) + " calls in flight"});
    size_t moved = 0;
    for (const FailoverSums& f : report.failovers) {
      if (f.from.starts_with("aws/") && !f.to.starts_with("aws/")) moved += f.switch_us.count;
    }
    size_t avoided = 0;
    double back = 0;
    for (const SessionFacts& s : report.drover.facts) {
      for (const AnswerFact& a : s.answers) {
        bool aws = cloud_of(a.endpoint) == "aws";
        avoided += a.avoided && !aws ? 1 : 0;
        double hour = report.hour_of(a.at);
        if (aws && hour > kUp && (back == 0 || hour < back)) back = hour;
      }
    }
    out.findings.push_back(
        {moved > 0, std::to_string(moved) + " calls that AWS failed were answered elsewhere, and " +
                        std::to_string(avoided) + " more went elsewhere at once"});
    out.findings.push_back({back > 0, back > 0 ? "AWS answers again from " + clock_text(back)
                                               : "AWS never answered again"});
  }

 private:
  size_t in_flight_ = 0;
  double down_at_ = 0;
};

}  // namespace

std::unique_ptr<Act> make_outage_act() { return std::make_unique<OutageAct>(); }

}  // namespace drover::app
