#pragma once
// Endpoints: each place a model can be called, and what is known of it. Values; made from
// drover.yaml by src/app or by the demo.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/money.h"
#include "base/time.h"
#include "catalog/facts.h"
#include "contract/chat.h"

namespace drover::catalog {

/// Other rates of the same model: above a size of input (the whole call is then billed at them),
/// under a service tier ("priority", "flex", "batches"), or both. A rate that is absent is the
/// price's own; reasoning that is absent costs as the tier's output, or as the price's own
/// reasoning where that is not its output's and dearer.
struct PriceTier {
  int64_t above_input_tokens = 0;  // 0: whatever the size
  std::string service_tier;        // "": whatever the tier
  std::optional<Money> input;
  std::optional<Money> output;
  std::optional<Money> cache_read;
  std::optional<Money> cache_write;
  std::optional<Money> cache_write_1h;
  std::optional<Money> reasoning;
  std::optional<Money> audio_input;
  std::optional<Money> audio_output;
  std::optional<Money> image_input;
  bool operator==(const PriceTier&) const = default;
};

/// USD per token, exact, by token class. A class without a price of its own costs as its parent:
/// cache reads and writes as input, an hour's cache write as any, reasoning as output, audio and
/// images as text. A regional uplift is in the rates already (catalog/price_book.h).
struct Price {
  Money input;
  Money output;
  std::optional<Money> cache_read;
  std::optional<Money> cache_write;
  std::optional<Money> cache_write_1h;
  std::optional<Money> reasoning;
  std::optional<Money> audio_input;
  std::optional<Money> audio_output;
  std::optional<Money> image_input;
  bool known = false;
  std::vector<PriceTier> tiers;
  /// What a call cost. Classes that are part of another (cached in input, reasoning in output) are
  /// counted once. `service_tier` is the one the provider says it used; OpenAI's "default" and
  /// "auto" are the price's own rates.
  Money cost(const contract::Usage& usage, std::string_view service_tier = {}) const;
  /// The most that so many tokens can cost, whatever classes they turn out to be, under that
  /// service tier or none: what is reserved for a call.
  Money most(int64_t input_tokens, int64_t output_tokens, std::string_view service_tier = {}) const;
  bool operator==(const Price&) const = default;
};

/// A price that holds from a time on.
struct PriceChange {
  WallTime from{};
  Price price;
};

/// Where the secret of an endpoint comes from; the value itself is read by src/cloud.
struct CredentialRef {
  /// "env:NAME", "file:PATH", "aws:default", "aws:profile=NAME", or "" for none.
  std::string source;
};

/// How long the parts of an attempt may take; absent: the default (base/limits/road.h).
struct Deadlines {
  std::optional<Duration> connect;
  std::optional<Duration> headers;
  std::optional<Duration> first_token;
  std::optional<Duration> between_tokens;
  std::optional<Duration> answer;  // to the head of an answer that is not streamed
  std::optional<Duration> total;
};

struct Endpoint {
  std::string id;  // unique, "aws-us-east-1/claude-sonnet"
  /// Given by its catalog: no endpoint of any other catalog of this process has it, so that who
  /// meets it again need not compare texts. 0: it is in none.
  uint64_t number = 0;
  /// The same for all accounts of one place: an endpoint with several keys is an endpoint for each,
  /// with an id of its own. Empty: the id, it is the only one.
  std::string site;
  std::string provider;        // name in the provider table: "aws-bedrock", "azure-openai", …
  std::string model;           // what callers and ladders say
  std::string upstream_model;  // what the provider says; model if empty
  std::string region;
  std::string partition;    // "aws", "aws-us-gov", "aws-eusc", "azure", "coreweave", …
  std::string zone;         // legal zone; empty: not stated
  std::string base_url;     // overrides the provider's own
  std::string deployment;   // Azure
  std::string api_version;  // Azure; empty: the /openai/v1 form
  std::string dialect;      // overrides the provider's own ("openai" on Bedrock's /openai/v1)
  CredentialRef credentials;
  std::string ca_file;
  /// What holds until the first change; see price_at().
  Price price;
  std::vector<PriceChange> price_changes;  // by time
  Deadlines deadlines;
  std::string pool = "serverless";  // "reserved", "warm", "serverless", "spot"
  std::optional<int64_t> context_window;
  std::optional<int64_t> output_tokens_max;
  bool images = true;
  bool tools = true;
  std::map<std::string, std::string> options;  // provider-specific, checked by the provider
  /// What placement and policy know of it: of its region, from the catalog, and the operator's own.
  Facts facts;

  const std::string& place() const { return site.empty() ? id : site; }
  const Price& price_at(WallTime when) const {
    const Price* out = &price;
    for (const PriceChange& change : price_changes) {
      if (change.from <= when) out = &change.price;
    }
    return *out;
  }
};

}  // namespace drover::catalog
