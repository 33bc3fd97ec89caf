#pragma once
// Internal to src/road: the road itself. A call is admitted and placed on the caller's task; its
// attempts run on a worker in a scope of the road's own, so that a caller who leaves gets his
// answer
// ("cancelled") at once while the worker reads on to the usage event, for at most drain_timeout and
// at most drains_max of them, and settles.

#include "async/scope.h"
#include "road/accounts.h"
#include "road/flight.h"
#include "road/hedge.h"
#include "road/placement.h"
#include "road/settle.h"
#include "road/telemetry.h"
#include "road/tries.h"

namespace drover::road {

class Engine final : public Road {
 public:
  explicit Engine(RoadParts parts);
  ~Engine() override;
  Task<tl::expected<ModelOutcome, ModelFailure>> call_model(Context ctx, ModelCall call,
                                                            providers::Sink* sink) override;
  Explanation explain(const std::string& tenant, const contract::DataClass& data_class,
                      const std::vector<std::string>& ladder,
                      std::optional<Preference> preference) override;
  Money ceiling(const std::vector<std::string>& ladder, int64_t input_tokens,
                int64_t output_tokens) const override;
  std::vector<std::string> models() const override;
  void configure(Settings settings) override;
  Task<void> close() override;

 private:
  Result<void> admit(const ModelCall& call) const;
  /// Finds the flight's places; an error says that there are none.
  Result<void> place(Flight& flight);
  Task<void> run(std::shared_ptr<Flight> flight);
  /// `sink` is null for a call that is not streamed. `base` ends it, besides the call's deadlines.
  Task<AttemptResult> attempt(Flight* flight, const catalog::Endpoint* endpoint,
                              providers::Provider* provider, int number, providers::Sink* sink,
                              Context base);
  /// What came of an attempt and, perhaps, its hedge; the one that lost is booked already, and
  /// `hold` is the other's.
  struct Raced {
    AttemptResult result;
    const catalog::Endpoint* endpoint = nullptr;
    providers::Provider* provider = nullptr;
    MonoTime began{};
    int number = 0;
  };
  Task<Raced> race(Flight* flight, const catalog::Endpoint* endpoint, providers::Provider* provider,
                   Tries* tries, GateSink* gate, Hold* hold);
  Task<void> run_lane(Flight* flight, Race* race, Lane* lane);
  void book_loser(Flight& flight, Lane& lane, Hold& hold);
  /// Whether another endpoint may go on after `error`; prepares what it is asked.
  bool can_go_on(Flight& flight, const Error& error);
  /// Reserves the attempt in the caller's accounts; false: it must wait (accounts.h).
  Result<bool> reserve(Flight& flight, const catalog::Endpoint& endpoint, Hold& hold);
  void on_answer(Flight& flight, const catalog::Endpoint& endpoint,
                 const providers::Provider& provider, providers::Answer&& answer, Hold& hold);
  void on_attempt_failed(Flight& flight, const catalog::Endpoint& endpoint,
                         const providers::AttemptError& error, Hold& hold);
  void on_failed(Flight& flight, Error error, bool visible, std::string_view provider);
  void settle(const catalog::Endpoint& endpoint, const Charge& charge,
              const contract::ChatResponse* answer, Hold& hold);
  /// Fills in the result what the flight knows, ends the span, wakes the caller.
  void finish(Flight& flight);
  void leave(const std::shared_ptr<Flight>& flight);
  ModelResult refuse(Flight& flight, Error error);
  ModelResult gone(Flight& flight);

  RoadParts parts_;
  RoadMetrics metrics_;
  RetryBudget retries_;
  Placer placer_;
  async::Scope scope_;
  size_t drains_ = 0;
  bool closed_ = false;
};

}  // namespace drover::road
