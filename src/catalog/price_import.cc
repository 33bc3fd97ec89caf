#include "catalog/price_import.h"

#include <algorithm>
#include <charconv>

namespace drover::catalog {
namespace {

struct Class {
  std::string_view prefix;
  std::optional<Money> PriceTier::* rate;
};

// Longest first: "cache_creation_input_token_cost" also begins the hour's name, which is told apart
// by its suffix.
constexpr Class kClasses[] = {
    {"cache_creation_input_token_cost", &PriceTier::cache_write},
    {"cache_read_input_token_cost", &PriceTier::cache_read},
    {"input_cost_per_token_cache_hit", &PriceTier::cache_read},
    {"output_cost_per_reasoning_token", &PriceTier::reasoning},
    {"output_cost_per_token", &PriceTier::output},
    {"input_cost_per_token", &PriceTier::input},
    {"input_cost_per_audio_token", &PriceTier::audio_input},
    {"output_cost_per_audio_token", &PriceTier::audio_output},
    {"input_cost_per_image_token", &PriceTier::image_input},
};
constexpr std::string_view kUplift = "regional_processing_uplift_multiplier_";
constexpr int64_t kUpliftMillionthsMax = 10'000'000;

/// LiteLLM's names of the providers that have one here.
struct ProviderName {
  std::string_view theirs;
  bool family;  // all names that begin so
  std::string_view ours;
};
constexpr ProviderName kProviderNames[] = {
    {"openai", false, "openai"},     {"text-completion-openai", false, "openai"},
    {"azure", true, "azure-openai"}, {"bedrock", true, "aws-bedrock"},
    {"wandb", false, "coreweave"},   {"hosted_vllm", false, "vllm"},
    {"vllm", false, "vllm"},         {"ollama", true, "ollama"},
};
constexpr std::string_view kServiceTiers[] = {"priority", "flex", "batches"};

struct FieldName {
  std::optional<Money> PriceTier::* rate = nullptr;
  int64_t above = 0;
  std::string service_tier;
};

bool eat(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// nullopt for a field that is not a price of tokens.
std::optional<FieldName> read_name(std::string_view name) {
  FieldName out;
  std::string_view rest = name;
  for (const Class& c : kClasses) {
    if (eat(rest, c.prefix)) {
      out.rate = c.rate;
      break;
    }
  }
  if (out.rate == nullptr) return std::nullopt;
  if (eat(rest, "_above_1hr")) {
    if (out.rate != &PriceTier::cache_write) return std::nullopt;
    out.rate = &PriceTier::cache_write_1h;
  }
  if (eat(rest, "_above_")) {
    int64_t thousands = 0;
    auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), thousands);
    if (error != std::errc() || thousands <= 0 || thousands > 1'000'000) return std::nullopt;
    rest.remove_prefix(static_cast<size_t>(end - rest.data()));
    if (!eat(rest, "k_tokens")) return std::nullopt;
    out.above = thousands * 1'000;
  }
  for (std::string_view tier : kServiceTiers) {
    if (rest.size() == tier.size() + 1 && rest[0] == '_' && rest.substr(1) == tier) {
      out.service_tier = tier;
      rest = {};
    }
  }
  if (!rest.empty()) return std::nullopt;
  return out;
}

Result<Money> read_rate(const Json& value) {
  const Json::Number* number = value.raw_number();
  if (number == nullptr) {
    return fail(Code::kInvalidArgument,
                "a number is expected, not " + std::string(value.type_name()));
  }
  TRY(Money rate, Money::parse_usd(number->text));
  if (rate < Money()) return fail(Code::kInvalidArgument, "a price cannot be negative");
  return rate;
}

/// What is not read as a rate, and yet tells what tokens cost.
bool prices_tokens(std::string_view name) {
  auto has = [&](std::string_view part) { return name.find(part) != std::string_view::npos; };
  return (has("cost") && has("token")) || has("multiplier") || has("uplift") ||
         has("tiered_pricing") || name == "provider_specific_entry";
}

/// "…_eu": 1.1 is a tenth more in regions that are called "eu" or "eu-…". Nothing if it is no such
/// multiplier; 1 raises nothing.
std::optional<Uplift> read_uplift(std::string_view name, const Json& value) {
  const Json::Number* number = value.raw_number();
  if (!eat(name, kUplift) || name.empty() || number == nullptr) return std::nullopt;
  Result<Money> multiplier = Money::parse_usd(number->text);
  const Money one = Money::from_usd(1);
  if (!multiplier || *multiplier < one) return std::nullopt;
  const __int128 above = (*multiplier - one).pico_usd();
  if (above % 1'000'000 != 0 || above / 1'000'000 > kUpliftMillionthsMax) return std::nullopt;
  Uplift out;
  out.regions = {std::string(name), std::string(name) + "-*"};
  out.millionths = static_cast<int64_t>(above / 1'000'000);
  return out;
}

PriceTier& tier_of(std::vector<PriceTier>& tiers, const FieldName& name) {
  for (PriceTier& tier : tiers) {
    if (tier.above_input_tokens == name.above && tier.service_tier == name.service_tier)
      return tier;
  }
  PriceTier& added = tiers.emplace_back();
  added.above_input_tokens = name.above;
  added.service_tier = name.service_tier;
  return added;
}

}  // namespace

