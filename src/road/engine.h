#pragma once
// Internal to src/road: the road itself. A call is admitted and placed on the caller's task; its
// attempts run on a worker in a scope of the road's own, so that a caller who leaves gets his
// answer ("cancelled") at once while the worker reads on to the usage event, for at most
// drain_timeout and at most drains_max of them, and settles. Who waits for a model holds frames of
// coroutines by the thousand: what is large stands in functions that do not wait.

#include "async/scope.h"
#include "async/stage.h"
#include "road/accounts.h"
#include "road/admission.h"
#include "road/admission_metrics.h"
#include "road/deciding.h"
#include "road/descents.h"
#include "road/flight.h"
#include "road/hedge.h"
#include "road/placement.h"
#include "road/settle.h"
#include "road/telemetry.h"
#include "road/tries.h"

namespace drover::road {

/// The reason of an attempt that was not made because its endpoint has no place: nothing was sent,
/// and nothing is wrong with it.
inline constexpr const char* kNoPlaceFree = "no_place_free";

/// What the prompt and its limit say.
CallSize size_of(const ModelCall& call);

class Engine final : public Road {
 public:
  explicit Engine(RoadParts parts);
  ~Engine() override;
  Task<ModelResult> call_model(Context ctx, ModelCall&& call, providers::Sink* sink) override;
  Task<void> ask_outside(Context ctx, std::string tenant, contract::DataClass data_class) override;
  Explanation explain(const SupposedCall& call) override;
  void scratch_moved(const std::string& from, const std::string& to, uint64_t bytes,
                     Duration took) override {
    placer_.scratch().moved(from, to, bytes, took);
  }
  Money ceiling(const std::vector<std::string>& ladder, int64_t input_tokens,
                int64_t output_tokens) const override;
  std::vector<std::string> models() const override;
  void session_over(std::string_view session) override {
    if (parts_.accounts != nullptr) parts_.accounts->session_over(session);
  }
  void configure(Settings settings) override;
  Task<void> close() override;

 private:
  /// One attempt of a flight, from its reservation to what came of it. With a hedge: the one that
  /// won; the other is booked already.
  struct Trial {
    const catalog::Endpoint* endpoint = nullptr;
    providers::Provider* provider = nullptr;
    MonoTime began{};
    int number = 0;
    bool seated = false;
    bool held = false;
    Hold hold;
    std::optional<Task<Result<void>>> waiting;  // for its reservation
    AttemptResult answer;                       // why it is not made, if it was refused
  };

  /// Where an attempt is made, and who hears of it.
  struct Target {
    const catalog::Endpoint* endpoint = nullptr;
    providers::Provider* provider = nullptr;
    int number = 0;
    catalog::Circuit circuit = catalog::Circuit::kClosed;  // the endpoint's, as it began
    providers::Sink* sink = nullptr;                       // null: it is not streamed
  };

  Result<void> admit(const ModelCall& call) const;
  /// Begins its span and admits it. Nothing: it may be placed.
  std::optional<ModelResult> begin(Flight& flight);
  /// Whether decide_ahead() has anything to do for data of that class, and for scratch data there.
  bool decided(const policy::Ask& ask, const ScratchAt& scratch);
  /// Whether the authoriser outside has answered for endpoints, and for stores where data moves.
  bool outside_knows(const policy::Ask& ask, const ScratchAt& scratch);
  /// decide_ahead() for the flight; nothing where that has nothing to do.
  [[gnu::noinline]] std::optional<Task<Result<void>>> decide(const Flight& flight);
  /// Asks who is asked outside, and slow rules on another thread. An error only if ctx ends before.
  Task<Result<void>> decide_ahead(Context ctx, policy::Ask ask, ScratchAt scratch);
  /// The question about the flight's data, with all that its step needs. Lives until the next.
  const policy::Ask& ask_of(Flight& flight);
  /// Finds its places. Nothing: it may fly.
  std::optional<ModelResult> find_place(Flight& flight);
  Task<ModelResult> fly(FlightPtr flight);
  static Error shutting_down();
  /// Finds the flight's places and its path; an error says that there are none.
  Result<void> place(Flight& flight);
  /// Takes in how long calls would wait for a place at each endpoint.
  void look_at_queues();
  /// What is scarce for the call on a rung of its agent's ladder; `met` is what its calls met.
  Scarcity measure(const Flight& flight, const PlaceQuestion& asked, size_t level, Scarcity met);
  /// Finds its rung and does to the call what that says.
  void descend(Flight& flight);
  void give_up(Flight& flight);
  Result<void> place_as(Flight& flight, ServiceClass path);
  // engine_admit.cc
  /// Takes the flight's seat if there is one now; false: wait_for_seat().
  bool sit(Flight& flight);
  /// `ctx` is the caller's, or the worker's in a later round.
  Task<Result<void>> wait_for_seat(Context ctx, Flight* flight);
  void seat_taken(Flight& flight, bool waited);
  /// The end of the flight's own time.
  MonoTime deadline_of(const Flight& flight) const;
  /// Until when a call that waits may wait.
  MonoTime patience_of(const Flight& flight) const;
  /// The tier that an attempt there asks for, or that its caller states.
  std::string_view tier_of(const Flight& flight, const catalog::Endpoint& endpoint) const;
  Duration hedge_after(const Flight& flight) const;
  /// Nothing that a slow call may use is usable now; what it fails with says until when.
  bool all_cooling(Flight& flight) const;
  /// A slow call's pause before its next round; nullopt: the last one's error is the answer.
  std::optional<Duration> pause_before_round(const Flight& flight);
  /// Rests, is placed again and waits for a seat.
  Task<Result<void>> next_round(Flight* flight, Duration pause);

