#include "road/scratch_places.h"

#include <algorithm>

#include "base/limits/placement.h"

namespace drover::road {
namespace {

/// A measurement moves the mean by this part.
constexpr double kNewLinkPart = 0.2;
/// Fewer bytes say nothing of the pace.
constexpr uint64_t kPaceBytesMin = 4096;

double number_of(const catalog::Facts& facts, std::string_view name) {
  const Json* value = facts.value(name);
  return value == nullptr ? 0 : value->number().value_or(0);
}

bool names(const catalog::Facts& facts, std::string_view list, std::string_view word) {
  if (word.empty()) return false;
  std::vector<std::string> words = facts.list(list);
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool same(std::string_view a, std::string_view b) { return !a.empty() && a == b; }

bool linked(const catalog::Facts& a, std::string_view a_region, const catalog::Facts& b,
            std::string_view b_region) {
  return names(a, "private_links", b_region) || names(b, "private_links", a_region);
}

std::string_view region_of(const catalog::Endpoint& endpoint) {
  return endpoint.region.empty() ? endpoint.facts.text("region") : endpoint.region;
}

/// All that the distance to a store depends on.
std::string place_of(const catalog::Endpoint& endpoint) {
  std::string out(region_of(endpoint));
  for (std::string_view name : {"fault_domain", "zone", "country", "private_links", "rtt_ms"}) {
    const Json* value = endpoint.facts.value(name);
    out += '\n';
    if (value != nullptr) out += value->dump();
  }
  return out;
}

}  // namespace

ScratchPlaces::Candidate ScratchPlaces::candidate(const catalog::Endpoint& endpoint,
                                                  const StoreSpec& store) {
  Candidate out;
  const std::string_view region = store.facts.text("region");
  const Json* table = endpoint.facts.value("rtt_ms");
  const auto rtt = table == nullptr ? std::nullopt : table->get_number(region);
  auto share = [&](std::string_view name) {
    return same(endpoint.facts.text(name), store.facts.text(name));
  };
  if (share("fault_domain")) {
    out.near = Near::kDomain;
  } else if (same(region_of(endpoint), region)) {
    out.near = Near::kRegion;
  } else if (linked(endpoint.facts, region_of(endpoint), store.facts, region)) {
    out.near = Near::kLink;
  } else if (rtt) {
    out.near = Near::kRoundTrip;
    out.rtt_ms = *rtt;
  } else if (share("zone")) {
    out.near = Near::kZone;
  } else if (share("country")) {
    out.near = Near::kCountry;
  }
  return out;
}

void ScratchPlaces::load(const catalog::Catalog& catalog, std::vector<StoreSpec> stores,
                         std::shared_ptr<const policy::Policy> policy) {
  stores_ = std::move(stores);
  std::vector<policy::Thing> things;
  for (const StoreSpec& store : stores_) {
    things.push_back(policy::make_thing(store.name, policy::ThingKind::kStore, "", store.facts,
                                        policy->zones()));
  }
  decisions_.reset(std::move(policy), std::move(things));
  groups_.clear();
  ids_.clear();
  group_of_.assign((catalog.endpoints().size() + 63) / 64 * 64, 0);
  std::map<std::string, uint16_t> known;
  for (const catalog::Endpoint& endpoint : catalog.endpoints()) {
    auto [it, added] = known.try_emplace(place_of(endpoint), static_cast<uint16_t>(groups_.size()));
    group_of_[ids_.size()] = it->second;
    ids_.push_back(endpoint.id);
    if (!added) continue;
    Group group;
    group.domain = std::string(endpoint.facts.text("fault_domain"));
    for (size_t s = 0; s < stores_.size(); ++s) {
      group.stores.push_back(candidate(endpoint, stores_[s]));
      group.stores.back().store = static_cast<uint32_t>(s);
    }
    std::stable_sort(group.stores.begin(), group.stores.end(),
                     [](const Candidate& a, const Candidate& b) {
                       return a.near != b.near ? a.near < b.near : a.rtt_ms < b.rtt_ms;
                     });
    groups_.push_back(std::move(group));
  }
  costs_.assign(std::max<size_t>(1, groups_.size()), Cost());
  weighed_.assign(costs_.size(), 0);
}

std::vector<const policy::Thing*> ScratchPlaces::things() const {
  std::vector<const policy::Thing*> out;
  for (const policy::Thing& thing : decisions_.things()) out.push_back(&thing);
  return out;
}

/// What a step needs is of its endpoint.
policy::Ask ScratchPlaces::about(const policy::Ask& ask, const ScratchAt& at) const {
  policy::Ask out;
  out.kind = policy::ThingKind::kStore;
  out.tenant = ask.tenant;
  out.data = ask.data;
  if (at.data_class.unrestricted()) return out;
  out.data = decisions_.policy().effective(out.tenant, contract::join(out.data, at.data_class));
  return out;
}

size_t ScratchPlaces::index_of(std::string_view store) const {
  size_t i = 0;
  while (i < stores_.size() && stores_[i].name != store) ++i;
  return i;
}

const ScratchPlaces::Candidate* ScratchPlaces::best(const Group& group, const policy::Bits& allowed,
                                                    size_t current) const {
  const Candidate* out = nullptr;
  for (const Candidate& candidate : group.stores) {
    if (!allowed.test(candidate.store)) continue;
    if (out != nullptr && !candidate.as_near_as(*out)) break;
    if (out == nullptr || candidate.store == current) out = &candidate;
  }
  return out;
}

std::string ScratchPlaces::near_text(const Candidate& candidate) {
  switch (candidate.near) {
    case Near::kDomain:
      return "in its fault domain";
    case Near::kRegion:
      return "in its region";
    case Near::kLink:
      return "over a private link";
    case Near::kRoundTrip:
      return Json(candidate.rtt_ms).dump() + " ms away";
    case Near::kZone:
      return "in its zone";
    case Near::kCountry:
      return "in its country";
    case Near::kFar:
      return "for none is known to be nearer";
  }
  return "";
}

ScratchPlace ScratchPlaces::place(size_t endpoint, const policy::Ask& ask, const ScratchAt& at) {
  ScratchPlace out;
  const policy::Ask asked = about(ask, at);
  const policy::Decision& decision = decisions_.get(asked);
  const Group& group = groups_[group_of_[endpoint]];
  const Candidate* taken = best(group, decision.allowed, index_of(at.store));
  const std::string& id = ids_[endpoint];
  if (taken == nullptr) {
    out.why = "no store may hold this data";
    if (!group.stores.empty()) {
      const uint32_t nearest = group.stores.front().store;
      if (auto denial = decisions_.why(asked, nearest)) {
        out.why += ": " + stores_[nearest].name + " -> " + denial->rule + ": " + denial->why;
      }
    }
    return out;
  }
  out.store = stores_[taken->store].name;
  if (taken->near == Near::kDomain) {
    out.why = "it stands in the fault domain of " + id + ", " + group.domain;
    return out;
  }
  const Candidate& nearest = group.stores.front();
  if (nearest.near == Near::kDomain) {
    out.why =
        "in the fault domain of " + id + ", " + group.domain + ", no store may hold this data";
    if (auto denial = decisions_.why(asked, nearest.store)) {
      out.why +=
          " (" + stores_[nearest.store].name + " -> " + denial->rule + ": " + denial->why + ")";
    }
  } else if (group.domain.empty()) {
    out.why = "the fault domain of " + id + " is not stated";
  } else {
    out.why = "no store stands in the fault domain of " + id + ", " + group.domain;
  }
  out.why += "; the nearest allowed is taken, " + near_text(*taken);
  return out;
}

ScratchPlaces::Cost ScratchPlaces::cost_between(size_t from, size_t to, uint64_t bytes) const {
  Cost out;
  if (from == to) return out;
  const catalog::Facts& a = stores_[from].facts;
  const catalog::Facts& b = stores_[to].facts;
  const auto size = static_cast<double>(bytes);
  const std::string_view a_region = a.text("region");
  const std::string_view b_region = b.text("region");
  if (!same(a_region, b_region) && !linked(a, a_region, b, b_region)) {
    out.usd =
        size * 1e-9 * (number_of(a, "egress_usd_per_gb") + number_of(b, "ingress_usd_per_gb"));
  }
  auto measured = pace_.find({stores_[from].name, stores_[to].name});
  if (measured != pace_.end()) {
    out.seconds = size / measured->second;
    return out;
  }
  double mbps = 0;
  for (const catalog::Facts* facts : {&a, &b}) {
    if (double stated = number_of(*facts, "link_mbps"); stated > 0) {
      mbps = mbps == 0 ? stated : std::min(mbps, stated);
    }
  }
  if (mbps > 0) out.seconds = size * 8 / (mbps * 1e6);
  if (const Json* table = a.value("rtt_ms"); table != nullptr) {
    out.seconds += table->get_number(b_region).value_or(0) * 1e-3;
  }
  return out;
}

bool ScratchPlaces::look(const policy::Ask& ask, const ScratchAt& at) {
  const size_t from = index_of(at.store);
  if (!any() || at.bytes == 0 || from == stores_.size()) return false;
  const policy::Decision& decision = decisions_.get(about(ask, at));
  std::vector<Cost> to_store(stores_.size());
  for (size_t s = 0; s < stores_.size(); ++s) to_store[s] = cost_between(from, s, at.bytes);
  bool something = false;
  for (size_t g = 0; g < groups_.size(); ++g) {
    const Candidate* taken = best(groups_[g], decision.allowed, from);
    costs_[g] = taken == nullptr ? Cost() : to_store[taken->store];
    something = something || costs_[g].usd > 0 || costs_[g].seconds > 0;
  }
  return something;
}

void ScratchPlaces::weigh(const Weights& weights) {
  for (size_t g = 0; g < costs_.size(); ++g) {
    weighed_[g] = static_cast<float>(1000 * weights.price * costs_[g].usd +
                                     weights.latency * costs_[g].seconds);
  }
}

void ScratchPlaces::add(size_t first, float* scores) const {
  for (size_t i = 0; i < 64; ++i) scores[i] += weighed_[group_of_[first + i]];
}

void ScratchPlaces::moved(const std::string& from, const std::string& to, uint64_t bytes,
                          Duration took) {
  if (bytes < kPaceBytesMin || took <= Duration::zero()) return;
  const double now = static_cast<double>(bytes) / to_seconds(took);
  if (pace_.size() > limits::kScratchStoresMax * limits::kScratchStoresMax) pace_.clear();
  double& mean = pace_[{from, to}];
  mean = mean == 0 ? now : mean + kNewLinkPart * (now - mean);
}

}  // namespace drover::road
