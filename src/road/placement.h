#pragma once
// Where a model call may run. Hard rules filter (policy/policy.h): what they remove is not there
// for the call, nor for its failover, its last resort or anything else. Soft scores order what is
// left (road/board.h): models in the ladder's order first, within a model by the preference, and of
// equal ones in the catalog's order. At most limits::kPlacesMax.
//
// What is cooling down is left out. An endpoint whose pause is over (half-open) stands in its own
// place again: the one call that gets it is the probe, without which traffic would never come back;
// others see it as still cooling meanwhile. What is cooling down is the last resort, the shortest
// wait first, at most limits::kAttemptsMax of them: an error is worse than an attempt that may
// succeed, and the attempt itself is bounded. If nothing is usable at all, the first of them is the
// placement.
//
// place() is the hot path: of what it does only the rules' decisions are kept. Reasons are made for
// those who ask (Ask::reasons, explain()); the epochs say what a placement was made from, so that
// they can be made again later. Loop thread only; what it is made of outlives it.

#include <array>
#include <limits>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/limits/placement.h"
#include "base/limits/road.h"
#include "policy/decisions.h"
#include "policy/evidence.h"
#include "road/board.h"
#include "road/road.h"
#include "road/scratch_places.h"

namespace drover::road {

/// What decides where calls may run: facts, policy, and what is answered from outside. Where it is
/// another than it was, a call that has waited meanwhile is judged again.
struct Deciders {
  uint64_t epoch = 0;
  uint64_t generation = 0;
  bool operator==(const Deciders&) const = default;
};

/// Where a call may run, in the order to try.
struct Places {
  Deciders deciders;
  Placement placement;
  /// Tried once all of the placement have failed. They stand among its rejected, with their
  /// reasons; its catalog keeps them alive.
  std::vector<const catalog::Endpoint*> last_resort;
};

struct PlacerParts {
  catalog::CatalogHolder* catalog = nullptr;
  catalog::Health* health = nullptr;
  const policy::PolicyHolder* policy = nullptr;  // may be null: the built-in rules alone
  const policy::Evidence* evidence = nullptr;    // may be null: there is none
  Clock* clock = nullptr;
  Preference preference = Preference::kListed;
  std::optional<Preference> low_risk = std::nullopt;  // for data of low risk, if not as for all
  std::string here;  // the region that calls leave from; "": not known
  std::vector<StoreSpec> stores;
};

class Placer {
 public:
  explicit Placer(PlacerParts parts) : parts_(std::move(parts)) {}

  /// The question for the rules: the tenant's data with the floors that hold for it.
  policy::Ask ask(const std::string& tenant, const contract::DataClass& data);
  /// The question of a call at hand, with what its step needs and what its prompt shows; as most
  /// say nothing of either, hardly anything is written for it. Lives until the next.
  const policy::Ask& ask_of(const std::string& tenant, const Rare<contract::DataClass>& data,
                            const Rare<policy::Needs>& needs, providers::Prompt& prompt);
  /// A model named twice counts once. Unknown models are rejections; with none known at all the
  /// list is empty.
  Places place(const PlaceQuestion& question) {
    Places out;
    place(question, out);
    return out;
  }
  /// The same into `out`, whatever stood there.
  void place(const PlaceQuestion& question, Places& out);
  /// The same at length: all that may be used with their scores, all others with the rule.
  Explanation explain(const PlaceQuestion& question);
  /// How much there is for such a call now.
  struct Outlook {
    size_t allowed = 0;  // that no rule removes
    size_t usable = 0;   // of those: not left alone
    double price = 0;    // dollars for a million tokens at the cheapest usable; 0: not known
  };
  Outlook outlook(const PlaceQuestion& question);
  /// Why an empty placement is empty, for the caller: the model does not exist, or the rules leave
  /// no endpoint, and which.
  Error refusal(const PlaceQuestion& question);

  // What calls tell of an endpoint. Its catalog may have been replaced meanwhile.
  void started(const catalog::Catalog& catalog, const catalog::Endpoint& endpoint);
  /// A call that comes now waits so long for a place at the endpoint of that id.
  void queued(const std::string& endpoint, double seconds);
  void finished(const catalog::Catalog& catalog, const catalog::Endpoint& endpoint,
                const Board::Measured& measured, const std::string& session);
  /// What rules decide of the catalog and policy in force.
  policy::Decisions& decisions() {
    refresh();
    return decisions_;
  }
  /// All endpoints as rules see them. Valid until the catalog or the policy changes.
  std::vector<const policy::Thing*> things();
  void set_preference(Preference preference, std::optional<Preference> low_risk, std::string here);
  void set_stores(std::vector<StoreSpec> stores);
  /// Where the scratch data of such a call belongs while the endpoint is used.
  ScratchPlace scratch_place(const policy::Ask& ask, const catalog::Endpoint& endpoint,
                             const ScratchAt& at);
  ScratchPlaces& scratch() { return scratch_; }
  Epochs epochs();
  /// Those of now. Cheap where nothing has changed.
  Deciders deciders() {
    refresh();
    return Deciders{decisions_.epoch(), policy_->generation()};
  }
  /// Why an endpoint of an earlier catalog may not be used any more; nullopt: it may.
  std::optional<Rejection> barred(const policy::Ask& ask, const catalog::Endpoint& was);
  const Board& board() const { return board_; }

