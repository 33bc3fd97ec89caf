#include <algorithm>

#include "catalog/endpoint.h"

namespace drover::catalog {
namespace {

/// Tables say "batches", providers and bills "batch".
std::string_view table_name(std::string_view service_tier) {
  return service_tier == "batch" ? "batches" : service_tier;
}

struct Rates {
  Money input;
  Money output;
  Money cache_read;
  Money cache_write;
  Money cache_write_1h;
  Money reasoning;
  std::optional<Money> audio_input;
  std::optional<Money> audio_output;
  std::optional<Money> image_input;
};

/// What is more specific wins: both size and tier, then either alone. Where a call is above the
/// size and under a tier but no rate names both, the dearer one is taken: never billed too low.
template <typename RateOf>
std::optional<Money> pick(const std::vector<PriceTier>& tiers, int64_t input_tokens,
                          std::string_view service_tier, RateOf rate_of) {
  std::optional<Money> by_both, by_size, by_tier;
  int64_t size_of_both = 0;
  int64_t size_of_size = 0;
  for (const PriceTier& tier : tiers) {
    if (tier.above_input_tokens > 0 && input_tokens <= tier.above_input_tokens) continue;
    const std::optional<Money> value = rate_of(tier);
    if (!value) continue;
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
  if (by_both) return by_both;
  if (by_size && by_tier) return std::max(*by_size, *by_tier);
  return by_size ? by_size : by_tier;
}

Rates rates_for(const Price& price, int64_t input_tokens, std::string_view service_tier) {
  auto rate = [&](std::optional<Money> PriceTier::* field, std::optional<Money> own) {
    if (price.tiers.empty()) return own;
    auto rate_of = [&](const PriceTier& tier) { return tier.*field; };
    std::optional<Money> special =
        pick(price.tiers, input_tokens, table_name(service_tier), rate_of);
    return special ? special : own;
  };
  // A table that states reasoning at the price of output writes only the output under a tier.
  const bool reasons_apart = price.reasoning && *price.reasoning != price.output;
  auto reasoning_of = [&](const PriceTier& tier) -> std::optional<Money> {
    if (tier.reasoning || !tier.output || !reasons_apart) {
      return tier.reasoning ? tier.reasoning : tier.output;
    }
    return std::max(*tier.output, *price.reasoning);
  };
  Rates out;
  out.input = *rate(&PriceTier::input, price.input);
  out.output = *rate(&PriceTier::output, price.output);
  out.cache_read = rate(&PriceTier::cache_read, price.cache_read).value_or(out.input);
  out.cache_write = rate(&PriceTier::cache_write, price.cache_write).value_or(out.input);
  out.cache_write_1h =
      rate(&PriceTier::cache_write_1h, price.cache_write_1h).value_or(out.cache_write);
  out.reasoning = pick(price.tiers, input_tokens, table_name(service_tier), reasoning_of)
                      .value_or(price.reasoning.value_or(out.output));
  out.audio_input = rate(&PriceTier::audio_input, price.audio_input);
  out.audio_output = rate(&PriceTier::audio_output, price.audio_output);
  out.image_input = rate(&PriceTier::image_input, price.image_input);
  return out;
}

/// The dearest that a token of input and one of output can be.
struct Dearest {
  Money in;
  Money out;
  void take_in(const Rates& rates) {
    for (const Money* rate :
         {&rates.input, &rates.cache_read, &rates.cache_write, &rates.cache_write_1h}) {
      in = std::max(in, *rate);
    }
    if (rates.audio_input) in = std::max(in, *rates.audio_input);
    if (rates.image_input) in = std::max(in, *rates.image_input);
    out = std::max({out, rates.output, rates.reasoning});
    if (rates.audio_output) out = std::max(out, *rates.audio_output);
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

  Money total;
  // Most calls have tokens of two classes.
  auto add = [&total](Money rate, int64_t tokens) {
    if (tokens > 0) total += rate * tokens;
  };
  add(rates.cache_read, take(input_left, usage.cache_read_tokens));
  int64_t written = take(input_left, usage.cache_write_tokens);
  add(rates.cache_write_1h, take(written, usage.cache_write_1h_tokens));
  add(rates.cache_write, written);
  if (rates.audio_input) add(*rates.audio_input, take(input_left, usage.audio_input_tokens));
  if (rates.image_input) add(*rates.image_input, take(input_left, usage.image_input_tokens));
  add(rates.input, input_left);

  add(rates.reasoning, take(output_left, usage.reasoning_tokens));
  if (rates.audio_output) add(*rates.audio_output, take(output_left, usage.audio_output_tokens));
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
