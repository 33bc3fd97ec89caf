#pragma once
// Internal to src/road: where a session's scratch data lies. Stores are placed things like
// endpoints: hard rules remove those that may not hold the data (for it they do not exist), and of
// the others the nearest to the endpoint in use is taken: in its fault domain, then in its region,
// over a private link, by the round trip that is stated, in its zone, in its country, any. Data
// that lies as near already stays where it is.
//
// What moving it would cost counts in the score of each endpoint: bytes × the price of leaving the
// store and of entering the other, and the time at the pace of earlier moves between the two
// (before: over the slower of the links that are stated). Endpoints of which the same is stated
// share one answer.
//
// Loop thread only. Bounded by the catalog and limits::kScratchStoresMax.

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "policy/decisions.h"
#include "road/road.h"

namespace drover::road {

class ScratchPlaces {
 public:
  void load(const catalog::Catalog& catalog, std::vector<StoreSpec> stores,
            std::shared_ptr<const policy::Policy> policy);
  /// Whether there is a choice at all.
  bool any() const { return stores_.size() > 1; }
  /// The stores as rules see them. Valid until load().
  std::vector<const policy::Thing*> things() const;

  /// What is asked about the stores for such a call: its class, and that of the records.
  policy::Ask about(const policy::Ask& ask, const ScratchAt& at) const;
  /// Where the data belongs while the endpoint of that index is used.
  ScratchPlace place(size_t endpoint, const policy::Ask& ask, const ScratchAt& at);

  struct Cost {
    double usd = 0;
    double seconds = 0;
  };
  /// Looks at what moving the data to each endpoint costs; false: nothing anywhere. What follows is
  /// of that look.
  bool look(const policy::Ask& ask, const ScratchAt& at);
  Cost cost(size_t endpoint) const { return costs_[group_of_[endpoint]]; }
  /// Adds it to the scores of 64 endpoints from `first` on, as `weights` say.
  void weigh(const Weights& weights);
  void add(size_t first, float* scores) const;

  void moved(const std::string& from, const std::string& to, uint64_t bytes, Duration took);

 private:
  enum class Near : uint8_t { kDomain, kRegion, kLink, kRoundTrip, kZone, kCountry, kFar };
  struct Candidate {
    Near near = Near::kFar;
    double rtt_ms = 0;  // of kRoundTrip
    uint32_t store = 0;
    bool as_near_as(const Candidate& other) const {
      return near == other.near && rtt_ms == other.rtt_ms;
    }
  };
  /// Endpoints of which the same is stated.
  struct Group {
    std::string domain;
    std::vector<Candidate> stores;  // the nearest first
  };
  static Candidate candidate(const catalog::Endpoint& endpoint, const StoreSpec& store);
  static std::string near_text(const Candidate& candidate);
  /// nullptr: none may hold it.
  const Candidate* best(const Group& group, const policy::Bits& allowed, size_t current) const;
  /// stores_.size(): there is none of that name.
  size_t index_of(std::string_view store) const;
  Cost cost_between(size_t from, size_t to, uint64_t bytes) const;

  std::vector<StoreSpec> stores_;
  policy::Decisions decisions_;
  std::vector<Group> groups_;
  std::vector<std::string> ids_;    // of the endpoints, for reasons
  std::vector<uint16_t> group_of_;  // by endpoint, padded to whole blocks of 64
  std::vector<Cost> costs_;         // by group
  std::vector<float> weighed_;      // by group
  std::map<std::pair<std::string, std::string>, double> pace_;  // bytes a second, as measured
};

}  // namespace drover::road
