#include <algorithm>

#include "catalog/endpoint.h"

namespace drover::catalog {
namespace {

/// Tables say "batches", providers and bills "batch".
std::string_view table_name(std::string_view service_tier) {
  return service_tier == "batch" ? "batches" : service_tier;
}

/// Of a price and its tiers, which outlive it. Null: the class has no rate of its own.
struct Rates {
  const Money* input;
  const Money* output;
  const Money* cache_read;
  const Money* cache_write;
  const Money* cache_write_1h;
  const Money* reasoning;
  const Money* audio_input;
  const Money* audio_output;
  const Money* image_input;
  /// Gives classes without a rate their parent's, but audio and images.
  void inherit() {
    if (cache_read == nullptr) cache_read = input;
    if (cache_write == nullptr) cache_write = input;
    if (cache_write_1h == nullptr) cache_write_1h = cache_write;
    if (reasoning == nullptr) reasoning = output;
  }
};

const Money* stated(const std::optional<Money>& rate) { return rate ? &*rate : nullptr; }

/// What is more specific wins: both size and tier, then either alone. Where a call is above the
/// size and under a tier but no rate names both, the dearer one is taken: never billed too low.
template <typename RateOf>
const Money* pick(const std::vector<PriceTier>& tiers, int64_t input_tokens,
                  std::string_view service_tier, RateOf rate_of) {
  const Money* by_both = nullptr;
  const Money* by_size = nullptr;
  const Money* by_tier = nullptr;
  int64_t size_of_both = 0;
  int64_t size_of_size = 0;
  for (const PriceTier& tier : tiers) {
    if (tier.above_input_tokens > 0 && input_tokens <= tier.above_input_tokens) continue;
    const Money* value = rate_of(tier);
    if (value == nullptr) continue;
    bool sized = tier.above_input_tokens > 0;
    bool named = !tier.service_tier.empty();
    if (named && tier.service_tier != service_tier) continue;
    if (sized && named && tier.above_input_tokens >= size_of_both) {
      by_both = value;
      size_of_both = tier.above_input_tokens;
    } else if (sized && !named && tier.above_input_tokens >= size_of_size) {
      by_size = value;
      size_of_size = tier.above_input_tokens;
    } else if (named && !sized) {
      by_tier = value;
    }
  }
  if (by_both != nullptr) return by_both;
  if (by_size != nullptr && by_tier != nullptr) return &std::max(*by_size, *by_tier);
  return by_size != nullptr ? by_size : by_tier;
}

/// Puts the rates of tiers in the place of the price's own.
void take_tiers(const Price& price, int64_t input_tokens, std::string_view service_tier,
                Rates& out) {
  const std::string_view tier_name = table_name(service_tier);
  auto take = [&](const Money*& rate, auto&& rate_of) {
    const Money* special = pick(price.tiers, input_tokens, tier_name, rate_of);
    if (special != nullptr) rate = special;
  };
  auto take_field = [&](const Money*& rate, std::optional<Money> PriceTier::* field) {
    take(rate, [field](const PriceTier& tier) { return stated(tier.*field); });
  };
  take_field(out.input, &PriceTier::input);
  take_field(out.output, &PriceTier::output);
  take_field(out.cache_read, &PriceTier::cache_read);
  take_field(out.cache_write, &PriceTier::cache_write);
  take_field(out.cache_write_1h, &PriceTier::cache_write_1h);
  take_field(out.audio_input, &PriceTier::audio_input);
  take_field(out.audio_output, &PriceTier::audio_output);
  take_field(out.image_input, &PriceTier::image_input);
  // A table that states reasoning at the price of output writes only the output under a tier.
  const bool reasons_apart = price.reasoning && *price.reasoning != price.output;
  take(out.reasoning, [&](const PriceTier& tier) {
    if (tier.reasoning || !tier.output || !reasons_apart) {
      return stated(tier.reasoning ? tier.reasoning : tier.output);
    }
    return &std::max(*tier.output, *price.reasoning);
  });
}

Rates rates_for(const Price& price, int64_t input_tokens, std::string_view service_tier) {
  Rates out;
  out.input = &price.input;
  out.output = &price.output;
  out.cache_read = stated(price.cache_read);
  out.cache_write = stated(price.cache_write);
  out.cache_write_1h = stated(price.cache_write_1h);
  out.reasoning = stated(price.reasoning);
  out.audio_input = stated(price.audio_input);
  out.audio_output = stated(price.audio_output);
  out.image_input = stated(price.image_input);
  if (!price.tiers.empty()) take_tiers(price, input_tokens, service_tier, out);
  return out;
}

/// The dearest that a token of input and one of output can be.
struct Dearest {
  Money in;
  Money out;
  void take_in(const Rates& rates) {
    for (const Money* rate : {rates.input, rates.cache_read, rates.cache_write,
                              rates.cache_write_1h, rates.audio_input, rates.image_input}) {
      if (rate != nullptr) in = std::max(in, *rate);
    }
    for (const Money* rate : {rates.output, rates.reasoning, rates.audio_output}) {
      if (rate != nullptr) out = std::max(out, *rate);
    }
  }
};

/// Takes `wanted` out of `left`, never below nothing: a provider whose parts exceed the whole is
/// billed for the whole.
int64_t take(int64_t& left, std::optional<int64_t> wanted) {
  int64_t n = std::clamp<int64_t>(wanted.value_or(0), 0, left);
  left -= n;
  return n;
}

}  // namespace

Money Price::cost(const contract::Usage& usage, std::string_view service_tier) const {
  if (!known) return Money();
  int64_t input_left = std::max<int64_t>(usage.input_tokens.value_or(0), 0);
  int64_t output_left = std::max<int64_t>(usage.output_tokens.value_or(0), 0);
  Rates rates = rates_for(*this, input_left, service_tier);
  rates.inherit();

  Money total;
  // Most calls have tokens of two classes.
  auto add = [&total](const Money* rate, int64_t tokens) {
    if (tokens > 0) total += *rate * tokens;
  };
  add(rates.cache_read, take(input_left, usage.cache_read_tokens));
  int64_t written = take(input_left, usage.cache_write_tokens);
  add(rates.cache_write_1h, take(written, usage.cache_write_1h_tokens));
  add(rates.cache_write, written);
  if (rates.audio_input != nullptr)
    add(rates.audio_input, take(input_left, usage.audio_input_tokens));
  if (rates.image_input != nullptr)
    add(rates.image_input, take(input_left, usage.image_input_tokens));
  add(rates.input, input_left);

  add(rates.reasoning, take(output_left, usage.reasoning_tokens));
  if (rates.audio_output != nullptr)
    add(rates.audio_output, take(output_left, usage.audio_output_tokens));
  add(rates.output, output_left);
  return total;
}

Money Price::most(int64_t input_tokens, int64_t output_tokens,
                  std::string_view service_tier) const {
  if (!known) return Money();
  Dearest dearest;
  // With the size's own rates, which may be dearer or cheaper than the plain ones.
  dearest.take_in(rates_for(*this, input_tokens, service_tier));
  if (!tiers.empty()) dearest.take_in(rates_for(*this, 0, ""));
  return dearest.in * std::max<int64_t>(input_tokens, 0) +
         dearest.out * std::max<int64_t>(output_tokens, 0);
}

}  // namespace drover::catalog
