#include "catalog/price_book.h"

#include <algorithm>
#include <array>
#include <climits>
#include <map>

namespace drover::catalog {
namespace {

using Fault = PriceBook::Fault;

/// A number, or its text, as dollars per million tokens: to dollars per token.
Result<Money> rate_of(const Json& value) {
  const Json::Number* number = value.raw_number();
  const std::string* text = value.string();
  if (number == nullptr && text == nullptr) {
    return fail(Code::kInvalidArgument,
                "a number is expected, not " + std::string(value.type_name()));
  }
  TRY(Money rate, Money::parse_usd((number != nullptr ? number->text : *text) + "e-6"));
  if (rate < Money()) return fail(Code::kInvalidArgument, "a price cannot be negative");
  return rate;
}

struct RateName {
  std::string_view name;
  std::optional<Money> PriceTier::* tier;
};
constexpr RateName kRates[] = {
    {"input", &PriceTier::input},
    {"output", &PriceTier::output},
    {"cache_read", &PriceTier::cache_read},
    {"cache_write", &PriceTier::cache_write},
    {"cache_write_1h", &PriceTier::cache_write_1h},
    {"reasoning", &PriceTier::reasoning},
    {"audio_input", &PriceTier::audio_input},
    {"audio_output", &PriceTier::audio_output},
    {"image_input", &PriceTier::image_input},
};

std::vector<std::string> texts(const Json* value) {
  std::vector<std::string> out;
  if (value == nullptr) return out;
  if (value->string() != nullptr) return {*value->string()};
  if (value->array_items() == nullptr) return out;
  for (const Json& item : *value->array_items()) {
    if (item.string() != nullptr) out.push_back(*item.string());
  }
  return out;
}

bool read_rates(const Json& json, const std::string& at, const Fault& fault, PriceTier& out) {
  if (!json.is_object()) {
    fault(at, "rates are a mapping: {input: 2.5, output: 10}");
    return false;
  }
  for (const auto& [name, value] : *json.members()) {
    if (name == "tier" || name == "above_input_tokens") continue;
    Result<Money> rate = rate_of(value);
    bool known = false;
    for (const RateName& r : kRates) {
      if (r.name != name) continue;
      known = true;
      if (rate) out.*r.tier = *rate;
    }
    if (!known) fault(at + "." + name, "there is no token class '" + name + "'");
    if (known && !rate) fault(at + "." + name, rate.error().message);
    if (!known || !rate) return false;
  }
  return true;
}

bool read_price(const Json& item, const std::string& at, const Fault& fault, Price& out) {
  const Json* rates = item.find("per_million");
  PriceTier plain;
  if (rates == nullptr || !read_rates(*rates, at + ".per_million", fault, plain)) {
    if (rates == nullptr) fault(at, "'per_million' is missing");
    return false;
  }
  if (!plain.input || !plain.output) {
    fault(at + ".per_million", "a price needs at least 'input' and 'output'");
    return false;
  }
  out.known = true;
  out.input = *plain.input;
  out.output = *plain.output;
  out.cache_read = plain.cache_read;
  out.cache_write = plain.cache_write;
  out.cache_write_1h = plain.cache_write_1h;
  out.reasoning = plain.reasoning;
  out.audio_input = plain.audio_input;
  out.audio_output = plain.audio_output;
  out.image_input = plain.image_input;
  const Json* tiers = item.find("tiers");
  if (tiers == nullptr || tiers->is_null()) return true;
  if (tiers->array_items() == nullptr) {
    fault(at + ".tiers", "tiers are a list");
    return false;
  }
  for (size_t i = 0; i < tiers->array_items()->size(); ++i) {
    const Json& one = (*tiers->array_items())[i];
    const std::string where = at + ".tiers[" + std::to_string(i) + "]";
    PriceTier tier;
    if (!read_rates(one, where, fault, tier)) return false;
    tier.service_tier = one.get_text("tier");
    tier.above_input_tokens = one.get_int("above_input_tokens").value_or(0);
    if (tier.service_tier.empty() && tier.above_input_tokens <= 0) {
      fault(where, "a tier has a 'tier' (priority, flex, batches) or 'above_input_tokens'");
      return false;
    }
    out.tiers.push_back(std::move(tier));
  }
  return true;
}

bool read_percent(const Json& item, const std::string& at, const Fault& fault, PriceEntry& out) {
  const Json* uplift = item.find("uplift");
  if (uplift == nullptr || uplift->is_null()) return true;
  Uplift read;
  read.regions = texts(uplift->find("regions"));
  std::optional<int64_t> percent = uplift->get_int("percent");
  if (read.regions.empty() || !percent || *percent < 0 || *percent > 1'000) {
    fault(at + ".uplift", "an uplift is {regions: [eu-*], percent: 10}");
    return false;
  }
  constexpr int64_t kPercent = 10'000;  // in millionths
  read.millionths = *percent * kPercent;
  out.uplifts.push_back(std::move(read));
  return true;
}

std::optional<PriceEntry> read_entry(const Json& item, const std::string& at, const Fault& fault) {
  PriceEntry out;
  if (!item.is_object()) {
    fault(at, "an entry is a mapping");
    return std::nullopt;
  }
  for (const auto& [name, value] : *item.members()) {
    const bool known = name == "provider" || name == "model" || name == "source" ||
                       name == "from" || name == "per_million" || name == "tiers" ||
                       name == "uplift";
    if (!known) fault(at + "." + name, "unknown setting '" + name + "'");
    if (!known) return std::nullopt;
  }
  out.providers = texts(item.find("provider"));
  out.models = texts(item.find("model"));
  if (out.models.empty()) {
    fault(at, "'model' is missing");
    return std::nullopt;
  }
  if (auto from = item.get_string("from")) {
    Result<WallTime> time =
        parse_rfc3339(std::string(*from) + (from->size() == 10 ? "T00:00:00Z" : ""));
    if (!time) {
      fault(at + ".from", "'from' is a day, such as 2026-11-23, or RFC 3339");
      return std::nullopt;
    }
    out.from = *time;
  }
  if (const Json* source = item.find("source")) {
    out.source = source->string() != nullptr ? *source->string() : source->get_text("url");
  }
  if (!read_price(item, at, fault, out.price) || !read_percent(item, at, fault, out)) {
    return std::nullopt;
  }
  return out;
}

Money lifted(Money rate, int64_t millionths) {
  constexpr int64_t kWhole = 1'000'000;
  return Money::from_pico_usd((rate.pico_usd() * (kWhole + millionths) + kWhole - 1) / kWhole);
}

Price lifted(Price price, int64_t millionths) {
  auto lift = [&](std::optional<Money>& rate) {
    if (rate) rate = lifted(*rate, millionths);
  };
  price.input = lifted(price.input, millionths);
  price.output = lifted(price.output, millionths);
  for (auto rate :
       {&Price::cache_read, &Price::cache_write, &Price::cache_write_1h, &Price::reasoning,
        &Price::audio_input, &Price::audio_output, &Price::image_input}) {
    lift(price.*rate);
  }
  for (PriceTier& tier : price.tiers) {
    for (const RateName& r : kRates) lift(tier.*r.tier);
  }
  return price;
}

bool any_matches(const std::vector<std::string>& patterns, std::string_view text) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return matches_pattern(pattern, text); });
}

