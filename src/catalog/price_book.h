#pragma once
// Tables of prices: what models cost at which provider, since when, in which regions. The program's
// own stands in catalog/prices.yaml, which describes the format; a user's go before it. A table in
// LiteLLM's format (price_import.h) is read too. Values, immutable once made; any thread. No I/O:
// the caller brings the document.
//
// One entry of a table prices an endpoint, with those of other days that are for the same: one of
// its region before one of all, its model by name before a pattern and a longer pattern before a
// shorter, its provider by name likewise. Two that are alike and of one day are a fault of a table
// of ours; where LiteLLM's has two prices, there is none.
//
// Rates are exact; a regional uplift that does not come out in whole pico-dollars is rounded up.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "catalog/endpoint.h"
#include "catalog/price_import.h"

namespace drover::catalog {

struct PriceEntry {
  std::vector<std::string> providers;  // empty: any
  std::vector<std::string> models;     // a '*' at the end stands for anything
  std::string alias;                   // a name that gives way to another entry's `models`
  std::string region;                  // empty: any
  WallTime from{};
  std::string source;
  Price price;  // not known: a table has the model, and no price of it that can be read
  std::vector<Uplift> uplifts;
  /// What whoever is billed by it should know.
  std::vector<std::string> notes;
};

class PriceBook {
 public:
  /// A table of ours, or LiteLLM's. `fault` hears what is wrong with an entry and goes on; the
  /// place is "prices[3].per_million". A row of LiteLLM's that cannot be read is no fault: others
  /// write that table. Its model is unpriced, and its note says why.
  using Fault = std::function<void(const std::string& at, std::string message)>;
  static PriceBook read(const Json& table, const Fault& fault);
  /// What `later` says counts where this says nothing.
  void append(PriceBook later);

  /// Fills the price of an endpoint that states none, with its changes to come. Returns what is to
  /// be known of it: what is left out, or why there is none.
  std::vector<std::string> apply(Endpoint& endpoint) const;
  size_t size() const { return entries_.size(); }
  const std::vector<PriceEntry>& entries() const { return entries_; }

 private:
  /// The entries of that table that price such an endpoint, by day.
  std::vector<const PriceEntry*> entries_for(size_t table, const Endpoint& endpoint) const;

  std::vector<PriceEntry> entries_;
  std::vector<size_t> tables_;  // where each table begins
};

/// "anthropic.claude-*" against "anthropic.claude-sonnet-4"; without a star, equal.
bool matches_pattern(std::string_view pattern, std::string_view text);

}  // namespace drover::catalog
