#include "catalog/price_book.h"

#include <algorithm>

#include "catalog/price_import.h"

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
};
struct OwnRate {
  std::string_view name;
  std::optional<Money> Price::* rate;
};
constexpr OwnRate kOwnRates[] = {
    {"audio_input", &Price::audio_input},
    {"audio_output", &Price::audio_output},
    {"image_input", &Price::image_input},
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

bool read_rates(const Json& json, const std::string& at, const Fault& fault, PriceTier& out,
                Price* own) {
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
    for (const OwnRate& r : kOwnRates) {
      if (own == nullptr || r.name != name) continue;
      known = true;
      if (rate) own->*r.rate = *rate;
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
  if (rates == nullptr || !read_rates(*rates, at + ".per_million", fault, plain, &out)) {
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
    if (!read_rates(one, where, fault, tier, nullptr)) return false;
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

bool read_uplift(const Json& item, const std::string& at, const Fault& fault, PriceEntry& out) {
  const Json* uplift = item.find("uplift");
  if (uplift == nullptr || uplift->is_null()) return true;
  out.uplift_regions = texts(uplift->find("regions"));
  std::optional<int64_t> percent = uplift->get_int("percent");
  if (out.uplift_regions.empty() || !percent || *percent < 0 || *percent > 1'000) {
    fault(at + ".uplift", "an uplift is {regions: [eu-*], percent: 10}");
    return false;
  }
  out.uplift_percent = *percent;
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
  if (!read_price(item, at, fault, out.price) || !read_uplift(item, at, fault, out)) {
    return std::nullopt;
  }
  return out;
}

Money lifted(Money rate, int64_t percent) {
  return Money::from_pico_usd((rate.pico_usd() * (100 + percent) + 99) / 100);
}

Price lifted(Price price, int64_t percent) {
  auto lift = [&](std::optional<Money>& rate) {
    if (rate) rate = lifted(*rate, percent);
  };
  price.input = lifted(price.input, percent);
  price.output = lifted(price.output, percent);
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

bool is_for(const PriceEntry& entry, const Endpoint& endpoint) {
  if (!entry.providers.empty() && !any_matches(entry.providers, endpoint.provider)) return false;
  const std::string& upstream =
      endpoint.upstream_model.empty() ? endpoint.model : endpoint.upstream_model;
  return any_matches(entry.models, upstream);
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
    for (const std::string& problem : imported->problems) fault("", problem);
    for (auto& [model, facts] : imported->models) {
      if (!facts.price.known) continue;
      PriceEntry entry;
      entry.models = {model};
      // "azure/gpt-4o" is of a provider; endpoints name the model alone.
      if (size_t slash = model.find('/'); slash != std::string::npos) {
        entry.models.push_back(model.substr(slash + 1));
      }
      entry.source = "LiteLLM's table";
      entry.price = facts.price;
      out.entries_.push_back(std::move(entry));
    }
    return out;
  }
  if (prices->array_items() == nullptr) {
    fault("prices", "prices must be a list");
    return out;
  }
  for (size_t i = 0; i < prices->array_items()->size(); ++i) {
    auto entry =
        read_entry((*prices->array_items())[i], "prices[" + std::to_string(i) + "]", fault);
    if (entry) out.entries_.push_back(std::move(*entry));
  }
  return out;
}

void PriceBook::append(PriceBook later) {
  for (size_t begin : later.tables_) tables_.push_back(entries_.size() + begin);
  for (PriceEntry& entry : later.entries_) entries_.push_back(std::move(entry));
}

void PriceBook::apply(Endpoint& endpoint) const {
  if (endpoint.price.known) return;
  for (size_t t = 0; t < tables_.size(); ++t) {
    const size_t end = t + 1 < tables_.size() ? tables_[t + 1] : entries_.size();
    std::vector<const PriceEntry*> found;
    for (size_t i = tables_[t]; i < end; ++i) {
      if (is_for(entries_[i], endpoint)) found.push_back(&entries_[i]);
    }
    if (found.empty()) continue;
    std::sort(found.begin(), found.end(), [](const PriceEntry* a, const PriceEntry* b) {
      return a->from != b->from ? a->from < b->from : a < b;
    });
    for (const PriceEntry* entry : found) {
      const bool uplift = any_matches(entry->uplift_regions, endpoint.region);
      Price price = uplift ? lifted(entry->price, entry->uplift_percent) : entry->price;
      if (!endpoint.price.known) endpoint.price = price;
      endpoint.price_changes.push_back(PriceChange{entry->from, std::move(price)});
    }
    // One price for all time needs no dates.
    if (endpoint.price_changes.size() == 1) endpoint.price_changes.clear();
    return;
  }
}

}  // namespace drover::catalog
