#pragma once
// The road: admit → place → attempt → settle → record. Every model call passes here, the gateway's
// stateless one and the session's step alike; tools and memory pass their own functions of it.
//
// No endpoint that a hard rule removes for the call's data is ever tried. The others are tried in
// the ladder's order (models in order; within a model by the preference, placement.h), with
// failover until the first visible delta; after it, an error is an error. Attempts are capped,
// endpoints visited once. Settlement takes the provider's usage; without it an estimate, marked. A
// client that leaves does not stop the reading to the usage event (bounded). Loop thread only.

#include <memory>
#include <string>
#include <vector>

#include "async/scope.h"
#include "async/sync.h"
#include "base/limits/road.h"
#include "base/local_ptr.h"
#include "base/mostly_one.h"
#include "base/rare.h"
#include "base/short_text.h"
#include "catalog/catalog.h"
#include "catalog/health.h"
#include "contract/chat.h"
#include "identity/principal.h"
#include "policy/evidence.h"
#include "policy/policy.h"
#include "providers/provider.h"
#include "road/budget.h"
#include "road/downgrade.h"
#include "road/preference.h"
#include "road/retry_budget.h"
#include "road/service_class.h"
#include "trace/metrics.h"
#include "trace/span.h"

namespace drover::road {

using async::Context;
using async::Task;

/// Where the time of one effect went; the parts sum to total.
struct LatencyParts {
  Duration queue{};      // waiting for a place, and between rounds
  Duration placement{};  // waiting for what decides where its data may go
  Duration network{};    // connecting, failed attempts' connects
  Duration model{};      // waiting for and reading the answer
  Duration tool{};
  Duration store{};
  Duration sync{};
  Duration other{};  // Drover's own work
  Duration total() const {
    return queue + placement + network + model + tool + store + sync + other;
  }
};

/// An endpoint that was not (or not yet) allowed, and why.
struct Rejection {
  std::string endpoint;
  std::string reason;
  /// The hard rule that removed it ("residency"); empty: none did, it cannot serve now.
  std::string rule;
  /// The rule is an authoriser that could not be asked (policy::Denial).
  bool unasked = false;
};

/// What a placement was made from. The same catalog and policy have the same text.
struct Epochs {
  std::string catalog;
  std::string policy;
  uint64_t health = 0;
};

/// What a call is expected to be.
struct CallSize {
  float input_tokens = 1000;
  float output_tokens = 300;
};

/// Accelerators that a call would rather have, by name: soft, unlike what it needs.
struct HardwareWish {
  std::vector<std::string> first;    // asked before others of the same model
  std::vector<std::string> reserve;  // not asked
};

/// A store for sessions' scratch data: a placed thing, with its facts.
struct StoreSpec {
  std::string name;
  catalog::Facts facts;
  bool operator==(const StoreSpec&) const = default;
};

/// Where a session's scratch data lies, and how much there is.
struct ScratchAt {
  std::string store;
  uint64_t bytes = 0;
  /// Of its records together: it goes only where these may be too, whatever the session's is.
  contract::DataClass data_class = contract::DataClass();
};

/// Where it belongs while the session uses an endpoint (road/scratch_places.h).
struct ScratchPlace {
  std::string store;  // empty: no store may hold it, and it stays where it is
  std::string why;    // for people
};

/// Where may such a call run? `ask` (Road::ask) and the ladder outlive it.
struct PlaceQuestion {
  const std::vector<std::string>& ladder;
  const policy::Ask& ask;
  std::optional<Preference> preference = std::nullopt;
  CallSize size = CallSize();
  std::string_view session = {};
  /// The path that the call takes; it orders pools of endpoints, and slow ones by cost and load.
  ServiceClass path = ServiceClass::kAuto;
  /// Say why each other endpoint is not in it.
  bool reasons = false;
  const HardwareWish* hardware = nullptr;  // null: any
  const ScratchAt* scratch = nullptr;      // null: there is none, or it never moves
};

/// The ordered list of endpoints allowed for a call.
struct Placement {
  /// Keeps the endpoints alive over a reload.
  catalog::CatalogRef catalog;
  std::vector<const catalog::Endpoint*> endpoints;
  struct Notes {
    /// Those that cannot serve now; those that a rule removed as well, where reasons were asked
    /// for, up to limits::kRejectionsShownMax.
    std::vector<Rejection> rejected;
    /// How many endpoints of the ladder's models the rules removed.
    int64_t removed = 0;
    /// One of them may yet be allowed: an authoriser could not be asked. Known where reasons are.
    bool unasked = false;
    /// What the step needed, the request's own needs among it; for people.
    std::string needs;
    // Of that what the request showed: without it nobody can make the same again.
    bool holds_images = false;
    int64_t input_tokens = 0;
  };
  /// Most placements have none.
  Rare<Notes> notes;
  /// Shared by all that were made from the same; null: by what is not known.
  LocalPtr<const Epochs> made_from;
  const Epochs& epochs() const {
    static const Epochs kNone;
    return made_from ? *made_from : kNone;
  }
};

/// What an endpoint's score for a call is made of; road/board.h has the sum.
struct ScoreParts {
  double tokens_usd = 0;     // at its rates, uplift and cached input counted
  double moving_usd = 0;     // for the bytes on their way there and back
  double first_token_s = 0;  // as measured; before that the round trip that is stated
  double cold_start_s = 0;   // where it was not used lately
  double answer_s = 0;       // from the first token on, at the pace that was measured
  double moving_s = 0;       // of the prompt, over the link that is stated
  double scratch_usd = 0;    // for the session's scratch data, if that is not there already
  double scratch_s = 0;      // at the pace of earlier moves; before, over the link that is stated
  double queue_s = 0;        // until one of the calls that it bears at once has ended
  double load = 0;           // calls in flight over what its quota bears in a second
  double carbon = 0;         // kilograms for each kWh
  double pool = 0;           // steps from reserved over warm and serverless to spot
  double cached = 0;         // share of the input that is expected in its prompt cache
  double dollars() const { return tokens_usd + moving_usd + scratch_usd; }
};

/// A placement at length.
struct Explanation {
  struct Ranked {
    std::string endpoint;
    std::string model;
    double score = 0;        // the lower the better; 0 where the catalog's order counts
    bool preferred = false;  // its hardware is asked before others
    ScoreParts parts;
    ScratchPlace scratch;  // where the session's scratch data would lie
  };
  std::vector<Ranked> ranked;
  std::vector<Rejection> rejected;    // all of them
  std::vector<std::string> unserved;  // models that no endpoint serves; among the rejected too
  std::string data_class;             // with its floors, names resolved
  std::string needs;                  // of the step, for people
  Preference preference = Preference::kListed;
  /// Of an agent with a downgrade ladder: what that wishes on the rung where its calls are now.
  HardwareWish hardware;
  size_t level = 0;
  Epochs epochs;
};

/// A call that is not made: where would it run?
struct SupposedCall {
  std::string tenant;
  contract::DataClass data_class;
  std::vector<std::string> ladder;
  std::optional<Preference> preference = std::nullopt;
  policy::Needs needs = policy::Needs();
  /// Whose rung counts, where it has a ladder.
  std::string agent = {};
  std::shared_ptr<const DowngradeLadder> downgrade = nullptr;
  std::optional<ScratchAt> scratch = std::nullopt;
  /// That rung instead.
  std::optional<size_t> level = std::nullopt;
};

struct AttemptRecord {
  /// Never null; its catalog is kept alive, for a call may be placed anew by a later one.
  const catalog::Endpoint* endpoint = nullptr;
  catalog::CatalogRef catalog;
  int attempt = 0;
  bool ok = false;
  /// It broke off after visible output, and the next attempt went on from there.
  bool continued = false;
  Rare<Error> error;  // if not ok
  Duration took{};
};
using AttemptRecords = MostlyOne<AttemptRecord>;

/// For whom a call is made, beside its principal.
struct Party {
  std::string session;  // empty for a stateless call
  std::string agent;
  std::string tree;  // the root of the session's
};

struct ModelCall {
  identity::PrincipalRef principal;
  /// Models in the order to try; one for a gateway call.
  std::vector<std::string> ladder;
  providers::Prompt prompt;
  /// Session and sequence; the same over all attempts.
  ShortText<36> idempotency_key;
  /// Which time the caller asks under that key: after a restart the second.
  int attempt = 1;
  Rare<Party> party = {};
  /// Filled, while the caller waits, before anything of an answer is handed on; may be null.
  RateState* rates = nullptr;
  /// An answer that breaks off after visible output may be continued elsewhere (continuation.h).
  bool continue_cut = false;
  /// Of what is sent: no endpoint that may not see it is tried. The policy's floors are added.
  Rare<contract::DataClass> data_class = {};
  /// Of the step; what the request itself shows is added.
  Rare<policy::Needs> needs = {};
  std::optional<Preference> preference = std::nullopt;
  /// What the request or its agent states; absent: what the operator's policy says.
  std::optional<ServiceClass> service_class = std::nullopt;
  /// Filled like `rates`; may be null.
  Served* served = nullptr;
  /// Say in the outcome's placement why each other endpoint is not in it.
  bool reasons = false;
  /// What its agent gives up while there is not enough; null: nothing.
  std::shared_ptr<const DowngradeLadder> downgrade = nullptr;
  /// Filled, while the caller waits, before anything is sent: where on that ladder the call is made
  /// (a header must be written before the outcome is known); may be null.
  Downgraded* downgraded = nullptr;
  /// The session's scratch data, which is to follow the call; absent: it has none that moves.
  Rare<ScratchAt> scratch = {};
  /// A slow call that may lie in a provider's batch for so long (batch_road.h); absent: it may not.
  std::optional<Duration> batch_within = std::nullopt;
  /// It lay in one, which had no answer for it.
  bool was_batched = false;
};

/// The reason of a failure that is none yet: the call lies in a batch, retry_after says how long at
/// most.
inline constexpr std::string_view kBatched = "batched";

struct ModelOutcome : Pooled {
  ModelOutcome() : ModelOutcome(std::make_unique_for_overwrite<providers::Answer>(), {}, {}) {}
  ModelOutcome(std::unique_ptr<providers::Answer> given, Placement&& where, AttemptRecords&& tried)
      : answer(std::move(given)), placement(std::move(where)), attempts(std::move(tried)) {}

