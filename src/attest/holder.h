#pragma once
// What is held of each endpoint's evidence, and the nonces that keep it fresh.
//
//   std::string nonce = holder.issue_nonce(endpoint, now);      // goes out with the request
//   auto claims = holder.accept(endpoint, nonce, document, expected);
//   if (why_not(holder.find(endpoint), requirement, at).empty()) …  // fresh
//
// A nonce is issued by us, for one endpoint, counts once and for limits::kNonceLifetime; an answer
// takes it away whether it is good or not. Only evidence for such a nonce and bound to the key of
// the connection that brought it is held, so that a document recorded elsewhere or earlier proves
// nothing here. A document that is refused also takes away what was held: an endpoint that fails
// its check is not trusted on an older one. That a fetch failed takes nothing away; time does.
//
// The question that placement asks is pure: why_not() of what is held, a requirement and a time. No
// fresh evidence means that for such a step the endpoint does not exist. `epoch` changes whenever
// an answer may have changed for another reason than time.
//
// Owner: the process, one. Loop thread only. Limits: base/limits/attest.h. Failure: accept()
// answers verify()'s errors, "nonce" for one that is not out, and resource_exhausted when the
// holder is full.

#include <map>
#include <string>
#include <string_view>

#include "attest/evidence.h"
#include "base/random.h"

namespace drover::attest {

/// Verified evidence of one endpoint.
struct Evidence {
  Claims claims;
  /// Calls that need the evidence must speak to the holder of this key (SHA-256 of its
  /// SubjectPublicKeyInfo).
  crypto::Digest connection_key;
  WallTime verified_at;
};

/// What a rule asks of an endpoint.
struct Requirement {
  Kind kind = Kind::kAwsNitro;
  Duration max_age = limits::kEvidenceAgeMax;
};

/// Empty if the evidence (null: there is none) satisfies the requirement at that time; else the
/// reason, as a person reads it: "no evidence", "its evidence is 2 h old, at most 10 min are
/// allowed".
std::string why_not(const Evidence* held, const Requirement& requirement, WallTime at);

class EvidenceHolder {
 public:
  /// `random` is the kernel's, except in simulations; it must outlive the holder.
  explicit EvidenceHolder(Random& random, size_t held_max = limits::kEvidenceHeldMax)
      : random_(random), held_max_(held_max) {}

  /// 32 fresh bytes; they replace a nonce that is still out for that endpoint.
  std::string issue_nonce(std::string_view endpoint, WallTime now);

  /// Verifies a document that came in answer to `nonce`; `expected` must name the connection's key.
  /// Its nonce is set here.
  Result<Claims> accept(std::string_view endpoint, std::string_view nonce,
                        std::string_view document, Expectations expected);

  /// What is held of an endpoint, fresh or not; null if nothing is. Valid until the next change.
  const Evidence* find(std::string_view endpoint) const;
  /// Drops what is held (and what is out) of an endpoint that left the catalog.
  void forget(std::string_view endpoint);

  uint64_t epoch() const { return epoch_; }
  size_t size() const { return held_.size(); }
  size_t nonces_out() const { return nonces_.size(); }

 private:
  struct Nonce {
    std::string bytes;
    WallTime issued_at;
  };
  Result<void> take_nonce(std::string_view endpoint, std::string_view nonce, WallTime now);
  void make_room_for_nonce();

  Random& random_;
  size_t held_max_;
  std::map<std::string, Nonce, std::less<>> nonces_;  // by endpoint
  std::map<std::string, Evidence, std::less<>> held_;
  uint64_t epoch_ = 0;
};

}  // namespace drover::attest
