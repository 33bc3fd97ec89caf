#pragma once
// Reads price tables in LiteLLM's format: one JSON object, model name → fields such as
// "input_cost_per_token": 2.5e-06. Numbers are read from the text of the document, so a price is
// exact to the pico-dollar; what does not fit (finer than 10^-12 USD, negative, not a number) is a
// problem that names the field, and leaves that model's price unknown.
//
// Field names are <class>[_above_1hr][_above_<N>k_tokens][_<tier>], classes as in price_import.cc.
// Costs of another kind than tokens (images, seconds, searches) are not tokens' and are skipped.
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

/// What a table says of one model.
struct ModelFacts {
  Price price;
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

/// Fills what the endpoint itself does not state: price, context window, output limit. Looked up by
/// "provider/upstream_model", then upstream_model, then model.
void apply_facts(const PriceTable& table, Endpoint& endpoint);

}  // namespace drover::catalog
