#include "road/board.h"

#include <algorithm>
#include <array>

namespace drover::road {
namespace {

/// A token is about four bytes; what a call moves is its input and its output.
constexpr double kGbPerToken = 4e-9;
/// A measurement moves the mean by this part.
constexpr float kNewMeasurePart = 0.2f;
/// An answer of fewer tokens says nothing of the pace.
constexpr int64_t kPaceTokensMin = 16;
constexpr double kBitsPerToken = 32;
/// Until all are read.
constexpr double kUnknownCarbon = -1;

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

/// 64 endpoints, a column for each term.
struct Columns {
  const float *input, *output, *wait, *pace, *move, *busy, *carbon;
};
struct Factors {
  float input, output, wait, pace, move, busy, carbon;
};

// The same twice: with wider registers where the machine has them. The arithmetic, and so the order
// of endpoints, is the same on both.
inline __attribute__((always_inline)) void score_each(const Columns& in, const Factors& by,
                                                      float* __restrict out) {
  const float *input = in.input, *output = in.output, *wait = in.wait, *pace = in.pace;
  const float *move = in.move, *busy = in.busy, *carbon = in.carbon;
  const Factors f = by;
  for (size_t i = 0; i < 64; ++i) {
    out[i] = f.input * input[i] + f.output * output[i] + f.wait * wait[i] + f.pace * pace[i] +
             f.move * move[i] + f.busy * busy[i] + f.carbon * carbon[i];
  }
}

void score_64(const Columns& in, const Factors& by, float* out) { score_each(in, by, out); }

#if defined(__x86_64__)
__attribute__((target("avx2"))) void score_64_wide(const Columns& in, const Factors& by,
                                                   float* out) {
  score_each(in, by, out);
}
const bool kWide = __builtin_cpu_supports("avx2") != 0;
#else
constexpr bool kWide = false;
void score_64_wide(const Columns& in, const Factors& by, float* out) { score_64(in, by, out); }
#endif

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
    // What it is not named for decides between equals.
    case Preference::kFastest:
      return {.price = 1e-6f, .latency = 1, .load = 1};
    case Preference::kGreenest:
      return {.price = 1e-6f, .latency = 1e-6f, .load = 1e-6f, .carbon = 1};
    case Preference::kSpare:
      return {.price = 1, .load = 1};
  }
  return {};
}

void Board::load(std::shared_ptr<const catalog::Catalog> catalog, const catalog::Health& health,
                 std::string_view here, WallTime wall) {
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
  attested_ = cooling_;
  open_until_.assign(all.size(), MonoTime::min());
  used_ = open_until_;
  circuit_until_.fill(open_until_);
  is_warm_.assign(all.size(), false);
  rates_.resize(all.size());
  latency_of_.assign(all.size(), Latency::kUnknown);
  for (std::vector<float>* v :
       {&input_, &output_, &cached_, &wait_s_, &pace_s_, &move_s_, &busy_, &carbon_, &load_,
        &load_unit_, &queue_s_, &latency_s_, &cold_s_, &pool_}) {
    v->assign(padded, 0);
  }
  for (size_t i = 0; i < all.size(); ++i) {
    read(i, all[i], here);
    auto was = before.find(all[i].id);
    if (was != before.end()) {
      if (old.latency_of_[was->second] == Latency::kMeasured) {
        latency_s_[i] = old.latency_s_[was->second];
        latency_of_[i] = Latency::kMeasured;
      }
      pace_s_[i] = old.pace_s_[was->second];
      load_[i] = old.load_[was->second];
      queue_s_[i] = old.queue_s_[was->second];
      used_[i] = old.used_[was->second];
      is_warm_[i] = old.is_warm_[was->second];
    }
    set_busy(i);
  }
  guess_latency();
  guess_carbon();
  for (size_t i = 0; i < all.size(); ++i) {
    if (is_warm_[i]) warm_.emplace(used_[i] + kWarmFor, static_cast<uint32_t>(i));
  }
  reprice(wall);
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
  rates_[i].uplift = number(facts, "price_uplift", 1);
  rates_[i].in = near ? 0 : number(facts, "ingress_usd_per_gb", 0) * kGbPerToken;
  rates_[i].out = near ? 0 : number(facts, "egress_usd_per_gb", 0) * kGbPerToken;
  if (double mbps = number(facts, "link_mbps", 0); mbps > 0) {
    move_s_[i] = static_cast<float>(kBitsPerToken / (mbps * 1e6));
  }
  for (const std::string& name : facts.list("hardware")) {
    policy::Bits& having = hardware_[name];
    if (having.words() == 0) having = policy::Bits(catalog_->endpoints().size());
    having.set(i);
  }
  if (facts.find("attestation") != nullptr) attested_.set(i);
  const Json* table = here.empty() ? nullptr : facts.value("rtt_ms");
  std::optional<double> rtt = table == nullptr ? std::nullopt : table->get_number(here);
  // In one's own region it is next to nothing.
  if (!rtt && !here.empty() && endpoint.region == here) rtt = 0;
  if (rtt) {
    latency_s_[i] = static_cast<float>(*rtt * 1e-3);
    latency_of_[i] = Latency::kStated;
  }
  double calls_a_second = number(facts, "requests_per_minute", 600) / 60;
  load_unit_[i] = static_cast<float>(1 / std::max(calls_a_second, 0.01));
  carbon_[i] = static_cast<float>(number(facts, "carbon_g_per_kwh", kUnknownCarbon) * 1e-3);
  cold_s_[i] = static_cast<float>(number(facts, "cold_start_ms", 0) * 1e-3);
  pool_[i] = pool_step(endpoint.pool);
  any_pool_ = any_pool_ || pool_[i] != pool_[0];
}

