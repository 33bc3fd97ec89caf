#include "attest/holder.h"

#include <algorithm>

#include "base/bytes.h"

namespace drover::attest {
namespace {

constexpr size_t kNonceBytes = 32;

}  // namespace

std::string why_not(const Evidence* held, const Requirement& requirement, WallTime at) {
  if (held == nullptr) {
    return "no evidence of kind " + std::string(kind_name(requirement.kind));
  }
  const Claims& claims = held->claims;
  if (claims.kind != requirement.kind) {
    return "its evidence is of kind " + std::string(kind_name(claims.kind)) + ", not " +
           std::string(kind_name(requirement.kind));
  }
  if (at >= claims.expires_at) {
    return "its evidence has expired at " + format_rfc3339(claims.expires_at);
  }
  if (claims.issued_at > at + limits::kEvidenceSkewMax) {
    return "its evidence is from the future (" + format_rfc3339(claims.issued_at) +
           "): one of the two clocks is wrong";
  }
  if (at - claims.issued_at > requirement.max_age) {
    return "its evidence is " + format_duration(at - claims.issued_at) + " old, at most " +
           format_duration(requirement.max_age) + " are allowed";
  }
  return {};
}

std::string EvidenceHolder::issue_nonce(std::string_view endpoint, WallTime now) {
  auto it = nonces_.find(endpoint);
  if (it == nonces_.end()) {
    make_room_for_nonce();
    it = nonces_.emplace(std::string(endpoint), Nonce()).first;
  }
  it->second.bytes = random_.bytes(kNonceBytes);
  it->second.issued_at = now;
  return it->second.bytes;
}

void EvidenceHolder::make_room_for_nonce() {
  if (nonces_.size() < limits::kNoncesMax) return;
  auto oldest = std::min_element(nonces_.begin(), nonces_.end(), [](const auto& a, const auto& b) {
    return a.second.issued_at < b.second.issued_at;
  });
  nonces_.erase(oldest);
}

Result<void> EvidenceHolder::take_nonce(std::string_view endpoint, std::string_view nonce,
                                        WallTime now) {
  auto it = nonces_.find(endpoint);
  if (it == nonces_.end() || !equal_constant_time(it->second.bytes, nonce)) {
    return fail(refusal("nonce", "the nonce is not one that is out for " + std::string(endpoint) +
                                     ": each counts once, for the endpoint that it was sent to"));
  }
  const WallTime issued_at = it->second.issued_at;
  nonces_.erase(it);
  // Also when the clock went back: a nonce from the future is not one of a moment ago.
  if (now - issued_at > limits::kNonceLifetime || now < issued_at) {
    return fail(refusal("nonce", "the answer to the nonce took longer than " +
                                     format_duration(limits::kNonceLifetime)));
  }
  return {};
}

Result<Claims> EvidenceHolder::accept(std::string_view endpoint, std::string_view nonce,
                                      std::string_view document, Expectations expected) {
  TRY_VOID(take_nonce(endpoint, nonce, expected.now));
  if (!expected.connection_key) {
    return fail(refusal("binding", "the evidence of " + std::string(endpoint) +
                                       " did not come over TLS, so nothing binds it to the "
                                       "connection"));
  }
  expected.nonce = nonce;
  auto claims = verify(document, expected);
  ++epoch_;
  auto it = held_.find(endpoint);
  if (!claims) {
    if (it != held_.end()) held_.erase(it);
    return claims;
  }
  if (it == held_.end()) {
    if (held_.size() >= held_max_) {
      return fail(Code::kResourceExhausted, "evidence is held of as many endpoints as can be (" +
                                                std::to_string(held_.size()) + ")");
    }
    it = held_.emplace(std::string(endpoint), Evidence()).first;
  }
  it->second.claims = *claims;
  it->second.connection_key = *expected.connection_key;
  it->second.verified_at = expected.now;
  return claims;
}

const Evidence* EvidenceHolder::find(std::string_view endpoint) const {
  auto it = held_.find(endpoint);
  return it == held_.end() ? nullptr : &it->second;
}

void EvidenceHolder::forget(std::string_view endpoint) {
  if (auto it = nonces_.find(endpoint); it != nonces_.end()) nonces_.erase(it);
  if (auto it = held_.find(endpoint); it != held_.end()) {
    held_.erase(it);
    ++epoch_;
  }
}

}  // namespace drover::attest
