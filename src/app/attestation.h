#pragma once
// Attested endpoints: their evidence is fetched before they are used and kept fresh, and they are
// reached only by connections to the key that the evidence names.
//
//   EvidenceKeeper keeper(root, network.dialer(), random);
//   AttestedClient client(keeper, plain_client);      // what the providers get
//   keeper.set_endpoints(config.attested);            // begins to fetch
//   keeper.fresh(endpoint, "aws-nitro", 10min)        // placement's question
//
// A document is asked for with GET url?nonce=HEX (a nonce of 32 bytes that counts once) over a
// fresh TLS connection; the answer is the document, CBOR or base64 of it, or JSON. It is verified
// as attest/evidence.h says, bound to that connection's key, and asked for again when half of its
// time is over: the least of what the endpoint, the rules and the agents' needs say of its kind,
// and of what calls wanted besides. A failed fetch is tried again with growing pauses and takes
// nothing away; a refused document does, at once.
//
// An endpoint with an `attestation` in drover.yaml is guarded: whatever is sent to its origin goes
// over a connection to the attested key, or not at all (unavailable, other target, reason
// "attestation"), also when the data would not need it. Connections made before the key changed are
// not used again.
//
// Owner: the process, one; stop() before it goes. Loop thread only. Limits: base/limits/attest.h.

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "async/scope.h"
#include "attest/holder.h"
#include "http/client.h"
#include "net/stream.h"
#include "policy/evidence.h"
#include "policy/requirement.h"

namespace drover::app {

/// What an operator says of an endpoint's evidence.
struct AttestedEndpoint {
  std::string endpoint;  // its id
  std::string origin;    // of its base_url: "https://enclave.example:8443"
  std::string url;       // where it gives evidence
  std::string ca_file;
  attest::Kind kind = attest::Kind::kAwsNitro;
  Duration max_age = limits::kEvidenceAgeMax;
  attest::Trust trust;
};

class EvidenceKeeper final : public policy::Evidence {
 public:
  EvidenceKeeper(const async::Context& parent, net::Dialer& dialer, Random& random);

  /// Begins anew with these: what was held is forgotten and fetched at once. `wanted`: the evidence
  /// that rules and agents may ask for.
  void set_endpoints(std::vector<AttestedEndpoint> endpoints,
                     const std::vector<policy::EvidenceNeed>& wanted = {});
  async::Task<void> stop();

  /// Fetches and verifies once, now.
  async::Task<Result<attest::Claims>> refresh(async::Context ctx, const AttestedEndpoint* endpoint);

  /// Verified evidence of that kind ("aws-nitro"), at most that old. Wanted younger than so far, it
  /// is fetched more often from now on.
  bool fresh(std::string_view endpoint, std::string_view kind, Duration max_age) const override;
  bool reachable(std::string_view endpoint) const override;
  std::string last_failure(std::string_view endpoint) const override;

  /// Whether an origin is reached only over an attested key.
  bool guards_any() const { return !origins_.empty(); }
  bool guards(std::string_view origin) const { return origins_.find(origin) != origins_.end(); }
  /// That key; an error with the reason "attestation" while there is no fresh evidence.
  Result<crypto::Digest> key_of(std::string_view origin) const;

  /// One object an endpoint: kind, verdict, why, age_s, expires, the last failed fetch.
  Json report() const;
  const attest::EvidenceHolder& holder() const { return holder_; }
  const std::vector<std::shared_ptr<AttestedEndpoint>>& endpoints() const { return endpoints_; }
  async::Loop& loop() const { return loop_; }
  net::Dialer& dialer() const { return dialer_; }

 private:
  /// How young evidence of a kind is wanted.
  struct Wanted {
    Duration configured = Duration::max();
    Duration by_calls = Duration::max();
    MonoTime until;  // by_calls counts
  };
  async::Task<void> keep(async::Context ctx, std::shared_ptr<AttestedEndpoint> endpoint);
  /// When a good document that came at `fetched` is asked for again.
  MonoTime next_fetch(const AttestedEndpoint& endpoint, const attest::Claims& claims,
                      MonoTime fetched) const;
  void want(attest::Kind kind, Duration max_age) const;

  async::Loop& loop_;
  net::Dialer& dialer_;
  attest::EvidenceHolder holder_;
  std::vector<std::shared_ptr<AttestedEndpoint>> endpoints_;
  std::map<std::string, std::vector<std::shared_ptr<AttestedEndpoint>>, std::less<>> origins_;
  /// Of each endpoint whose last fetch failed: when, and how.
  std::map<std::string, std::pair<WallTime, std::string>, std::less<>> failures_;
  mutable std::map<attest::Kind, Wanted> wanted_;
  mutable async::WaitQueue sooner_;  // wakes who waits for the next fetch
  async::Scope scope_;
  async::CancelPtr generation_;
};

/// The client that guards attested origins; all others go to `rest`, which outlives it, as the
/// keeper does.
class AttestedClient final : public http::Client {
 public:
  AttestedClient(const EvidenceKeeper& keeper, http::Client& rest) : keeper_(keeper), rest_(rest) {}
  async::Task<Result<std::unique_ptr<http::ClientResponse>>> send_to(
      async::Context ctx, const http::RequestTarget& target,
      const http::RequestCall& call) override;
  void clear_idle() override;
  size_t idle_connections() const override;

 private:
  struct Guarded;
  std::shared_ptr<Guarded> guarded(const std::string& origin, const crypto::Digest& key);

  const EvidenceKeeper& keeper_;
  http::Client& rest_;
  std::map<std::string, std::shared_ptr<Guarded>, std::less<>> guarded_;  // by origin
};

}  // namespace drover::app
