// What is held of each attested endpoint, for people: kind, age, expiry, verdict.

#include <algorithm>

#include "app/attestation.h"

namespace drover::app {
namespace {

constexpr double kNanos = 1e9;

int64_t whole_seconds(Duration d) {
  return static_cast<int64_t>(static_cast<double>(d.count()) / kNanos);
}

Json report_of(const AttestedEndpoint& endpoint, const attest::Evidence* held, WallTime now) {
  attest::Requirement requirement;
  requirement.kind = endpoint.kind;
  requirement.max_age = endpoint.max_age;
  std::string why = attest::why_not(held, requirement, now);
  Json out = Json::object().set("object", "evidence").set("endpoint", endpoint.endpoint);
  out.set("kind", attest::kind_name(endpoint.kind)).set("url", endpoint.url);
  out.set("verdict", why.empty() ? "fresh" : held == nullptr ? "none" : "not fresh");
  if (!why.empty()) out.set("why", why);
  out.set("max_age_s", whole_seconds(endpoint.max_age));
  if (held == nullptr) return out;
  const attest::Claims& claims = held->claims;
  out.set("subject", claims.subject).set("issued", format_rfc3339(claims.issued_at));
  out.set("age_s", whole_seconds(now - claims.issued_at));
  out.set("verified", format_rfc3339(held->verified_at));
  // Whichever ends first: what vouches for it, or the age that is allowed.
  out.set("expires",
          format_rfc3339(std::min(claims.expires_at, claims.issued_at + endpoint.max_age)));
  out.set("connection_key", held->connection_key.hex());
  return out.set("document_sha256", claims.document.hex());
}

}  // namespace

Json EvidenceKeeper::report() const {
  const WallTime now = loop_.wall();
  Json out = Json::array();
  for (const auto& endpoint : endpoints_) {
    Json one = report_of(*endpoint, holder_.find(endpoint->endpoint), now);
    auto failed = failures_.find(endpoint->endpoint);
    if (failed != failures_.end()) {
      one.set("last_failure", failed->second.second);
      one.set("last_failure_time", format_rfc3339(failed->second.first));
    }
    out.push(std::move(one));
  }
  return out;
}

}  // namespace drover::app
