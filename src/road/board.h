#pragma once
// Internal to src/road: what placement knows of each endpoint of a catalog, as arrays of numbers by
// its index, so that a thousand can be looked at in a few microseconds. Prices and facts are read
// when a catalog is loaded; circuits follow catalog::Health by what it says has changed; latency
// and load follow the calls.
//
// A soft score, the lower the better, is a sum of what a preference weighs (preference_weights):
//
//   1000 × dollars of the call (input, cached input and output at this endpoint's rates × uplift,
//          and its bytes × the price of moving them)
//   + seconds to the first token as measured (before: the round trip that is stated), and of a cold
//     start where it was not used lately
//   + calls in flight over what its quota of calls a minute bears in a second
//   + grams of carbon for each kWh / 1000
//   + a step for each pool from reserved over warm and serverless to spot: up for a fast call, down
//     for a slow one, and more than all of the above
//
// Loop thread only; the catalog is kept alive.

#include <array>
#include <memory>
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
  /// `here`: the region or network that calls leave from, for round trips and private links.
  void load(std::shared_ptr<const catalog::Catalog> catalog, const catalog::Health& health,
            std::string_view here);
  /// Takes in what has changed of the circuits.
  void refresh(const catalog::Health& health);
  const std::shared_ptr<const catalog::Catalog>& catalog() const { return catalog_; }
  const catalog::Endpoint* endpoint(size_t i) const { return &catalog_->endpoints()[i]; }
  size_t size() const { return latency_s_.size(); }

  /// The endpoints that serve a model; nullptr if nobody does.
  const policy::Bits* serving(const std::string& model) const;
  /// Those whose circuit was open when it was last looked at, and until when.
  const policy::Bits& cooling() const { return cooling_; }
  MonoTime open_until(size_t i) const { return open_until_[i]; }
  /// Its time is over.
  void usable(size_t i) { cooling_.clear(i); }

  void started(size_t i) { load_[i] += load_unit_[i]; }
  /// `first_token` zero: not known.
  void finished(size_t i, MonoTime now, bool ok, Duration first_token);

  /// The scores of 64 endpoints from `first` on, into `out`.
  void score(size_t first, const Weights& weights, Preference preference, const CallSize& size,
             MonoTime now, float* out) const;
  /// What a score is made of, for explanations.
  struct Parts {
    double dollars = 0;
    double seconds = 0;
    double load = 0;
    double carbon = 0;
    double pool = 0;
  };
  /// `cached`: the share of the input that the endpoint is expected to have in its prompt cache.
  Parts parts(size_t i, const CallSize& size, MonoTime now, double cached) const;
  static double weigh(const Parts& parts, const Weights& weights);

 private:
  void read(size_t i, const catalog::Endpoint& endpoint, std::string_view here);
  void take(const catalog::Health& health, const std::string& key);
  void add_pools(size_t first, const Weights& weights, float* out) const;
  float cold(size_t i, MonoTime now) const;

  std::shared_ptr<const catalog::Catalog> catalog_;
  std::unordered_map<std::string, policy::Bits> serving_;
  /// Of a circuit: which of an endpoint's it is (catalog::Health::Keys), and whose.
  struct Circuit {
    size_t which = 0;
    std::vector<uint32_t> endpoints;
  };
  std::unordered_map<std::string, Circuit> by_key_;
  uint64_t health_version_ = 0;
  policy::Bits cooling_;
  std::vector<MonoTime> open_until_;  // the latest of its circuits'
  std::array<std::vector<MonoTime>, std::tuple_size_v<catalog::Health::Keys>> circuit_until_;

  // Padded to whole blocks of 64.
  std::vector<float> input_, output_, cached_;  // dollars a token, uplift and transfer included
  std::vector<float> latency_s_, load_, load_unit_, carbon_;
  std::vector<float> cold_s_;
  std::vector<float> pool_;
  bool any_pool_ = false;
  std::vector<MonoTime> used_;
  bool any_cold_ = false;
};

}  // namespace drover::road
