#pragma once
// Tables of prices: what models cost at which provider, since when, in which regions. The program's
// own stands in catalog/prices.yaml, which describes the format; a user's go before it. A table in
// LiteLLM's format (price_import.h) is read too. Values, immutable once made; any thread. No I/O:
// the caller brings the document.
//
// Rates are exact; a regional uplift that does not come out in whole pico-dollars is rounded up.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "catalog/endpoint.h"

namespace drover::catalog {

struct PriceEntry {
  std::vector<std::string> providers;  // empty: any
  std::vector<std::string> models;     // a '*' at the end stands for anything
  WallTime from{};
  std::string source;
  Price price;
  std::vector<std::string> uplift_regions;
  int64_t uplift_percent = 0;
};

class PriceBook {
 public:
  /// A table of ours, or LiteLLM's. `fault` hears what is wrong with an entry and goes on; the
  /// place is "prices[3].per_million".
  using Fault = std::function<void(const std::string& at, std::string message)>;
  static PriceBook read(const Json& table, const Fault& fault);
  /// What `later` says counts where this says nothing.
  void append(PriceBook later);

  /// Fills the price of an endpoint that states none, with its changes to come.
  void apply(Endpoint& endpoint) const;
  size_t size() const { return entries_.size(); }
  const std::vector<PriceEntry>& entries() const { return entries_; }

 private:
  std::vector<PriceEntry> entries_;
  std::vector<size_t> tables_;  // where each table begins
};

/// "anthropic.claude-*" against "anthropic.claude-sonnet-4"; without a star, equal.
bool matches_pattern(std::string_view pattern, std::string_view text);

}  // namespace drover::catalog
