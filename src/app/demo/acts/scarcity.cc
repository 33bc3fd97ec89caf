// An hour in which a small model is scarce: most calls to one region are refused, some answers
// stall, some come drop by drop, some break off. People at a counter are served all the same; a
// pile of parcels waits.

#include <algorithm>

#include "app/demo/acts/act.h"

namespace drover::app {
namespace {

constexpr double kScarcityBegins = 5, kEnds = 6;
constexpr size_t kPeople = 12, kParcels = 48;
/// Of the first word for somebody at the counter.
constexpr Duration kTarget = 2500ms;
/// Between the bytes of slow tokens: some 150 ms an event.
constexpr Duration kByteGap = 500us;
constexpr sim::CloudKind kCloud = sim::CloudKind::kAzure;
constexpr const char* kRegion = "eastus2";

class ScarcityAct final : public Act {
 public:
  std::string name() const override { return "scarcity"; }
  std::string asks() const override {
    return "an hour of 429s, stalls, slow tokens and cut answers, with " + std::to_string(kPeople) +
           " people at a counter (fast) and a pile of " + std::to_string(kParcels) +
           " parcels (slow)";
  }
  size_t talks() const override { return kPeople + kParcels; }

  Task<Result<void>> run(Context ctx, Day* day) override {
    CO_TRY_VOID(co_await day->until(ctx, kScarcityBegins));
    sim::FaultQueue& faults = day->faults(kCloud);
    uint64_t before = faults.happened();
    size_t slow_before = day->met(kCloud, sim::FaultKind::kTrickle);
    // The first calls there in any case; after them by chance.
    sim::Fault slow_tokens = fault(sim::FaultKind::kTrickle, 1, kByteGap, std::nullopt);
    slow_tokens.count = 2;
    CO_TRY_VOID(faults.add(std::move(slow_tokens)));
    CO_TRY_VOID(faults.add(fault(sim::FaultKind::kThrottle, 0.6, 400ms, std::nullopt)));
    CO_TRY_VOID(faults.add(fault(sim::FaultKind::kTrickle, 0.3, kByteGap, true)));
    CO_TRY_VOID(faults.add(fault(sim::FaultKind::kStallFirstToken, 0.5, 1600ms, true)));
    CO_TRY_VOID(faults.add(fault(sim::FaultKind::kCut, 0.5, Duration::zero(), true)));
    day->note(clock_text(kScarcityBegins) + "  the small model is scarce in one region of Azure");
    std::vector<SessionId> all;
    for (size_t i = 0; i < kParcels; ++i) {
      std::string text = "File parcel " + std::to_string(i + 1) + ".";
      CO_TRY(SessionId id, co_await begin(ctx, day, "backfill", std::move(text)));
      all.push_back(id);
    }
    for (size_t i = 0; i < kPeople; ++i) {
      double hour = kScarcityBegins + (kEnds - kScarcityBegins) * static_cast<double>(i) / kPeople;
      CO_TRY_VOID(co_await day->until(ctx, hour));
      std::string text = "I come for parcel " + std::to_string(i + 1) + ".";
      CO_TRY(SessionId id, co_await begin(ctx, day, "desk", std::move(text)));
      all.push_back(id);
    }
    CO_TRY_VOID(co_await day->until(ctx, kEnds));
    faults.clear();
    faults_ = faults.happened() - before;
    slow_ = day->met(kCloud, sim::FaultKind::kTrickle) - slow_before;
    for (const SessionId& id : all) {
      CO_TRY_VOID(co_await day->until_waiting(ctx, id, "message"));
    }
    over_ = day->hour();
    co_return Result<void>();
  }

  void check(const std::vector<const SessionFacts*>& facts, const DayReport& report,
             ActReport& out) const override {
    check_finished(facts, out);
    std::vector<int64_t> fast, waits;
    for (const SessionFacts* s : facts) {
      bool slow = s->agent == "backfill";
      if (!slow) out.session = s->id.str();
      for (const AnswerFact& answer : s->answers) {
        if (!slow) fast.push_back(answer.first_token_us);
      }
      for (const StepFact& step : s->steps) {
        if (slow) waits.push_back(step.parts["queue"]);
      }
    }
    Percentiles first = Percentiles::of(fast), queue = Percentiles::of(waits);
    bool held = first.count == kPeople && first.max <= kTarget.count() / 1000;
    out.findings.push_back({held, std::to_string(first.count) + " fast answers began after " +
                                      text(first.p50) + " at the median and " + text(first.max) +
                                      " at most (target " + format_duration(kTarget) + ")"});
    bool waited = queue.count == kParcels && queue.max > first.p50;
    double hours =
        static_cast<double>(queue.max) * 1e3 * 24 / static_cast<double>(report.length.count());
    out.findings.push_back({waited, std::to_string(queue.count) + " slow jobs waited " +
                                        text(queue.p50) + " at the median and " + text(queue.max) +
                                        " at most (" + clock_text(hours) +
                                        " of the day), and all were done by " + clock_text(over_)});
    out.findings.push_back({faults_ > 0 && slow_ > 0,
                            std::to_string(faults_) +
                                " calls were refused, stalled, slowed or cut in one region of "
                                "Azure meanwhile; " +
                                std::to_string(slow_) + " answers came token by slow token"});
  }

 private:
  static std::string text(int64_t us) { return format_duration(Duration(us * 1000)); }

  static sim::Fault fault(sim::FaultKind kind, double chance, Duration duration,
                          std::optional<bool> stream) {
    sim::Fault out;
    out.kind = kind;
    out.count = -1;
    out.probability = chance;
    out.duration = duration;
    out.retry_after = "ms";
    out.model = "clerk";
    out.region = kRegion;
    out.stream = stream;
    return out;
  }

  Task<Result<SessionId>> begin(Context ctx, Day* day, std::string agent, std::string said) {
    Talk talk;
    talk.act = name();
    talk.agent = std::move(agent);
    talk.user = "parcel shop";
    talk.turns.push_back(std::move(said));
    co_return co_await day->begin(ctx, std::move(talk));
  }

  uint64_t faults_ = 0;
  size_t slow_ = 0;
  double over_ = 0;
};

}  // namespace

std::unique_ptr<Act> make_scarcity_act() { return std::make_unique<ScarcityAct>(); }

}  // namespace drover::app
