#pragma once
// Internal to src/road: what placement knows of each endpoint of a catalog, as arrays of numbers by
// its index, so that a thousand can be looked at in a few microseconds. Facts are read when a
// catalog is loaded, prices then and whenever one changes by its date; circuits follow
// catalog::Health by what it says has changed; latency, throughput and load follow the calls.
//
// A soft score, the lower the better, is a sum of what a preference weighs (preference_weights):
//
//   1000 × dollars of the call (input, cached input and output at this endpoint's rates × uplift,
//          and its bytes × the price of moving them; the session's scratch data that is not there
//          yet × the price of moving it, road/scratch_places.h)
//   + seconds to the first token as measured (before: the round trip that is stated; where none is,
//     that of the slowest endpoint of which it is known), and of a cold start where it was not used
//     lately
//   + seconds for the answer at the pace that was measured, and for moving the prompt there over
//     the link that is stated, and the scratch data
//   + calls in flight over what its quota of calls a minute bears in a second
//   + seconds until a call that comes now gets a place there: what waits for it and what is in
//     flight, beside how many calls it bears at once and how long they take (road/room.h)
//   + grams of carbon for each kWh / 1000 (where none are stated, the most that are)
//   + a step for each pool from reserved over warm and serverless to spot: up for a fast call, down
//     for a slow one, and more than all of the above
//
// Loop thread only; the catalog is kept alive.

#include <array>
#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <unordered_map>
#include <vector>

#include "catalog/catalog.h"
#include "catalog/health.h"
#include "policy/bits.h"
#include "road/road.h"

namespace drover::road {

class Board {
 public:
  /// `here`: the region or network that calls leave from, for round trips and private links; `wall`
  /// is for prices.
  void load(std::shared_ptr<const catalog::Catalog> catalog, const catalog::Health& health,
            std::string_view here, WallTime wall);
  /// Takes in what has changed of the circuits.
  void refresh(const catalog::Health& health) {
    if (health.version() != health_version_) take_changes(health);
  }
  /// Takes in what the time has changed: prices by date, endpoints that have gone cold.
  void advance(MonoTime now, WallTime wall) {
    if (!warm_.empty() && warm_.top().first <= now) cool(now);
    if (!cold_.empty() && cold_.front().until <= now) thaw(now);
    if (wall >= reprice_at_) reprice(wall);
  }
  const std::shared_ptr<const catalog::Catalog>& catalog() const { return catalog_; }
  const catalog::Endpoint* endpoint(size_t i) const { return &catalog_->endpoints()[i]; }
  size_t size() const { return latency_s_.size(); }
  /// Those with an accelerator of that name; nullptr if there are none.
  const policy::Bits* with_hardware(const std::string& name) const;
  /// Those that are reached only while they prove what they run.
  const policy::Bits& attested() const { return attested_; }

  /// The endpoints that serve a model; nullptr if nobody does.
  const policy::Bits* serving(const std::string& model) const;
  /// Those whose circuit is open, as of the last advance(), and until when.
  const policy::Bits& cooling() const { return cooling_; }
  MonoTime open_until(size_t i) const { return open_until_[i]; }
  /// The same, the shortest wait first, of equal ones by index.
  struct Cold {
    MonoTime until;
    uint32_t index;
    auto operator<=>(const Cold&) const = default;
  };
  const std::vector<Cold>& cold() const { return cold_; }

  void started(size_t i) {
    load_[i] += load_unit_[i];
    set_busy(i);
  }
  /// A call that comes now waits so long for a place there.
  void queued(size_t i, double seconds) {
    queue_s_[i] = static_cast<float>(seconds);
    set_busy(i);
  }
  /// What a call told of its endpoint.
  struct Measured {
    bool ok = false;
    Duration first_token{};  // zero: not known
    Duration rest{};         // from there to the end
    int64_t output_tokens = 0;
  };
  void finished(size_t i, MonoTime now, const Measured& measured);

  /// The scores of 64 endpoints from `first` on, into `out`.
  void score(size_t first, const Weights& weights, Preference preference, const CallSize& size,
             float* out) const;
  /// What a score is made of. `cached`: the share of the input that the endpoint is expected to
  /// have in its prompt cache.
  ScoreParts parts(size_t i, const CallSize& size, double cached) const;
  /// Dollars for a million tokens of such a call.
  double price(size_t i, const CallSize& size) const;
  static double weigh(const ScoreParts& parts, const Weights& weights);

 private:
  /// An endpoint that was not used for so long has cooled down.
  static constexpr Duration kWarmFor = 300s;

  void read(size_t i, const catalog::Endpoint& endpoint, std::string_view here);
  /// Nobody stated a round trip, and none was measured.
  void guess_latency();
  void guess_carbon();
  void take(const catalog::Health& health, const std::string& key);
  void take_changes(const catalog::Health& health);
  void add_pools(size_t first, const Weights& weights, float* out) const;
  void reprice(WallTime wall);
  void cool(MonoTime now);
  /// Those whose time is over are cold no more.
  void thaw(MonoTime now);
  void set_open_until(size_t i, MonoTime until);
  void set_busy(size_t i) { busy_[i] = load_[i] + queue_s_[i]; }
  void set_wait(size_t i) { wait_s_[i] = latency_s_[i] + (is_warm_[i] ? 0 : cold_s_[i]); }

  std::shared_ptr<const catalog::Catalog> catalog_;
  std::unordered_map<std::string, policy::Bits> serving_;
  std::unordered_map<std::string, policy::Bits> hardware_;
  policy::Bits attested_;
  /// Of a circuit: which of an endpoint's it is (catalog::Health::Keys), and whose.
  struct Circuit {
    size_t which = 0;
    std::vector<uint32_t> endpoints;
  };
  std::unordered_map<std::string, Circuit> by_key_;
  uint64_t health_version_ = 0;
  policy::Bits cooling_;
  std::vector<Cold> cold_;            // of cooling_, sorted
  std::vector<MonoTime> open_until_;  // the latest of its circuits'
  std::array<std::vector<MonoTime>, std::tuple_size_v<catalog::Health::Keys>> circuit_until_;

  /// What a price is multiplied by, and what moving a token costs, each way.
  struct Rate {
    double uplift = 1;
    double in = 0;
    double out = 0;
  };
  std::vector<Rate> rates_;
  WallTime reprice_at_ = WallTime::max();  // the next change of a price

  // Padded to whole blocks of 64.
  std::vector<float> input_, output_, cached_;  // dollars a token, uplift and transfer included
  std::vector<float> wait_s_;                   // to the first token, a cold start included
  std::vector<float> pace_s_, move_s_;          // seconds a token of output, of input
  std::vector<float> busy_, carbon_;            // load and queue together
  std::vector<float> load_, load_unit_, queue_s_;
  std::vector<float> latency_s_, cold_s_;
  /// Where latency_s_ is from: what is stated or measured is known.
  enum class Latency : uint8_t { kUnknown, kStated, kMeasured };
  std::vector<Latency> latency_of_;
  std::vector<float> pool_;
  bool any_pool_ = false;
  std::vector<MonoTime> used_;
  std::vector<bool> is_warm_;
  /// Those with a cold start that are warm, each once, and when to look whether they still are.
  using Due = std::pair<MonoTime, uint32_t>;
  std::priority_queue<Due, std::vector<Due>, std::greater<Due>> warm_;
};

}  // namespace drover::road