 private:
  /// The share of a prompt that a session's last endpoint has in its cache, all but what is new.
  static constexpr double kCachedShare = 0.9;
  /// The best so far, ascending.
  struct Best {
    static constexpr float kNone = std::numeric_limits<float>::infinity();
    size_t count = 0;
    std::array<float, limits::kPlacesMax> scores;
    std::array<uint32_t, limits::kPlacesMax> indexes;
    Best() { clear(); }
    void clear() {
      count = 0;
      scores.fill(kNone);
    }
    void consider(float score, uint32_t index);
    void drop(uint32_t index);
  };
  struct Cooling {
    uint32_t index;
    Duration wait;
  };
  /// Takes in what has changed since the last time. Asked several times a call.
  void refresh() {
    if (!current()) reload();
    board_.refresh(*parts_.health);
  }
  bool current() const {
    return policy_ != nullptr && parts_.catalog->holds(board_.catalog()) &&
           (parts_.policy == nullptr || parts_.policy->holds(policy_)) && !here_changed_ &&
           !stores_changed_;
  }
  void reload();
  /// What the request shows that it needs. Looks into it only where some endpoint of the catalog is
  /// known not to be able to serve it.
  void add_needs_of(providers::Prompt& prompt, policy::Needs& needs) const;
  /// Looks at the time and at who asks for which hardware.
  MonoTime prepare(const PlaceQuestion& question);
  /// Endpoints that no rule removes, kept in reserve or not asked in this pass left out.
  uint64_t open_to(const policy::Bits& serving, const policy::Decision& decision,
                   const PlaceQuestion& question, size_t w, bool first) const;
  bool in_reserve(const PlaceQuestion& question, size_t i) const {
    return question.hardware != nullptr && reserve_.test(i) && !first_.test(i);
  }
  /// Whether all evidence that is needed is at hand; if not, which is not.
  bool shows_evidence(const policy::Decision& decision, size_t i,
                      const policy::EvidenceNeed** lacks) const;
  /// A model that the ladder names a second time.
  static bool repeated(const std::vector<std::string>& ladder, size_t i);
  static std::string cooling_text(const catalog::Verdict& verdict);
  /// The best of one model that are usable into best_; returns how many are cooling down.
  size_t select(const policy::Bits& serving, const policy::Decision& decision,
                const PlaceQuestion& question, bool first);
  /// Those `count` of one model that are cooling down into cooling_.
  [[gnu::noinline]] void select_cooling(const policy::Bits& serving,
                                        const policy::Decision& decision,
                                        const PlaceQuestion& question, MonoTime now, bool first,
                                        size_t count);
  /// False: no longer wait has a place.
  bool add_cooling(const PlaceQuestion& question, uint32_t index, Duration wait);
  /// The session's last endpoint has its prompt in its cache.
  void favour_warm(const policy::Bits& serving, const policy::Decision& decision,
                   const PlaceQuestion& question, MonoTime now, bool first);
  [[gnu::noinline]] void add_last_resort(Places& out, bool reasons);
  /// The rule that removes it; nullopt if none does.
  std::optional<Rejection> removed(const PlaceQuestion& question, const policy::Decision& decision,
                                   size_t i) const;
  [[gnu::noinline]] void add_removed(const policy::Bits& serving, const policy::Decision& decision,
                                     const PlaceQuestion& question, Placement& out) const;
  double cached_share(const PlaceQuestion& question, size_t i) const;
  ScoreParts parts_at(const PlaceQuestion& question, size_t i, double cached) const;
  Preference preference_of(const PlaceQuestion& question) const {
    if (question.preference) return *question.preference;
    if (question.path == ServiceClass::kSlow) return Preference::kSpare;
    if (parts_.low_risk && question.ask.data.low_risk()) return *parts_.low_risk;
    return parts_.preference;
  }
  Weights weights_of(const PlaceQuestion& question) const;

  PlacerParts parts_;
  Board board_;
  catalog::CatalogRef catalog_;  // the board's, for placements
  policy::Decisions decisions_;
  std::shared_ptr<const policy::Policy> policy_;  // that the decisions are of
  std::string catalog_print_;
  bool floors_ = false;            // the policy's, for all data or for some tenant's
  LocalPtr<const Epochs> epochs_;  // of the last placement, if nothing was loaded since
  bool some_blind_ = false;        // endpoints that are known to have no vision
  std::vector<int64_t> windows_;   // that are known, sorted, each once
  bool here_changed_ = false;
  ScratchPlaces scratch_;
  bool stores_changed_ = true;
  bool scratch_counts_ = false;  // in the scores of the call at hand
  /// Of sessions: which endpoint has their prompt in its cache.
  std::unordered_map<std::string, std::string> warm_;
  // Of the call at hand; kept so that a call allocates nothing for them.
  policy::Ask asked_;
  Best best_;
  std::vector<Cooling> cooling_;  // the shortest wait first, of equal ones the ladder's order
  policy::Bits first_, reserve_;  // by hardware
};

}  // namespace drover::road