const ModelFacts* PriceTable::find(std::string_view model) const {
  auto it = models.find(model);
  return it == models.end() ? nullptr : &it->second;
}

Result<ModelFacts> read_model_facts(const Json& entry) {
  if (!entry.is_object()) return fail(Code::kInvalidArgument, "a model's entry must be an object");
  ModelFacts out;
  std::vector<PriceTier> tiers;
  for (const auto& [key, value] : *entry.members()) {
    if (value.is_null()) continue;
    std::optional<FieldName> name = read_name(key);
    if (!name) {
      std::optional<Uplift> uplift = read_uplift(key, value);
      if (uplift && uplift->millionths > 0) out.uplifts.push_back(std::move(*uplift));
      if (!uplift && prices_tokens(key)) out.left_out.push_back(key);
      continue;
    }
    auto rate = read_rate(value);
    if (!rate) return fail(std::move(rate).error().note(key));
    tier_of(tiers, *name).*(name->rate) = *rate;
  }
  for (PriceTier& tier : tiers) {
    if (tier.above_input_tokens != 0 || !tier.service_tier.empty()) continue;
    // The plain rates are the price itself. Half a price is none: an output that costs nothing
    // because nobody wrote its price down would be a lie.
    out.price.known = tier.input.has_value() && tier.output.has_value();
    out.price.input = tier.input.value_or(Money());
    out.price.output = tier.output.value_or(Money());
    out.price.cache_read = tier.cache_read;
    out.price.cache_write = tier.cache_write;
    out.price.cache_write_1h = tier.cache_write_1h;
    out.price.reasoning = tier.reasoning;
    out.price.audio_input = tier.audio_input;
    out.price.audio_output = tier.audio_output;
    out.price.image_input = tier.image_input;
  }
  std::erase_if(tiers, [](const PriceTier& tier) {
    return tier.above_input_tokens == 0 && tier.service_tier.empty();
  });
  out.price.tiers = std::move(tiers);
  out.context_window = entry.get_int("max_input_tokens");
  out.output_tokens_max = entry.get_int("max_output_tokens");
  out.provider = entry.get_string("litellm_provider").value_or("");
  out.mode = entry.get_string("mode").value_or("");
  out.images = entry.get_bool("supports_vision");
  out.tools = entry.get_bool("supports_function_calling");
  return out;
}

Result<PriceTable> import_litellm_prices(std::string_view json) {
  TRY(Json document, Json::parse(json));
  return import_litellm_document(document);
}

Result<PriceTable> import_litellm_document(const Json& document) {
  if (!document.is_object()) {
    return fail(Code::kInvalidArgument, "a price table is a JSON object of models");
  }
  PriceTable table;
  for (const auto& [model, entry] : *document.members()) {
    if (model == "sample_spec") continue;  // LiteLLM's own description of the fields
    auto facts = read_model_facts(entry);
    if (!facts) {
      const Error& error = facts.error();
      std::string field = error.notes.empty() ? "" : error.notes.front() + ": ";
      ModelFacts& unpriced = table.models[model];
      unpriced.problem = field + error.message;
      if (entry.is_object()) unpriced.provider = entry.get_string("litellm_provider").value_or("");
      table.problems.push_back(model + ": " + unpriced.problem);
      continue;
    }
    table.models[model] = std::move(*facts);
  }
  return table;
}

ModelPlace place_of(std::string_view key, std::string_view litellm_provider) {
  ModelPlace out;
  for (const ProviderName& p : kProviderNames) {
    const bool same =
        p.family ? litellm_provider.starts_with(p.theirs) : litellm_provider == p.theirs;
    if (same && out.provider.empty()) out.provider = p.ours;
  }
  // Whoever has no adapter here is called as any server that speaks OpenAI's API.
  if (out.provider.empty() && !litellm_provider.empty()) out.provider = "openai-compatible";
  out.model = key;
  auto take_prefix = [&]() -> std::string {
    const size_t slash = out.model.find('/');
    if (slash == std::string::npos) return "";
    std::string prefix = out.model.substr(0, slash);
    out.model.erase(0, slash + 1);
    return prefix;
  };
  const std::string provider = take_prefix();
  const bool regional = provider == "azure" || provider == "bedrock";
  if (!regional || out.model.find('/') == std::string::npos) return out;
  out.region = take_prefix();
  // Azure's data zones are regions by these names here (catalog/prices.yaml).
  if (provider == "azure") {
    out.region = out.region.starts_with("global") ? "global*" : "datazone-" + out.region;
  }
  return out;
}

}  // namespace drover::catalog