  /// Never null; apart, for it is large and comes from where it was read.
  std::unique_ptr<providers::Answer> answer;
  const catalog::Endpoint* endpoint = nullptr;
  std::string_view provider;  // the endpoint's
  Money cost;
  bool cost_known = false;
  LatencyParts latency;
  Duration first_token{};
  Placement placement;
  AttemptRecords attempts;  // failed ones first, the accepted one last
  Served served;
  /// Where on its agent's ladder it was made.
  Rare<Downgraded> downgraded;
  /// Where the session's scratch data belongs now, if the call has some.
  Rare<ScratchPlace> scratch;
};

/// A failed call with everything that was tried.
struct ModelFailure {
  Error error;
  bool visible = false;
  /// What it cost all the same: a cut stream is billed. Estimated unless the provider said.
  contract::Usage usage;
  Money cost;
  bool cost_known = false;
  Placement placement;
  AttemptRecords attempts;
  LatencyParts latency;
  Rare<Downgraded> downgraded;
};

/// What an operator may set, and change while calls are in flight.
struct Settings {
  /// Of a whole call, attempts and pauses together.
  Duration call_timeout = limits::kCallTimeout;
  Duration drain_timeout = limits::kDrainTimeout;
  /// Attempts of one call, at most limits::kAttemptsMax.
  int attempts_max = limits::kAttemptsMax;
  RetryBudgetOptions retries;
  /// Above zero: a streamed call without a first token after this time is asked for a second time,
  /// elsewhere in the same zone; see hedge.h. Calls on the slow path are not.
  Duration hedge_after{};
  ClassSettings classes;
  /// What orders endpoints that serve the same model, where an agent says nothing.
  Preference preference = Preference::kListed;
  /// The same for data of low risk (contract/data_class.h); nullopt: as for all.
  std::optional<Preference> low_risk;
  /// The region that calls leave from, for round trips and private links; empty: not known.
  std::string here;
  /// Where sessions' scratch data may lie, this server's own store among them; fewer than two: it
  /// never moves.
  std::vector<StoreSpec> stores;
};

/// What a call came to.
using ModelResult = Boxed<ModelOutcome, ModelFailure>;

class Road {
 public:
  virtual ~Road() = default;
  /// Takes the call before it returns; the sink outlives the task. Not to be a coroutine.
  virtual Task<ModelResult> call_model(Context ctx, ModelCall&& call, providers::Sink* sink) = 0;
  /// Has decided about such data what takes time: to be awaited before explain(). Whoever does not
  /// gets the same, later.
  virtual Task<void> ask_outside(Context ctx, std::string tenant, contract::DataClass data_class) {
    co_return;
  }
  /// Which endpoints such a call of the tenant's may use now, and why not the others.
  virtual Explanation explain(const SupposedCall& call) { return Explanation(); }
  /// Scratch data was moved: the pace counts from now on.
  virtual void scratch_moved(const std::string& from, const std::string& to, uint64_t bytes,
                             Duration took) {}
  /// What so many tokens cost at the dearest endpoint that such a call may use, cache writes at
  /// their price: the most that can be billed for it. Zero where no price is known.
  virtual Money ceiling(const std::vector<std::string>& ladder, int64_t input_tokens,
                        int64_t output_tokens) const {
    return Money();
  }
  /// It has ended, or is gone: nobody waits any more for what is under way for that session.
  virtual void session_over(std::string_view session) {}
  /// From the next call on.
  virtual void configure(Settings settings) {}
  /// The models that can be asked for, sorted.
  virtual std::vector<std::string> models() const = 0;
  /// Ends what is still in flight (calls read on after their client left, too) and waits for it.
  /// Further calls are refused. To be called before the road goes.
  virtual Task<void> close() { co_return; }
};

class Accounts;
class ExternalRules;

/// What the road is made of; all of it outlives the road. See engine.h for how it works.
struct RoadParts {
  async::Loop* loop = nullptr;
  Random* random = nullptr;  // for spans and pauses: nothing that must not be guessed
  catalog::CatalogHolder* catalog = nullptr;
  catalog::Health* health = nullptr;
  const policy::PolicyHolder* policy = nullptr;  // may be null: the built-in rules alone
  const policy::Evidence* evidence = nullptr;    // may be null: there is none
  ExternalRules* external = nullptr;             // may be null: nobody outside is asked
  async::Executor* decider = nullptr;  // for slow authorisers; null: they are asked on the loop
  providers::Providers* providers = nullptr;
  trace::SpanSink* spans = nullptr;   // may be null
  trace::Metrics* metrics = nullptr;  // may be null
  Accounts* accounts = nullptr;       // null: nothing is limited or booked
  /// Timeouts of attempts.
  providers::AttemptOptions attempt;
  Settings settings;
  size_t drains_max = limits::kDrainsMax;
};
std::unique_ptr<Road> make_road(RoadParts parts);

}  // namespace drover::road
