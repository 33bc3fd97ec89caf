// How long placement takes among 1,000 endpoints that all serve the model, with 200 rules: 64 kinds
// of request (data class, tenant, size, preference) in random order; before each call an
// endpoint's circuit opens or heals, and its load and latency change. Only the rules' decisions are
// kept from call to call. Beside it, in the same run: the rules evaluated anew for each call.
//
//   ninja -C build bench_placement && build/bench_placement [ENDPOINTS RULES CALLS]
//
// Every hundredth placement is compared with a look at each endpoint; one that differs ends the run
// with an error. One JSON object goes to standard output.

#include "road/placement.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "base/random.h"

namespace drover {
namespace {

struct Kind {
  policy::Ask ask;
  road::CallSize size;
  road::Preference preference;
};

std::string pick(Random& random, std::initializer_list<const char*> words) {
  return *(words.begin() + random.below(words.size()));
}

catalog::Endpoint make_endpoint(size_t n, Random& random) {
  Json facts = Json::object();
  auto maybe = [&](const char* name, Json value) {
    if (random.below(10) != 0) facts.set(name, std::move(value));
  };
  std::string zone = pick(random, {"de", "fr", "ie", "se", "us", "us-gov", "gb", "jp"});
  maybe("zone", zone);
  maybe("prompt_cache", pick(random, {"none", zone.c_str()}));
  maybe("jurisdiction", pick(random, {"us", "de", "fr"}));
  maybe("cleared_for", pick(random, {"internal", "confidential", "restricted"}));
  maybe("retention", pick(random, {"none", "session", "30d"}));
  maybe("trains_on_data", false);
  maybe("human_review", random.below(4) == 0);
  maybe("tenancy", pick(random, {"shared", "shared", "dedicated"}));
  maybe("purposes", pick(random, {"any", "care"}));
  maybe("certifications", pick(random, {"c5", "hds", "iso27001"}));
  maybe("sovereignty", static_cast<int>(random.below(5)));
  maybe("carbon_g_per_kwh", static_cast<int>(random.below(600)));
  maybe("cold_start_ms", static_cast<int>(random.below(3) * 1000));
  maybe("rtt_ms", Json::object().set("home", static_cast<int>(5 + random.below(150))));
  catalog::Endpoint e;
  e.id = "endpoint-" + std::to_string(n);
  e.provider = "openai-compatible";
  e.model = "m";
  e.credentials.source = "env:KEY_" + std::to_string(n % 20);
  e.price.known = true;
  e.price.input = Money::from_pico_usd(static_cast<int64_t>(100'000 + random.below(5'000'000)));
  e.price.output = e.price.input * 4;
  e.facts = *catalog::Facts::from_json(facts, "bench", "");
  return e;
}

Json make_rules(size_t count, Random& random) {
  Json out = Json::array();
  for (size_t i = 0; i < count; ++i) {
    Json when = Json::object();
    when.set("sensitivity", pick(random, {"internal", "confidential", "restricted"}));
    if (random.below(2) == 0) when.set("residency", pick(random, {"eu", "de", "us"}));
    if (random.below(3) == 0) when.set("tenant", "ten_" + std::to_string(random.below(8)));
    Json needs = Json::object();
    if (random.below(8) == 0) needs.set("certifications", pick(random, {"c5", "hds"}));
    if (random.below(4) == 0) needs.set("sovereignty", static_cast<int>(random.below(3)));
    if (random.below(8) == 0) needs.set("jurisdiction", pick(random, {"eu", "us"}));
    if (needs.members()->empty()) needs.set("sovereignty", 0);  // a rule must need something
    Json rule = Json::object().set("name", "rule-" + std::to_string(i));
    out.push(rule.set("when", std::move(when)).set("needs", std::move(needs)));
  }
  return out;
}

std::vector<Kind> make_kinds(road::Placer& placer, Random& random) {
  std::vector<Kind> out;
  for (int i = 0; i < 64; ++i) {
    std::string data = "sensitivity=" + pick(random, {"public", "internal", "confidential"});
    if (random.below(2) == 0) data += ";residency=" + pick(random, {"eu", "de|fr", "us", "eea"});
    if (random.below(3) == 0) data += ";retention=" + pick(random, {"session", "30d"});
    if (random.below(4) == 0) data += ";purpose=care";
    Kind kind;
    kind.ask =
        placer.ask("ten_" + std::to_string(random.below(8)), *contract::DataClass::parse(data));
    kind.size.input_tokens = static_cast<float>(100 + random.below(100'000));
    kind.preference = static_cast<road::Preference>(random.below(road::kPreferences));
    out.push_back(std::move(kind));
  }
  return out;
}

double percentile(std::vector<double>& values, double p) {
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<size_t>(p * values.size()))];
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (double v : values) sum += v;
  return sum / static_cast<double>(values.size());
}

class Bench {
 public:
  Bench(size_t endpoints, size_t rules) {
    std::vector<catalog::Endpoint> list;
    for (size_t i = 0; i < endpoints; ++i) list.push_back(make_endpoint(i, random_));
    auto replaced = catalog_.replace(std::move(list));
    policy::PolicySpec spec;
    spec.requirements = make_rules(rules, random_);
    auto policy = policy::Policy::make(std::move(spec));
    if (!replaced || !policy) {
      std::fprintf(stderr, "bench: the catalog or the policy is wrong\n");
      std::exit(1);
    }
    policy_.replace(*policy);
    road::PlacerParts parts;
    parts.catalog = &catalog_;
    parts.health = &health_;
    parts.policy = &policy_;
    parts.clock = &clock_;
    parts.here = "home";
    placer_ = std::make_unique<road::Placer>(parts);
    for (const catalog::Endpoint& e : catalog_.get()->endpoints()) {
      things_.push_back(
          policy::make_thing(e.id, policy::ThingKind::kModel, e.pool, e.facts, (*policy)->zones()));
    }
  }

  int run(size_t calls) {
    std::vector<Kind> kinds = make_kinds(*placer_, random_);
    std::vector<double> placed, judged;
    size_t found = 0;
    for (size_t i = 0; i < calls + 1000; ++i) {
      change();
      const Kind& kind = kinds[random_.below(kinds.size())];
      road::PlaceQuestion question{ladder_, kind.ask, kind.preference, kind.size};
      auto began = std::chrono::steady_clock::now();
      road::Places places = placer_->place(question);
      std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - began;
      found += places.placement.endpoints.size();
      if (i < 1000) continue;  // until each kind was seen
      placed.push_back(took.count());
      if (i % 100 == 0 && !right(places, question)) return 1;
      if (i % 500 == 0) judged.push_back(judge(kind.ask));
    }
    std::printf(
        "{\"calls\":%zu,\"places_mean\":%.1f,\"mean_us\":%.3f,\"p50_us\":%.3f,"
        "\"p99_us\":%.3f,\"p999_us\":%.3f,\"fresh_p50_us\":%.1f,\"fresh_p99_us\":%.1f}\n",
        placed.size(), static_cast<double>(found) / static_cast<double>(calls + 1000), mean(placed),
        percentile(placed, 0.5), percentile(placed, 0.99), percentile(placed, 0.999),
        percentile(judged, 0.5), percentile(judged, 0.99));
    return 0;
  }

 private:
  /// A circuit opens or heals; a call begins and another ends; time goes on.
  void change() {
    const catalog::Catalog& catalog = *catalog_.get();
    const catalog::Endpoint& e = catalog.endpoints()[random_.below(catalog.endpoints().size())];
    if (random_.below(3) == 0) {
      Error error(Code::kUnavailable, "no", Retry::kOtherTarget);
      error.retry_after = Duration(static_cast<int64_t>(random_.below(2'000'000'000)));
      health_.failed(e, error);
    } else {
      health_.succeeded(e);
    }
    placer_->started(catalog, e);
    const catalog::Endpoint& other = catalog.endpoints()[random_.below(catalog.endpoints().size())];
    road::Board::Measured measured;
    measured.ok = true;
    measured.first_token = Duration(static_cast<int64_t>(random_.below(900'000'000)));
    measured.rest = Duration(static_cast<int64_t>(random_.below(9'000'000'000)));
    measured.output_tokens = static_cast<int64_t>(random_.below(1'000));
    placer_->finished(catalog, other, measured, "");
    clock_.advance(1ms);
  }

  bool right(const road::Places& places, const road::PlaceQuestion& question) {
    road::Explanation all = placer_->explain(question);
    const auto& endpoints = places.placement.endpoints;
    if (all.ranked.empty()) return true;  // only a last resort, or none
    size_t expected = std::min(all.ranked.size(), limits::kPlacesMax);
    bool same = endpoints.size() == expected;
    for (size_t i = 0; same && i < expected; ++i) {
      // Scores that differ by a rounding may stand in another order.
      double score = 0;
      for (const auto& r : all.ranked) {
        if (r.endpoint == endpoints[i]->id) score = r.score;
      }
      same = std::abs(score - all.ranked[i].score) <= 1e-4 * std::max(1.0, std::abs(score));
    }
    if (!same) std::fprintf(stderr, "bench: a placement is not what a look at each one gives\n");
    return same;
  }

  /// All rules for all endpoints, as a system without kept decisions does for each call.
  double judge(const policy::Ask& ask) {
    auto policy = policy_.get();
    auto began = std::chrono::steady_clock::now();
    policy::Case prepared(*policy, ask);
    size_t allowed = 0;
    for (const policy::Thing& thing : things_) allowed += prepared.deny(thing) ? 0 : 1;
    std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - began;
    return allowed > things_.size() ? 0 : took.count();
  }

  SeededRandom random_{42};
  ManualClock clock_;
  catalog::CatalogHolder catalog_;
  catalog::Health health_{clock_};
  policy::PolicyHolder policy_;
  std::unique_ptr<road::Placer> placer_;
  std::vector<policy::Thing> things_;
  std::vector<std::string> ladder_ = {"m"};
};

}  // namespace
}  // namespace drover

int main(int argc, char** argv) {
  size_t endpoints = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1000;
  size_t rules = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 200;
  size_t calls = argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 200'000;
  drover::Bench bench(endpoints, rules);
  return bench.run(calls);
}
