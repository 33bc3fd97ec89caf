#include "road/board.h"

#include <algorithm>
#include <array>

namespace drover::road {
namespace {

/// A token is about four bytes; what a call moves is its input and its output.
constexpr double kGbPerToken = 4e-9;
/// A measurement moves the mean by this part.
constexpr float kNewPart = 0.2f;
/// An endpoint that was not used for so long has cooled down.
constexpr Duration kWarmFor = 300s;

constexpr std::array<std::string_view, kPreferences> kNames = {"listed",  "balanced", "cheapest",
                                                               "fastest", "greenest", "spare"};

/// The dearer its spare places, the lower.
float pool_step(std::string_view pool) {
  if (pool == "reserved") return 0;
  if (pool == "warm") return 1;
  return pool == "spot" ? 3 : 2;
}

double number(const catalog::Facts& facts, std::string_view name, double otherwise) {
  const Json* value = facts.value(name);
  return value == nullptr ? otherwise : value->number().value_or(otherwise);
}

}  // namespace

std::string_view preference_name(Preference preference) {
  return kNames[static_cast<size_t>(preference)];
}

std::optional<Preference> parse_preference(std::string_view name) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<Preference>(i);
  }
  return std::nullopt;
}

Weights preference_weights(Preference preference) {
  switch (preference) {
    case Preference::kListed:
      return {};
    case Preference::kBalanced:
      return {.price = 1, .latency = 1, .load = 1, .carbon = 0.1f};
    case Preference::kCheapest:
      return {.price = 1, .latency = 0.01f, .load = 0.01f};
    case Preference::kFastest:
      return {.price = 0.01f, .latency = 1, .load = 1};
    case Preference::kGreenest:
      return {.price = 0.01f, .latency = 0.01f, .load = 0.01f, .carbon = 1};
    case Preference::kSpare:
      return {.price = 1, .load = 1};
  }
  return {};
}

void Board::load(std::shared_ptr<const catalog::Catalog> catalog, const catalog::Health& health,
                 std::string_view here) {
  // What was measured of an endpoint outlives a reload, as long as it is called the same.
  std::unordered_map<std::string, size_t> before;
  std::shared_ptr<const catalog::Catalog> old_catalog = std::move(catalog_);
  Board old;
  if (old_catalog) {
    for (size_t i = 0; i < old_catalog->endpoints().size(); ++i) {
      before.emplace(old_catalog->endpoints()[i].id, i);
    }
    old = std::move(*this);
  }
  *this = Board();
  catalog_ = std::move(catalog);
  const std::vector<catalog::Endpoint>& all = catalog_->endpoints();
  size_t padded = (all.size() + 63) / 64 * 64;
  cooling_ = policy::Bits(all.size());
  open_until_.assign(all.size(), MonoTime::min());
  used_ = open_until_;
  circuit_until_.fill(open_until_);
  for (std::vector<float>* v : {&input_, &output_, &cached_, &latency_s_, &load_, &load_unit_,
                                &carbon_, &cold_s_, &pool_}) {
    v->assign(padded, 0);
  }
  for (size_t i = 0; i < all.size(); ++i) {
    read(i, all[i], here);
    auto was = before.find(all[i].id);
    if (was == before.end()) continue;
    latency_s_[i] = old.latency_s_[was->second];
    load_[i] = old.load_[was->second];
    used_[i] = old.used_[was->second];
  }
  // A price that nobody stated is not a low one.
  for (std::vector<float>* v : {&input_, &output_, &cached_}) {
    float dearest = all.empty() ? 0 : *std::max_element(v->begin(), v->end());
    for (size_t i = 0; i < all.size(); ++i) {
      if (!all[i].price.known) (*v)[i] = dearest;
    }
  }
  for (auto& [key, circuit] : by_key_) take(health, key);
  health_version_ = health.version();
}

void Board::read(size_t i, const catalog::Endpoint& endpoint, std::string_view here) {
  policy::Bits& serving = serving_[endpoint.model];
  if (serving.words() == 0) serving = policy::Bits(catalog_->endpoints().size());
  serving.set(i);
  catalog::Health::Keys keys = catalog::Health::keys_of(endpoint);
  for (size_t which = 0; which < keys.size(); ++which) {
    if (keys[which].empty()) continue;
    Circuit& circuit = by_key_[keys[which]];
    circuit.which = which;
    circuit.endpoints.push_back(static_cast<uint32_t>(i));
  }

  const catalog::Facts& facts = endpoint.facts;
  std::vector<std::string> links = facts.list("private_links");
  bool near = !here.empty() && (endpoint.region == here ||
                                std::find(links.begin(), links.end(), here) != links.end());
  double uplift = number(facts, "price_uplift", 1);
  double in = near ? 0 : number(facts, "ingress_usd_per_gb", 0) * kGbPerToken;
  double out = near ? 0 : number(facts, "egress_usd_per_gb", 0) * kGbPerToken;
  const catalog::Price& price = endpoint.price;
  input_[i] = static_cast<float>(price.input.to_double() * uplift + in);
  output_[i] = static_cast<float>(price.output.to_double() * uplift + out);
  cached_[i] = static_cast<float>(price.cache_read.value_or(price.input).to_double() * uplift + in);
  if (const Json* table = facts.value("rtt_ms"); table != nullptr && !here.empty()) {
    latency_s_[i] = static_cast<float>(table->get_number(here).value_or(0) * 1e-3);
  }
  double calls_a_second = number(facts, "requests_per_minute", 600) / 60;
  load_unit_[i] = static_cast<float>(1 / std::max(calls_a_second, 0.01));
  carbon_[i] = static_cast<float>(number(facts, "carbon_g_per_kwh", 0) * 1e-3);
  cold_s_[i] = static_cast<float>(number(facts, "cold_start_ms", 0) * 1e-3);
  any_cold_ = any_cold_ || cold_s_[i] > 0;
  pool_[i] = pool_step(endpoint.pool);
  any_pool_ = any_pool_ || pool_[i] != pool_[0];
}

