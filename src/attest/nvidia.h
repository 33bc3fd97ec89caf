#pragma once
// NVIDIA remote attestation: the answer of NVIDIA's Remote Attestation Service (NRAS, version 3),
// a detached EAT bundle with detached submodule digests (RFC 9711, in NVIDIA's JSON form):
//
//   [["JWT", overall], {"GPU-0": device, …}]
//
// Each token is a JSON Web Token by ES384. The overall one says for the whole:
//   x-nvidia-overall-att-result: true, eat_nonce,
//   submods: {"GPU-0": ["DIGEST", ["SHA-256", hex SHA-256 of the device's token as it stands]], …}
// A device's says measres, secboot, dbgstat, hwmodel, ueid, versions and some twenty checks
// (docs.nvidia.com, Attestation, "GPU Claims" version 3.0).
//
// Checked, in this order: form; the names and digests of the device tokens are those that the
// overall token binds; signatures by the pinned issuer keys; for each token issuer, times (nbf,
// iat, exp) and age; the overall result; for each device debug mode, measurements, secure boot,
// every true-or-false claim true, every certificate chain valid and its OCSP status good, hardware
// and driver allowed; the nonce in each token (evidence.h says what it is when it binds a
// connection).
//
// What it proves: that a genuine GPU in confidential mode, with firmware and driver as NVIDIA
// published them, answered for this nonce. What software drives that GPU is for evidence of the
// machine's CPU to say.

#include <map>
#include <string>
#include <string_view>

#include "attest/evidence.h"

namespace drover::attest {

struct DetachedEat {
  crypto::Jwt overall;
  std::map<std::string, crypto::Jwt> devices;
  /// SHA-256 of each device's token, in hex.
  std::map<std::string, std::string> digests;
};

/// The form alone: nothing of it is to be believed yet.
Result<DetachedEat> parse_detached_eat(std::string_view json);
/// That the overall token binds exactly these device tokens; the reason is "digest".
Result<void> check_digests(const DetachedEat& eat);

Result<Claims> verify_nvidia(std::string_view document, const Expectations& expected);

}  // namespace drover::attest
