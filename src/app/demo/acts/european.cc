// A European tenant: a clinic whose data may not leave the EU. Its cloud goes down and the next
// place inside takes over; with none left it is refused, and told why. A step on restricted data
// finds the one endpoint that proves what it runs, and no other.

#include "app/demo/acts/act.h"

namespace drover::app {
namespace {

constexpr double kMorning = 9, kAwsDown = 13, kAllDown = 16, kBack = 17;
constexpr double kSealed = 10, kImpostor = 18.6;

class EuropeanAct final : public Act {
 public:
  std::string name() const override { return "EU clinic"; }
  std::string asks() const override {
    return "a tenant whose data stays in the EU: its cloud goes down, then every place inside; a "
           "step on restricted data needs an endpoint that proves what it runs";
  }
  size_t talks() const override { return 2; }

  Task<Result<void>> run(Context ctx, Day* day) override {
    async::Scope scope(ctx);
    scope.spawn(run_part(scope.context(), day, true));
    scope.spawn(run_part(scope.context(), day, false));
    co_await scope.join();
    if (!failed_.empty()) co_return fail(Code::kInternal, failed_);
    co_return Result<void>();
  }

  void check(const std::vector<const SessionFacts*>& facts, const DayReport&,
             ActReport& out) const override {
    out.session = desk_.str();
    auto at = [&](size_t i) { return i < desk_places_.size() ? desk_places_[i] : "nowhere"; };
    out.findings.push_back({at(0).starts_with("aws/eu-central-1/"), "09:00 answered by " + at(0)});
    out.findings.push_back({at(1).starts_with("azure/swedencentral/"),
                            "13:00 AWS is down: answered by " + at(1) + ", still in the EU"});
    out.findings.push_back({refused_.kept_out > 0 && refused_.failed && !refused_.reason.empty(),
                            "16:00 every place inside is down: refused, and " +
                                std::to_string(refused_.kept_out) +
                                " outside not asked: " + refused_.reason});
    out.findings.push_back(
        {inside(at(2)), "17:00 both are back: the same question answered by " + at(2)});
    auto sealed = [&](size_t i) { return i < ward_places_.size() ? ward_places_[i] : "nowhere"; };
    bool hopped = sealed(0).starts_with("aws/eu-central-1/") && is_enclave(sealed(1));
    out.findings.push_back({hopped, "a ward's question went to " + sealed(0) +
                                        "; its step on restricted data to " + sealed(1) +
                                        ", which proved what it runs"});
    out.findings.push_back(
        {!impostor_.reason.empty(),
         "while another machine claimed to be it, there was no place: " + impostor_.reason});
    out.findings.push_back(
        {is_enclave(sealed(2)), "with its own evidence again: answered by " + sealed(2)});
    size_t outside = 0, answers = 0;
    for (const SessionFacts* s : facts) {
      for (const AnswerFact& a : s->answers) {
        ++answers;
        outside += inside(a.endpoint) ? 0 : 1;
      }
    }
    out.findings.push_back({outside == 0 && outside_ == 0 && answers > 0,
                            std::to_string(answers) +
                                " answers, all from inside; the clouds' own "
                                "books know " +
                                std::to_string(outside_) +
                                " calls of the clinic's outside the EU"});
    out.more.push_back("place " + desk_.str() + " --explain --as clinic");
    out.more.push_back("trace " + ward_.str() + " --as clinic");
  }

 private:
  /// What a refused step said.
  struct Refusal {
    size_t kept_out = 0;  // by a rule
    bool failed = false;  // those that may see the data
    std::string reason;   // of the first that was kept out
  };

  static bool inside(std::string_view endpoint) {
    return endpoint.find("/eu-central-1/") != endpoint.npos ||
           endpoint.find("/swedencentral/") != endpoint.npos || is_enclave(endpoint);
  }
  static bool is_enclave(std::string_view endpoint) {
    return endpoint.find("/EU-SOUTH-04/") != endpoint.npos;
  }

  Task<void> run_part(Context ctx, Day* day, bool desk) {
    Task<Result<void>> part = desk ? run_desk(ctx, day) : run_ward(ctx, day);
    auto done = co_await std::move(part);
    if (!done) failed_ = done.error().to_string();
  }

  Talk talk(std::string agent, std::string text) {
    Talk out;
    out.act = name();
    out.agent = std::move(agent);
    out.user = "clinic";
    out.tenant = "clinic";
    out.turns.push_back(std::move(text));
    return out;
  }

