#pragma once
// For tests only: documents made by issuers of our own, what is expected of them, and the real
// documents that lie beside the repository (absent: the test skips).

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "attest/evidence.h"
#include "base/bytes.h"
#include "sim/attester.h"

namespace drover::attest {

inline const WallTime kNow = wall_from_unix_millis(1'790'000'000'000);
inline const std::string kNonce = std::string(31, 'n') + '\x80';
inline const crypto::Digest kKey = crypto::sha256("the connection's SubjectPublicKeyInfo");
inline const std::string kPcr0 = std::string(48, '\x11');

inline std::string document_path(const std::string& name) {
  const char* elsewhere = std::getenv("DROVER_SHARED");
  std::string path =
      elsewhere != nullptr ? std::string(elsewhere) + "/data" : DROVER_SOURCE_DIR "/../shared/data";
  return path + "/attestation/" + name;
}

/// The file's text; empty if there is none.
inline std::string read_document(const std::string& name) {
  std::ifstream file(document_path(name));
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

inline const sim::NitroIssuer& nitro() {
  static SeededRandom random(1);
  static const sim::NitroIssuer issuer(random, kNow - 24h);
  return issuer;
}

inline sim::NitroFields nitro_fields() {
  sim::NitroFields out;
  out.timestamp = kNow - 5s;
  for (int i = 0; i <= 4; ++i) out.pcrs[i] = std::string(48, static_cast<char>(0x11 * (i + 1)));
  out.pcrs[15] = std::string(48, '\0');
  out.nonce = kNonce;
  out.user_data = std::string(kKey.view());
  return out;
}

inline Expectations nitro_expected() {
  Expectations out;
  out.kind = Kind::kAwsNitro;
  out.now = kNow;
  out.nonce = kNonce;
  out.connection_key = kKey;
  out.trust.roots = {nitro().root().fingerprint()};
  out.trust.pcrs[0] = {kPcr0};
  return out;
}

inline const sim::NvidiaIssuer& nvidia() {
  static SeededRandom random(2);
  static const sim::NvidiaIssuer issuer(random);
  return issuer;
}

inline sim::NvidiaFields nvidia_fields() {
  sim::NvidiaFields out;
  out.nonce = bound_nonce(kNonce, kKey).view();
  out.issued_at = kNow - 5s;
  return out;
}

inline Expectations nvidia_expected() {
  Expectations out;
  out.kind = Kind::kNvidiaCc;
  out.now = kNow;
  out.nonce = kNonce;
  out.connection_key = kKey;
  out.trust.issuer = nvidia().issuer();
  out.trust.issuer_keys = nvidia().keys();
  return out;
}

/// "good", or the reason.
inline std::string outcome(std::string_view document, const Expectations& expected) {
  auto claims = verify(document, expected);
  return claims ? "good" : claims.error().reason;
}

}  // namespace drover::attest