/// What nobody states is as much as the most that is stated.
void Board::guess_carbon() {
  float most = 0;
  for (float carbon : carbon_) most = std::max(most, carbon);
  for (float& carbon : carbon_) carbon = carbon < 0 ? most : carbon;
}

void Board::guess_latency() {
  float slowest = 0;
  for (size_t i = 0; i < latency_of_.size(); ++i) {
    if (latency_of_[i] != Latency::kUnknown) slowest = std::max(slowest, latency_s_[i]);
  }
  for (size_t i = 0; i < latency_of_.size(); ++i) {
    if (latency_of_[i] == Latency::kUnknown) latency_s_[i] = slowest;
    set_wait(i);
  }
}

void Board::reprice(WallTime wall) {
  const std::vector<catalog::Endpoint>& all = catalog_->endpoints();
  reprice_at_ = WallTime::max();
  for (size_t i = 0; i < all.size(); ++i) {
    const catalog::Price& price = all[i].price_at(wall);
    const Rate& rate = rates_[i];
    auto dollars = [&](Money each, double moving) {
      return static_cast<float>(each.to_double() * rate.uplift + moving);
    };
    input_[i] = dollars(price.input, rate.in);
    output_[i] = dollars(price.output, rate.out);
    cached_[i] = dollars(price.cache_read.value_or(price.input), rate.in);
    for (const catalog::PriceChange& change : all[i].price_changes) {
      if (change.from > wall) reprice_at_ = std::min(reprice_at_, change.from);
    }
  }
  // A price that nobody stated is not a low one.
  for (std::vector<float>* v : {&input_, &output_, &cached_}) {
    float dearest = all.empty() ? 0 : *std::max_element(v->begin(), v->end());
    for (size_t i = 0; i < all.size(); ++i) {
      if (!all[i].price_at(wall).known) (*v)[i] = dearest;
    }
  }
}

void Board::cool(MonoTime now) {
  while (!warm_.empty() && warm_.top().first <= now) {
    uint32_t i = warm_.top().second;
    warm_.pop();
    if (MonoTime due = used_[i] + kWarmFor; due > now) {
      warm_.emplace(due, i);  // used again meanwhile
    } else {
      is_warm_[i] = false;
      set_wait(i);
    }
  }
}

const policy::Bits* Board::with_hardware(const std::string& name) const {
  auto it = hardware_.find(name);
  return it == hardware_.end() ? nullptr : &it->second;
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
    set_open_until(i, latest);
  }
}

void Board::set_open_until(size_t i, MonoTime until) {
  const auto index = static_cast<uint32_t>(i);
  if (cooling_.test(i)) {
    if (open_until_[i] == until) return;
    cold_.erase(std::lower_bound(cold_.begin(), cold_.end(), Cold{open_until_[i], index}));
  }
  open_until_[i] = until;
  if (until == MonoTime::min()) {
    cooling_.clear(i);
    return;
  }
  cooling_.set(i);
  const Cold cold{until, index};
  cold_.insert(std::upper_bound(cold_.begin(), cold_.end(), cold), cold);
}

