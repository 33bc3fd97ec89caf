#pragma once
// Internal to src/road: one model call in flight, and the sink that stands between a provider and a
// caller who may leave. Owned jointly by call_model() and the worker; loop thread only.

#include <memory>
#include <optional>

#include "async/sync.h"
#include "base/local_ptr.h"
#include "road/admission.h"
#include "road/continuation.h"
#include "road/descents.h"
#include "road/placement.h"
#include "road/road.h"
#include "trace/span.h"

namespace drover::road {

/// An answer broke off: what the next endpoint is asked, and why it did.
struct BrokeOff {
  providers::Prompt rest;
  Error error;
};

/// Where it may go (placement.h) stands in it, and is filled there.
struct Flight : Places {
  Flight(const Context& scope, Context caller_ctx, ModelCall&& model_call, providers::Sink* sink)
      : call(std::move(model_call)), caller(std::move(caller_ctx)), cancel(scope), inner(sink) {}
  // Once in the program: it is long.
  [[gnu::noinline]] ~Flight();

  ModelCall call;
  Context caller;
  /// Ends the worker: the road's close, or the end of a drain.
  async::CancelSource cancel;
  /// Null once the caller has left; never touched after that.
  providers::Sink* inner;
  // Beside each other, for most steps look at some of them.
  bool streamed = false;
  bool left = false;
  bool in_sink = false;         // a call into `inner` is under way
  bool stated = false;          // its class, by its caller
  bool resting = false;         // between two rounds
  bool failed_visible = false;  // see `failure`
  bool barred = false;          // an endpoint of its placement may not be used any more
  bool placed_anew = false;     // once, for that
  bool in_rounds = false;       // run_rounds() says what came of it
  bool bound = false;           // not everybody may see its data, with the floors of its tenant
  bool failed_priced = true;    // see `failed_usage`
  bool requested = false;       // counted as a request
  bool draining = false;
  int round = 0;         // of a slow call, from 0 on
  int tried_before = 0;  // attempts of the rounds before
  async::WaitQueue done;
  std::optional<ModelResult> result;

  MonoTime started;
  MonoTime seated;  // it has had its places since; its own time counts from there
  Seat seat;
  LatencyParts latency;  // `other` is filled at the end
  Duration first_token{};
  /// Of the current attempt.
  int64_t visible_events = 0;
  AttemptRecords attempts;
  std::string_view failed_at;  // the provider's OpenTelemetry name
  /// What came of the last round.
  Rare<Error> failure;
  /// Billed for attempts that failed.
  Rare<contract::Usage> failed_usage;
  Money failed_cost;
  async::Loop::TimerId drain_timer = 0;
  /// Of its agent's downgrade ladder, if it has one.
  std::shared_ptr<Standing> standing;
  Rare<Downgraded> downgraded;
  Rare<HardwareWish> hardware;
  Rare<Said> said;                      // kept where an answer may be continued
  std::unique_ptr<BrokeOff> broke_off;  // the last time that one did
  providers::Prompt& prompt() { return broke_off ? broke_off->rest : call.prompt; }
  async::WaitQueue sink_free;
  std::unique_ptr<Error> sink_error;
  trace::Span span;
};

using FlightPtr = LocalPtr<Flight>;

/// Hands deltas on to the caller's sink while there is a caller, and counts them. A caller who
/// left, or whose sink fails, does not stop the reading: the usage comes last. A sink that fails
/// with kOtherTarget before anything was visible ends the attempt instead, and the next follows.
class GateSink final : public providers::Sink {
 public:
  explicit GateSink(Flight& flight) : flight_(flight) {}
  void begin_attempt(const catalog::Endpoint& endpoint) override;
  bool wants_raw() const override;
  /// What the caller's sink says; false without one.
  bool inner_wants_raw() const;
  Task<Result<void>> delta(Context ctx, const contract::StreamDelta& delta) override;
  Result<void> raw(std::string_view data, bool visible) override;
  Task<Result<void>> flush(Context ctx) override;

 private:
  Context sink_context(const Context& ctx) const;
  Result<void> after(Result<void> taken);
  void note_visible();
  Flight& flight_;
  bool raw_ = false;
};

}  // namespace drover::road