const policy::Bits* Board::serving(const std::string& model) const {
  auto it = serving_.find(model);
  return it == serving_.end() ? nullptr : &it->second;
}

void Board::take(const catalog::Health& health, const std::string& key) {
  auto it = by_key_.find(key);
  if (it == by_key_.end()) return;
  MonoTime until = health.open_until(key);
  for (uint32_t i : it->second.endpoints) {
    circuit_until_[it->second.which][i] = until;
    MonoTime latest = MonoTime::min();
    for (const std::vector<MonoTime>& each : circuit_until_) latest = std::max(latest, each[i]);
    open_until_[i] = latest;
    if (latest == MonoTime::min()) {
      cooling_.clear(i);
    } else {
      cooling_.set(i);
    }
  }
}

void Board::refresh(const catalog::Health& health) {
  uint64_t now = health.version();
  if (now == health_version_) return;
  if (now - health_version_ > catalog::Health::kChangesKept) {
    for (auto& [key, circuit] : by_key_) take(health, key);
  } else {
    for (uint64_t v = health_version_ + 1; v <= now; ++v) take(health, health.change(v));
  }
  health_version_ = now;
}

void Board::finished(size_t i, MonoTime now, bool ok, Duration first_token) {
  load_[i] = std::max(0.0f, load_[i] - load_unit_[i]);
  if (!ok) return;
  used_[i] = now;
  if (first_token <= Duration::zero()) return;
  float seconds = static_cast<float>(first_token.count()) * 1e-9f;
  latency_s_[i] += latency_s_[i] == 0 ? seconds : kNewPart * (seconds - latency_s_[i]);
}

float Board::cold(size_t i, MonoTime now) const {
  bool warm = used_[i] != MonoTime::min() && now - used_[i] < kWarmFor;
  return warm ? 0 : cold_s_[i];
}

void Board::score(size_t first, const Weights& weights, Preference preference, const CallSize& size,
                  MonoTime now, float* out) const {
  if (preference == Preference::kListed) {
    std::fill(out, out + 64, 0.0f);
    add_pools(first, weights, out);
    return;
  }
  float in = 1000 * weights.price * size.input_tokens;
  float out_tokens = 1000 * weights.price * size.output_tokens;
  const float* input = &input_[first];
  const float* output = &output_[first];
  const float* latency = &latency_s_[first];
  const float* load = &load_[first];
  const float* carbon = &carbon_[first];
  for (size_t i = 0; i < 64; ++i) {
    out[i] = in * input[i] + out_tokens * output[i] + weights.latency * latency[i] +
             weights.load * load[i] + weights.carbon * carbon[i];
  }
  add_pools(first, weights, out);
  if (!any_cold_) return;
  size_t end = std::min<size_t>(64, used_.size() - first);
  for (size_t i = 0; i < end; ++i) {
    if (cold_s_[first + i] > 0) out[i] += weights.latency * cold(first + i, now);
  }
}

void Board::add_pools(size_t first, const Weights& weights, float* out) const {
  if (!any_pool_ || weights.pool == 0) return;
  for (size_t i = 0; i < 64; ++i) out[i] += weights.pool * pool_[first + i];
}

Board::Parts Board::parts(size_t i, const CallSize& size, MonoTime now, double cached) const {
  Parts out;
  double input = size.input_tokens;
  out.dollars = input * (1 - cached) * input_[i] + input * cached * cached_[i] +
                size.output_tokens * static_cast<double>(output_[i]);
  out.seconds = latency_s_[i] + cold(i, now);
  out.load = load_[i];
  out.carbon = carbon_[i];
  out.pool = pool_[i];
  return out;
}

double Board::weigh(const Parts& parts, const Weights& weights) {
  return 1000 * weights.price * parts.dollars + weights.latency * parts.seconds +
         weights.load * parts.load + weights.carbon * parts.carbon + weights.pool * parts.pool;
}

}  // namespace drover::road