void Board::thaw(MonoTime now) {
  auto end = cold_.begin();
  for (; end != cold_.end() && end->until <= now; ++end) cooling_.clear(end->index);
  cold_.erase(cold_.begin(), end);
}

void Board::take_changes(const catalog::Health& health) {
  uint64_t now = health.version();
  if (now - health_version_ > catalog::Health::kChangesKept) {
    for (auto& [key, circuit] : by_key_) take(health, key);
  } else {
    for (uint64_t v = health_version_ + 1; v <= now; ++v) take(health, health.change(v));
  }
  health_version_ = now;
}

void Board::finished(size_t i, MonoTime now, const Measured& measured) {
  load_[i] = std::max(0.0f, load_[i] - load_unit_[i]);
  set_busy(i);
  if (!measured.ok) return;
  used_[i] = now;
  if (!is_warm_[i] && cold_s_[i] > 0) {
    is_warm_[i] = true;
    warm_.emplace(now + kWarmFor, static_cast<uint32_t>(i));
  }
  auto learn = [](float& mean, double seconds) {
    auto value = static_cast<float>(seconds);
    mean += mean == 0 ? value : kNewMeasurePart * (value - mean);
  };
  if (measured.first_token > Duration::zero()) {
    // A guess is no measurement that a mean could begin with.
    if (latency_of_[i] == Latency::kUnknown) latency_s_[i] = 0;
    latency_of_[i] = Latency::kMeasured;
    learn(latency_s_[i], to_seconds(measured.first_token));
  }
  if (measured.rest > Duration::zero() && measured.output_tokens >= kPaceTokensMin) {
    learn(pace_s_[i], to_seconds(measured.rest) / static_cast<double>(measured.output_tokens));
  }
  set_wait(i);
}

void Board::score(size_t first, const Weights& weights, Preference preference, const CallSize& size,
                  float* out) const {
  if (preference == Preference::kListed) {
    std::fill(out, out + 64, 0.0f);
    add_pools(first, weights, out);
    return;
  }
  Columns columns{};
  columns.input = &input_[first];
  columns.output = &output_[first];
  columns.wait = &wait_s_[first];
  columns.pace = &pace_s_[first];
  columns.move = &move_s_[first];
  columns.busy = &busy_[first];
  columns.carbon = &carbon_[first];
  Factors factors{};
  factors.input = 1000 * weights.price * size.input_tokens;
  factors.output = 1000 * weights.price * size.output_tokens;
  factors.wait = weights.latency;
  factors.pace = weights.latency * size.output_tokens;
  factors.move = weights.latency * size.input_tokens;
  factors.busy = weights.load;
  factors.carbon = weights.carbon;
  (kWide ? score_64_wide : score_64)(columns, factors, out);
  add_pools(first, weights, out);
}

void Board::add_pools(size_t first, const Weights& weights, float* out) const {
  if (!any_pool_ || weights.pool == 0) return;
  for (size_t i = 0; i < 64; ++i) out[i] += weights.pool * pool_[first + i];
}

ScoreParts Board::parts(size_t i, const CallSize& size, double cached) const {
  ScoreParts out;
  const double input = size.input_tokens;
  const double output = size.output_tokens;
  const double dollars = input * (1 - cached) * input_[i] + input * cached * cached_[i] +
                         output * static_cast<double>(output_[i]);
  out.moving_usd = input * rates_[i].in + output * rates_[i].out;
  out.tokens_usd = dollars - out.moving_usd;
  out.first_token_s = latency_s_[i];
  out.cold_start_s = wait_s_[i] - latency_s_[i];
  out.answer_s = output * static_cast<double>(pace_s_[i]);
  out.moving_s = input * static_cast<double>(move_s_[i]);
  out.queue_s = queue_s_[i];
  out.load = load_[i];
  out.carbon = carbon_[i];
  out.pool = pool_[i];
  out.cached = cached;
  return out;
}

double Board::price(size_t i, const CallSize& size) const {
  double tokens = std::max(1.0f, size.input_tokens + size.output_tokens);
  return parts(i, size, 0).dollars() / tokens * 1e6;
}

double Board::weigh(const ScoreParts& parts, const Weights& weights) {
  const double seconds =
      parts.first_token_s + parts.cold_start_s + parts.answer_s + parts.moving_s + parts.scratch_s;
  return 1000 * weights.price * parts.dollars() + weights.latency * seconds +
         weights.load * (parts.load + parts.queue_s) + weights.carbon * parts.carbon +
         weights.pool * parts.pool;
}

}  // namespace drover::road
