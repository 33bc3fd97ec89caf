#pragma once
// Reads price tables in LiteLLM's format: one JSON object, model name → fields such as
// "input_cost_per_token": 2.5e-06. Numbers are read from the text of the document, so a price is
// exact to the pico-dollar; what does not fit (finer than 10^-12 USD, negative, not a number) is a
// problem that names the field, and leaves that model's price unknown.
//
// Field names are <class>[_above_1hr][_above_<N>k_tokens][_<tier>], classes as in price_import.cc.
// Costs of another kind than tokens (images, seconds, searches) are not tokens' and are skipped.
// regional_processing_uplift_multiplier_<region> raises all rates in that region. What else would
// change what tokens cost is left out and named (left_out): classes that a Price cannot hold, such
// as cached audio, and multipliers of requests that nobody here sends.
// Pure; no I/O: the caller brings the text.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "catalog/endpoint.h"

namespace drover::catalog {

/// In these regions (a '*' at the end stands for anything) every rate is so much higher.
struct Uplift {
  std::vector<std::string> regions;
  int64_t millionths = 0;  // of the rate, on top of it: 100,000 is a tenth
  bool operator==(const Uplift&) const = default;
};

/// What a table says of one model.
struct ModelFacts {
  Price price;
  std::vector<Uplift> uplifts;
  /// Fields of tokens' prices that are not in `price`.
  std::vector<std::string> left_out;
  /// Why there is no price: the field, and what is wrong with it.
  std::string problem;
  std::optional<int64_t> context_window;
  std::optional<int64_t> output_tokens_max;
  std::string provider;  // "litellm_provider"
  std::string mode;      // "chat", "embedding", …
  std::optional<bool> images;
  std::optional<bool> tools;
};

struct PriceTable {
  std::map<std::string, ModelFacts, std::less<>> models;
  /// What could not be read, one line each: "gpt-x: input_cost_per_token: not an amount …".
  std::vector<std::string> problems;
  /// The entry of that name; nullptr if there is none.
  const ModelFacts* find(std::string_view model) const;
};

Result<PriceTable> import_litellm_prices(std::string_view json);
Result<PriceTable> import_litellm_document(const Json& document);
/// The same for one entry, as drover.yaml may hold it.
Result<ModelFacts> read_model_facts(const Json& entry);

/// Which of our endpoints an entry is for: its key without LiteLLM's prefixes, the region that is
/// one of them, and LiteLLM's name of the provider as ours (providers/table.cc).
struct ModelPlace {
  std::string model;     // "gpt-4o" of "azure/eu/gpt-4o"
  std::string provider;  // ""; any
  std::string region;    // "": any; a '*' at the end stands for anything
};
ModelPlace place_of(std::string_view key, std::string_view litellm_provider);

}  // namespace drover::catalog