  // engine_again.cc
  /// Whether it was placed by other facts or rules than those of now; cheap.
  bool outdated(const Flight& flight) { return flight.deciders != placer_.deciders(); }
  /// Has decided by those of now what takes time.
  Task<void> decide_again(Flight* flight);
  /// Whether these leave the endpoint to it; the error is the rule. Cheap where nothing changed.
  Result<void> may_still(Flight& flight, const catalog::Endpoint& endpoint);
  /// Waits for a seat, and for another where the rules take that away meanwhile.
  Task<Result<void>> find_seat(Context ctx, Flight* flight);
  /// All that it had left are barred, and it may still be made elsewhere.
  static bool wants_place(const Flight& flight);
  /// Places it by the rules of now, once: the first of what was not tried yet, if there is one.
  Task<NextTry> place_anew(Flight* flight, std::optional<Tries>* tries);

  // engine_run.cc
  /// All attempts; of a slow call those of one round, whose failure is not its answer yet.
  Task<void> run(FlightPtr flight);
  // A trial's parts, that what they need does not stand in a frame that waits.
  /// Reserves it, or says why it is not made. `again`: it is judged by the rules of now first.
  [[gnu::noinline]] void begin_trial(Flight& flight, const NextTry& next, const Tries& tries,
                                     bool again, Trial& trial);
  /// Books the trial; where the next is made, if there is one. An answer is the flight's result.
  [[gnu::noinline]] NextTry after_trial(Flight& flight, Tries& tries, Trial& trial);
  [[gnu::noinline]] NextTry after_failure(Flight& flight, Tries& tries, Trial& trial);
  /// Before the next; false: nobody waits for that any more.
  Task<bool> pause(Flight* flight, Duration time);
  /// None of a round's attempts had an answer.
  [[gnu::noinline]] void end_round(Flight& flight, const Tries& tries);
  /// A slow call: one round after another.
  Task<void> run_rounds(FlightPtr flight);
  /// Goes on reserving, waiting for a promise or for a rate. `held`: what it came to so far.
  Task<Result<void>> wait_for_budget(Flight* flight, const catalog::Endpoint* endpoint, Hold* hold,
                                     Result<bool> held);
  // An attempt's parts, for the same reason.
  void begin_attempt(const Flight& flight, Target& target, trace::Span& span);
  /// `base` ends it, besides the call's deadlines.
  Task<AttemptResult> ask(Flight& flight, const Target& target, const Context& base,
                          trace::Span& span);
  void end_attempt(const Flight& flight, const Target& target, const AttemptResult& answer,
                   trace::Span& span);
  /// What an attempt is told; its span is told what is unusual of that.
  providers::AttemptOptions options_of(const Flight& flight, const Target& target,
                                       trace::Span& span) const;
  /// How busy the endpoint is, by what came of an attempt there.
  void tell_room(const Flight& flight, Room& room, const AttemptResult& result, MonoTime now);
  /// The attempt and, perhaps, its hedge.
  Task<void> race(Flight* flight, Trial* trial, Tries* tries, GateSink* gate);
  Task<void> run_lane(Flight* flight, Race* race, Lane* lane);
  void book_loser(Flight& flight, Lane& lane, Hold& hold);
  /// Whether another endpoint may go on after `error`; prepares what it is asked.
  bool can_go_on(Flight& flight, const Error& error);
  /// Reserves the attempt in the caller's accounts; false: it must wait (accounts.h).
  Result<bool> reserve(Flight& flight, const catalog::Endpoint& endpoint, Hold& hold);
  void settle_answer(Flight& flight, Trial& trial);
  /// What its caller and the trace are told of a settled answer.
  [[gnu::noinline]] void conclude(Flight& flight, Trial& trial, const Charge& charge);
  /// Where the session's scratch data belongs now.
  [[gnu::noinline]] ScratchPlace scratch_place(const Flight& flight,
                                               const catalog::Endpoint& endpoint);
  void on_attempt_failed(Flight& flight, const catalog::Endpoint& endpoint,
                         const providers::AttemptError& error, Hold& hold);
  void tell_bounds(const Flight& flight, Error& error);
  void on_failed(Flight& flight, Error error, bool visible, std::string_view provider);
  void settle(const catalog::Endpoint& endpoint, const contract::Usage& usage, const Charge& charge,
              const contract::ChatResponse* answer, Hold& hold);
  /// Fills in the result what its end decides, ends the span, wakes the caller.
  void finish(Flight& flight, MonoTime now);
  [[gnu::noinline]] void leave(Flight& flight);
  [[gnu::noinline]] ModelResult refuse(Flight& flight, Error error);
  [[gnu::noinline]] ModelResult gone(Flight& flight);

  RoadParts parts_;
  RoadMetrics metrics_;
  RetryBudget retries_;
  Placer placer_;
  Deciding deciding_;
  Admission admission_;
  AdmissionMetrics admission_metrics_;
  Descents descents_;
  async::Scope scope_;
  /// The borders of what all calls go through (async/stage.h), each named by what follows it. There
  /// is none between the choice of an endpoint and its being counted there: who chooses next must
  /// see it.
  struct Stages {
    async::Stage place, ask, settle;
  };
  Stages stages_;
  size_t drains_ = 0;
  bool closed_ = false;
};

}  // namespace drover::road