/// How much an entry says of an endpoint in particular: region, model, provider.
using Fit = std::array<int, 3>;
constexpr int kByName = INT_MAX;
constexpr int kByAlias = INT_MAX - 1;

/// The longest that matches; nothing: none does.
std::optional<int> fit_of(const std::vector<std::string>& patterns, std::string_view text) {
  std::optional<int> out;
  for (const std::string& pattern : patterns) {
    if (!matches_pattern(pattern, text)) continue;
    const int fit = pattern.ends_with('*') ? static_cast<int>(pattern.size()) : kByName;
    out = std::max(out.value_or(0), fit);
  }
  return out;
}

std::optional<Fit> fit_of(const PriceEntry& entry, const Endpoint& endpoint) {
  const std::string& upstream =
      endpoint.upstream_model.empty() ? endpoint.model : endpoint.upstream_model;
  std::optional<int> model = fit_of(entry.models, upstream);
  if (!entry.alias.empty() && entry.alias == upstream)
    model = std::max(model.value_or(0), kByAlias);
  std::optional<int> region = 0;
  if (!entry.region.empty()) region = fit_of({entry.region}, endpoint.region);
  std::optional<int> provider = 0;
  if (!entry.providers.empty()) provider = fit_of(entry.providers, endpoint.provider);
  if (!model || !region || !provider) return std::nullopt;
  return Fit{*region, *model, *provider};
}

/// What it costs in that region: the dearest of what is said of it.
Price price_in(const PriceEntry& entry, const std::string& region) {
  int64_t most = 0;
  for (const Uplift& uplift : entry.uplifts) {
    if (any_matches(uplift.regions, region)) most = std::max(most, uplift.millionths);
  }
  return most > 0 ? lifted(entry.price, most) : entry.price;
}

/// Two entries that price the same from the same day on leave open which of them holds.
class SameTwice {
 public:
  /// The place of the entry before that `entry`, at that place, repeats; "" if there is none.
  std::string of(const PriceEntry& entry, const std::string& at) {
    std::string before;
    const std::vector<std::string> any = {""};
    for (const std::string& provider : entry.providers.empty() ? any : entry.providers) {
      for (const std::string& model : entry.models) {
        auto [it, fresh] = seen_.emplace(std::tuple(provider, model, entry.from), at);
        if (!fresh && it->second != at) before = it->second;
      }
    }
    return before;
  }

