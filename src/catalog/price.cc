#include <algorithm>

#include "catalog/endpoint.h"

namespace drover::catalog {
namespace {

/// Tables say "batches", providers and bills "batch".
std::string_view table_name(std::string_view service_tier) {
  return service_tier == "batch" ? "batches" : service_tier;
}

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

/// The rates of a call, each looked up when it is asked for: most calls have tokens of two classes.
/// Null: the class has none of its own. The price outlives this.
class Rates {
 public:
  Rates(const Price& price, int64_t input_tokens, std::string_view service_tier)
      : price_(price), input_tokens_(input_tokens), tier_name_(table_name(service_tier)) {}
  const Money* input() const { return either(in_tier(&PriceTier::input), &price_.input); }
  const Money* output() const { return either(in_tier(&PriceTier::output), &price_.output); }
  const Money* cache_read() const { return of(&Price::cache_read, &PriceTier::cache_read); }
  const Money* cache_write() const { return of(&Price::cache_write, &PriceTier::cache_write); }
  const Money* cache_write_1h() const {
    return of(&Price::cache_write_1h, &PriceTier::cache_write_1h);
  }
  const Money* audio_input() const { return of(&Price::audio_input, &PriceTier::audio_input); }
  const Money* audio_output() const { return of(&Price::audio_output, &PriceTier::audio_output); }
  const Money* image_input() const { return of(&Price::image_input, &PriceTier::image_input); }
  const Money* reasoning() const {
    // A table that states reasoning at the price of output writes only the output under a tier.
    const bool reasons_apart = price_.reasoning && *price_.reasoning != price_.output;
    const Money* special = picked([&](const PriceTier& tier) {
      if (tier.reasoning || !tier.output || !reasons_apart) {
        return stated(tier.reasoning ? tier.reasoning : tier.output);
      }
      return &std::max(*tier.output, *price_.reasoning);
    });
    return either(special, stated(price_.reasoning));
  }

 private:
  static const Money* either(const Money* rate, const Money* otherwise) {
    return rate != nullptr ? rate : otherwise;
  }
  /// The tiers' rate goes before the price's own.
  template <typename RateOf>
  const Money* picked(RateOf rate_of) const {
    if (price_.tiers.empty()) return nullptr;
    return pick(price_.tiers, input_tokens_, tier_name_, rate_of);
  }
  const Money* in_tier(std::optional<Money> PriceTier::* field) const {
    return picked([field](const PriceTier& tier) { return stated(tier.*field); });
  }
  const Money* of(std::optional<Money> Price::* own,
                  std::optional<Money> PriceTier::* field) const {
    return either(in_tier(field), stated(price_.*own));
  }

  const Price& price_;
  int64_t input_tokens_;
  std::string_view tier_name_;
};

/// The dearest that a token of input and one of output can be.
struct Dearest {
  Money in;
  Money out;
  void take(const Rates& rates) {
    take(in, rates.input());
    take(in, rates.cache_read());
    take(in, rates.cache_write());
    take(in, rates.cache_write_1h());
    take(in, rates.audio_input());
    take(in, rates.image_input());
    take(out, rates.output());
    take(out, rates.reasoning());
    take(out, rates.audio_output());
  }
  static void take(Money& dearest, const Money* rate) {
    if (rate != nullptr && *rate > dearest) dearest = *rate;
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
  const Rates rates(*this, input_left, service_tier);

  Money total;
  // At the first of these rates that there is.
  auto add = [&](int64_t tokens, auto... rate_of) {
    if (tokens <= 0) return;
    const Money* rate = nullptr;
    ((rate = rate != nullptr ? rate : (rates.*rate_of)()), ...);
    total += *rate * tokens;
  };
  add(take(input_left, usage.cache_read_tokens), &Rates::cache_read, &Rates::input);
  int64_t written = take(input_left, usage.cache_write_tokens);
  add(take(written, usage.cache_write_1h_tokens), &Rates::cache_write_1h, &Rates::cache_write,
      &Rates::input);
  add(written, &Rates::cache_write, &Rates::input);
  // What has no rate of its own stays where it is.
  if (rates.audio_input() != nullptr) {
    add(take(input_left, usage.audio_input_tokens), &Rates::audio_input);
  }
  if (rates.image_input() != nullptr) {
    add(take(input_left, usage.image_input_tokens), &Rates::image_input);
  }
  add(input_left, &Rates::input);

  add(take(output_left, usage.reasoning_tokens), &Rates::reasoning, &Rates::output);
  if (rates.audio_output() != nullptr) {
    add(take(output_left, usage.audio_output_tokens), &Rates::audio_output);
  }
  add(output_left, &Rates::output);
  return total;
}

Money Price::most(int64_t input_tokens, int64_t output_tokens,
                  std::string_view service_tier) const {
  if (!known) return Money();
  Dearest dearest;
  // With the size's own rates, which may be dearer or cheaper than the plain ones.
  dearest.take(Rates(*this, input_tokens, service_tier));
  if (!tiers.empty()) dearest.take(Rates(*this, 0, ""));
  return dearest.in * std::max<int64_t>(input_tokens, 0) +
         dearest.out * std::max<int64_t>(output_tokens, 0);
}

}  // namespace drover::catalog
