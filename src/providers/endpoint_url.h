#pragma once
// Internal to src/providers: what every provider does with an endpoint's facts.

#include <unordered_map>

#include "base/limits/catalog.h"
#include "http/client.h"
#include "providers/attempt.h"

namespace drover::providers {

/// base + path, with exactly one slash between.
Result<http::Url> join_url(std::string_view base, std::string_view path);

/// The URLs that endpoints were called at, so that each call need not parse them again. Loop thread
/// only; at most limits::kEndpointsMax.
class EndpointUrls {
 public:
  /// join_url(base, path) of this endpoint; valid until the next call.
  Result<const http::Url*> get(const catalog::Endpoint& endpoint, std::string_view base,
                               std::string_view path);

 private:
  struct Entry {
    std::string base;
    std::string path;
    http::Url url;
  };
  // By address: where another endpoint has come to stand there, the texts differ.
  std::unordered_map<const catalog::Endpoint*, Entry> known_;
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
void put_common(WireCall& call, const catalog::Endpoint& endpoint, bool stream);

/// The endpoint's "header:NAME" options as request headers.
void put_option_headers(WireCall& call, const catalog::Endpoint& endpoint);

/// Idempotency-Key and X-Drover-Attempt, so that a server or a proxy on the way can tell a repeat;
/// nothing without a key. AWS has headers of its own for both.
void put_attempt(WireCall& call, const AttemptOptions& options);

/// "Authorization: Bearer", remembered for redaction. Nothing for an empty secret.
void put_bearer(WireCall& call, const Secret& token);

}  // namespace drover::providers