 private:
  std::map<std::tuple<std::string, std::string, WallTime>, std::string> seen_;
};

PriceEntry imported_entry(const std::string& key, ModelFacts facts) {
  PriceEntry out;
  const ModelPlace place = place_of(key, facts.provider);
  if (!place.provider.empty()) out.providers = {place.provider};
  out.models = {key};
  // "azure/gpt-4o" is of a provider; endpoints name the model alone.
  if (place.model != key) out.alias = place.model;
  out.region = place.region;
  out.source = "LiteLLM's table";
  const std::string what = out.source + ", '" + key + "': ";
  if (!facts.problem.empty()) out.notes.push_back(what + "no price, " + facts.problem);
  for (const std::string& field : facts.left_out) {
    out.notes.push_back(what + "'" + field + "' is left out of the price");
  }
  out.price = std::move(facts.price);
  out.uplifts = std::move(facts.uplifts);
  return out;
}

}  // namespace

bool matches_pattern(std::string_view pattern, std::string_view text) {
  if (!pattern.ends_with('*')) return pattern == text;
  pattern.remove_suffix(1);
  return text.starts_with(pattern);
}

PriceBook PriceBook::read(const Json& table, const Fault& fault) {
  PriceBook out;
  out.tables_.push_back(0);
  const Json* prices = table.find("prices");
  if (prices == nullptr) {
    Result<PriceTable> imported = import_litellm_document(table);
    if (!imported) {
      fault("", "neither a table of prices (a list `prices`) nor LiteLLM's: " +
                    imported.error().message);
      return out;
    }
    for (auto& [key, facts] : imported->models) {
      if (!facts.price.known && facts.problem.empty()) continue;
      out.entries_.push_back(imported_entry(key, std::move(facts)));
    }
    return out;
  }
  if (prices->array_items() == nullptr) {
    fault("prices", "prices must be a list");
    return out;
  }
  SameTwice twice;
  for (size_t i = 0; i < prices->array_items()->size(); ++i) {
    const std::string at = "prices[" + std::to_string(i) + "]";
    auto entry = read_entry((*prices->array_items())[i], at, fault);
    if (!entry) continue;
    const std::string before = twice.of(*entry, at);
    if (!before.empty()) {
      fault(at, "it prices a model that " + before +
                    " prices already, of the same provider and "
                    "from the same day on");
      continue;
    }
    out.entries_.push_back(std::move(*entry));
  }
  return out;
}

void PriceBook::append(PriceBook later) {
  for (size_t begin : later.tables_) tables_.push_back(entries_.size() + begin);
  for (PriceEntry& entry : later.entries_) entries_.push_back(std::move(entry));
}

std::vector<const PriceEntry*> PriceBook::entries_for(size_t table,
                                                      const Endpoint& endpoint) const {
  const size_t end = table + 1 < tables_.size() ? tables_[table + 1] : entries_.size();
  std::vector<const PriceEntry*> out;
  Fit best{};
  for (size_t i = tables_[table]; i < end; ++i) {
    const std::optional<Fit> fit = fit_of(entries_[i], endpoint);
    if (!fit || *fit < best) continue;
    if (*fit > best) out.clear();
    best = *fit;
    out.push_back(&entries_[i]);
  }
  std::sort(out.begin(), out.end(), [](const PriceEntry* a, const PriceEntry* b) {
    return a->from != b->from ? a->from < b->from : a < b;
  });
  return out;
}

std::vector<std::string> PriceBook::apply(Endpoint& endpoint) const {
  std::vector<std::string> notes;
  if (endpoint.price.known) return notes;
  std::vector<const PriceEntry*> found;
  for (size_t t = 0; t < tables_.size() && found.empty(); ++t) found = entries_for(t, endpoint);
  std::vector<PriceChange> changes;
  for (size_t i = 0; i < found.size(); ++i) {
    const PriceEntry& entry = *found[i];
    Price price = price_in(entry, endpoint.region);
    notes.insert(notes.end(), entry.notes.begin(), entry.notes.end());
    if (i > 0 && found[i - 1]->from == entry.from) {
      if (changes.back().price == price) continue;
      notes.push_back(entry.source + " has several prices of '" + found[i - 1]->alias +
                      "' for an endpoint of " + endpoint.provider + " ('" +
                      found[i - 1]->models.front() + "', '" + entry.models.front() +
                      "'): none is taken; write price_per_million");
      return notes;
    }
    changes.push_back(PriceChange{entry.from, std::move(price)});
  }
  if (changes.empty()) return notes;
  endpoint.price = changes.front().price;
  // One price for all time needs no dates.
  if (changes.size() > 1) endpoint.price_changes = std::move(changes);
  return notes;
}

}  // namespace drover::catalog