  Task<Result<void>> run_desk(Context ctx, Day* day) {
    CO_TRY_VOID(co_await day->until(ctx, kMorning));
    Talk first = talk("clinic", "When is the next free appointment?");
    CO_TRY(desk_, co_await day->begin(ctx, std::move(first)));
    CO_TRY_VOID(co_await answered(ctx, day, desk_, &desk_places_));
    CO_TRY_VOID(co_await day->until(ctx, kAwsDown));
    CO_TRY_VOID(co_await day->say(ctx, desk_, "And the next appointment after that?", ""));
    CO_TRY_VOID(co_await answered(ctx, day, desk_, &desk_places_));
    CO_TRY_VOID(co_await day->until(ctx, kAllDown));
    day->set_outage(sim::CloudKind::kAws, true, "eu-central-1");
    day->set_outage(sim::CloudKind::kAzure, true, "swedencentral");
    day->note(clock_text(day->hour()) + "  Frankfurt and Sweden go down");
    CO_TRY_VOID(co_await day->say(ctx, desk_, "Please move my appointment to May.", ""));
    CO_TRY_VOID(co_await day->until_waiting(ctx, desk_, "model"));
    CO_TRY_VOID(co_await read_refusal(ctx, day, desk_, &refused_));
    CO_TRY_VOID(co_await day->until(ctx, kBack));
    day->set_outage(sim::CloudKind::kAws, false, "eu-central-1");
    day->set_outage(sim::CloudKind::kAzure, false, "swedencentral");
    day->note(clock_text(day->hour()) + "  Frankfurt and Sweden are back");
    CO_TRY_VOID(co_await answered(ctx, day, desk_, &desk_places_));
    outside_ += day->asked_outside(desk_, &EuropeanAct::region_inside);
    co_return Result<void>();
  }

  Task<Result<void>> run_ward(Context ctx, Day* day) {
    CO_TRY_VOID(co_await day->until(ctx, kSealed));
    Talk first = talk("ward", "Which beds of the ward are free?");
    CO_TRY(ward_, co_await day->begin(ctx, std::move(first)));
    CO_TRY_VOID(co_await answered(ctx, day, ward_, &ward_places_));
    CO_TRY_VOID(co_await day->until_trusted(ctx, true));
    CO_TRY_VOID(co_await day->say(ctx, ward_, "Summarise the diagnosis of bed 4.",
                                  "sensitivity=restricted"));
    CO_TRY_VOID(co_await answered(ctx, day, ward_, &ward_places_));
    CO_TRY_VOID(co_await day->until(ctx, kImpostor));
    // Drover was restarted: what it was shown before it does not keep.
    CO_TRY_VOID(co_await day->until_trusted(ctx, true));
    day->set_impostor(true);
    day->note(clock_text(day->hour()) + "  another machine claims to be the attested endpoint");
    CO_TRY_VOID(co_await day->until_trusted(ctx, false));
    CO_TRY_VOID(co_await day->say(ctx, ward_, "And the diagnosis of bed 5?", ""));
    CO_TRY_VOID(co_await day->until_waiting(ctx, ward_, "model"));
    CO_TRY_VOID(co_await read_refusal(ctx, day, ward_, &impostor_));
    day->set_impostor(false);
    CO_TRY_VOID(co_await day->until_trusted(ctx, true));
    CO_TRY_VOID(co_await day->say(ctx, ward_, "Please try that diagnosis again.", ""));
    CO_TRY_VOID(co_await answered(ctx, day, ward_, &ward_places_));
    outside_ += day->asked_outside(ward_, &EuropeanAct::region_inside);
    co_return Result<void>();
  }

  static bool region_inside(const std::string& region) {
    return region == "eu-central-1" || region == "swedencentral" || region == "EU-SOUTH-04";
  }

  /// Waits for the answer and notes where it came from.
  Task<Result<void>> answered(Context ctx, Day* day, SessionId id,
                              std::vector<std::string>* places) {
    CO_TRY_VOID(co_await day->until_waiting(ctx, id, "message"));
    CO_TRY(Json result, co_await day->last_payload(ctx, id, contract::kind::kModelResult));
    places->emplace_back(result.get_string("endpoint").value_or("nowhere"));
    co_return Result<void>();
  }

  Task<Result<void>> read_refusal(Context ctx, Day* day, SessionId id, Refusal* out) {
    CO_TRY(Json placement, co_await day->last_payload(ctx, id, contract::kind::kPlacementDecided));
    const Json* rejected = placement.find("rejected");
    const Json::Array* items = rejected == nullptr ? nullptr : rejected->array_items();
    for (size_t i = 0; items != nullptr && i < items->size(); ++i) {
      const Json& one = (*items)[i];
      std::string endpoint(one.get_string("endpoint").value_or(""));
      auto rule = one.get_string("rule");
      if (!rule) continue;
      ++out->kept_out;
      std::string text = endpoint + " -> " + std::string(*rule) + ": " + one.get_text("reason");
      // Of an endpoint that might have been the one, rather than of one that never could.
      if (out->reason.empty() || is_enclave(endpoint)) out->reason = std::move(text);
    }
    CO_TRY(Json result, co_await day->last_payload(ctx, id, contract::kind::kModelResult));
    out->failed = result.find("error") != nullptr;
    co_return Result<void>();
  }

  SessionId desk_, ward_;
  std::vector<std::string> desk_places_, ward_places_;
  Refusal refused_, impostor_;
  size_t outside_ = 0;
  std::string failed_;
};

}  // namespace

std::unique_ptr<Act> make_european_act() { return std::make_unique<EuropeanAct>(); }

}  // namespace drover::app
