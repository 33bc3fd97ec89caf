#pragma once
// Internal to src/providers: what every provider does with an endpoint's facts.

#include <cstdint>
#include <unordered_map>

#include "base/limits/catalog.h"
#include "http/client.h"
#include "providers/attempt.h"

namespace drover::providers {

/// base + path, with exactly one slash between.
Result<http::Url> join_url(std::string_view base, std::string_view path);

/// The targets of the endpoints that were called, so that each call need not put them together
/// again: for as long as the endpoint's key is the same. Each holds its key's text, and goes when
/// no call has used it for kKeptUnused, as none does once a reload has put others in their place.
/// Loop thread only; at most limits::kEndpointsMax endpoints.
class EndpointTargets {
 public:
  static constexpr Duration kKeptUnused = 600s;

  /// The place for the target of this endpoint under that key; null in it until it is put there.
  /// Valid until the next call. The endpoint is a catalog's, in which none changes.
  TargetPtr& at(const catalog::Endpoint& endpoint, const SecretPtr& key, bool stream, MonoTime now);
  /// How many endpoints are known.
  size_t size() const { return known_.size(); }

 private:
  struct Entry {
    SecretPtr key;
    TargetPtr whole;
    TargetPtr streamed;
    MonoTime used;
  };
  void sweep(MonoTime now);

  std::unordered_map<uint64_t, Entry> known_;  // by the endpoint's number
  MonoTime next_sweep_{};
};

/// Checks a base URL at load, naming the field; one that leads to another region than the
/// endpoint's is refused where its host tells.
Result<void> check_base_url(const catalog::Endpoint& endpoint);

/// Refuses an option that is not in `known` (a trailing ':' allows any name after it).
Result<void> check_options(const catalog::Endpoint& endpoint,
                           std::initializer_list<std::string_view> known);

/// What the provider calls the model.
const std::string& upstream_model(const catalog::Endpoint& endpoint);

/// Content-Type, Accept, User-Agent, TLS trust and the address policy of an operator's endpoint.
void put_common(http::RequestTarget& target, const dialect::Dialect& dialect,
                const catalog::Endpoint& endpoint, bool stream);

/// Whether it has "header:NAME" options.
bool has_option_headers(const catalog::Endpoint& endpoint);
/// The endpoint's "header:NAME" options as request headers, in place of others of that name.
void put_option_headers(http::Headers& headers, const catalog::Endpoint& endpoint);

/// Idempotency-Key and X-Drover-Attempt, so that a server or a proxy on the way can tell a repeat;
/// nothing without a key. AWS has headers of its own for both.
void put_attempt(WireCall& call, const AttemptOptions& options);
/// The same where others come after them.
void put_attempt(http::Headers& headers, const AttemptOptions& options);

/// "Authorization: Bearer", which is for the call to remember (CallSecrets). Nothing for an empty
/// secret.
void put_bearer(http::Headers& headers, const Secret& token);

}  // namespace drover::providers
