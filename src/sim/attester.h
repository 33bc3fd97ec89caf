#pragma once
// Issuers of attestation evidence with roots of their own: what the Nitro hypervisor, and NVIDIA's
// Remote Attestation Service, would sign. Formats as in attest/nitro.h and attest/nvidia.h, written
// anew here, so that a fault in the verifier cannot hide behind the same fault in the issuer.
//
// Header only: the tests of src/attest make their documents with it and link nothing above their
// layer. Ownership: values. Threads: any. The keys come from `random`: the same seed, the same
// keys.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/json.h"
#include "base/random.h"
#include "base/time.h"
#include "crypto/cbor.h"
#include "crypto/certificate.h"
#include "crypto/cose.h"
#include "crypto/jwt.h"

namespace drover::sim {

/// What an enclave's document shall say.
struct NitroFields {
  std::string module_id = "i-0123456789abcdef0-enc0123456789abcdef";
  WallTime timestamp;
  std::map<int, std::string> pcrs;
  std::optional<std::string> public_key;
  std::optional<std::string> user_data;
  std::optional<std::string> nonce;
};

/// A root, an authority below it, and the key of one enclave's documents.
class NitroIssuer {
 public:
  NitroIssuer(Random& random, WallTime from)
      : root_key_(make_key(random)),
        zone_key_(make_key(random)),
        leaf_key_(make_key(random)),
        root_(issue("sim.nitro-enclaves", from, 20 * 365 * 24h, 2, root_key_, nullptr, root_key_)),
        zone_(issue("zone.sim.nitro-enclaves", from, 365 * 24h, 0, zone_key_, &root_, root_key_)) {}

  const crypto::Certificate& root() const { return root_; }
  const crypto::Certificate& zone() const { return zone_; }
  const crypto::SigningKey& zone_key() const { return zone_key_; }
  const crypto::SigningKey& leaf_key() const { return leaf_key_; }

  /// A certificate for the documents' key that lives three hours, as AWS's do.
  crypto::Certificate leaf(WallTime timestamp) const {
    return issue("enclave.sim", timestamp - 60s, 3h, -1, leaf_key_, &zone_, zone_key_);
  }

  static std::string payload(const NitroFields& f, const crypto::Certificate& leaf,
                             const std::vector<crypto::Certificate>& bundle) {
    crypto::CborWriter out;
    out.map(9).text("module_id").text(f.module_id).text("digest").text("SHA384");
    out.text("timestamp").integer(unix_millis(f.timestamp));
    out.text("pcrs").map(f.pcrs.size());
    for (const auto& [index, value] : f.pcrs) out.integer(index).bytes(value);
    out.text("certificate").bytes(leaf.der()).text("cabundle").array(bundle.size());
    for (const crypto::Certificate& c : bundle) out.bytes(c.der());
    optional(out.text("public_key"), f.public_key);
    optional(out.text("user_data"), f.user_data);
    optional(out.text("nonce"), f.nonce);
    return out.out();
  }

  /// The whole document.
  std::string document(const NitroFields& fields) const {
    return crypto::make_cose_sign1(payload(fields, leaf(fields.timestamp), {root_, zone_}),
                                   leaf_key_);
  }

  /// An authority if path_length >= 0.
  static crypto::Certificate issue(const std::string& name, WallTime from, Duration lifetime,
                                   int path_length, const crypto::SigningKey& key,
                                   const crypto::Certificate* issuer,
                                   const crypto::SigningKey& issuer_key) {
    crypto::CertificateOptions options;
    options.common_name = name;
    options.not_before = from;
    options.not_after = from + lifetime;
    options.authority = path_length >= 0;
    options.path_length = path_length;
    return crypto::issue_certificate(options, key.public_key(), issuer, issuer_key);
  }

  static crypto::SigningKey make_key(Random& random) {
    return crypto::SigningKey::generate(crypto::SignatureAlgorithm::kEs384, random);
  }

 private:
  static void optional(crypto::CborWriter& out, const std::optional<std::string>& value) {
    if (value) {
      out.bytes(*value);
    } else {
      out.null();
    }
  }

  crypto::SigningKey root_key_;
  crypto::SigningKey zone_key_;
  crypto::SigningKey leaf_key_;
  crypto::Certificate root_;
  crypto::Certificate zone_;
};

/// What the service's answer shall say.
struct NvidiaFields {
  std::string nonce;  // raw
  WallTime issued_at;
  Duration lifetime = 1h;
  std::vector<std::string> devices = {"GPU-0"};
  /// Set over the claims of every device, and of the overall token.
  Json device_claims = Json::object();
  Json overall_claims = Json::object();
};

class NvidiaIssuer {
 public:
  explicit NvidiaIssuer(Random& random, std::string issuer = "https://nras.sim")
      : issuer_(std::move(issuer)), key_(NitroIssuer::make_key(random)) {}

  const std::string& issuer() const { return issuer_; }
  const crypto::SigningKey& key() const { return key_; }
  static constexpr std::string_view kKeyId = "sim-eat-key-1";
  crypto::JwkSet keys() const {
    crypto::JwkSet out;
    out.add(std::string(kKeyId), key_.public_key());
    return out;
  }

  Json device_claims(const NvidiaFields& f) const {
    constexpr const char* kChecks[] = {
        "x-nvidia-gpu-arch-check",
        "x-nvidia-gpu-attestation-report-parsed",
        "x-nvidia-gpu-attestation-report-nonce-match",
        "x-nvidia-gpu-attestation-report-signature-verified",
        "x-nvidia-gpu-driver-rim-fetched",
        "x-nvidia-gpu-driver-rim-signature-verified",
        "x-nvidia-gpu-vbios-rim-fetched",
        "x-nvidia-gpu-vbios-rim-signature-verified",
    };
    Json out = common_claims(f);
    out.set("hwmodel", "GH100 A01 GSP BROM").set("ueid", "478176379286082186618948445787");
    out.set("measres", "success").set("secboot", true).set("dbgstat", "disabled");
    out.set("x-nvidia-gpu-driver-version", "550.90.07");
    out.set("x-nvidia-gpu-vbios-version", "96.00.9F.00.01");
    for (const char* check : kChecks) out.set(check, true);
    Json chain = Json::object();
    chain.set("x-nvidia-cert-status", "valid").set("x-nvidia-cert-ocsp-status", "good");
    out.set("x-nvidia-gpu-attestation-report-cert-chain", std::move(chain));
    return with(std::move(out), f.device_claims);
  }

  /// Overall claims that bind these tokens (name, token).
  Json overall_claims(const NvidiaFields& f,
                      const std::vector<std::pair<std::string, std::string>>& devices) const {
    Json submods = Json::object();
    for (const auto& [name, token] : devices) {
      Json digest = Json::array();
      digest.push("SHA-256");
      digest.push(crypto::sha256_hex(token));
      Json submod = Json::array();
      submod.push("DIGEST");
      submod.push(std::move(digest));
      submods.set(name, std::move(submod));
    }
    Json out = common_claims(f);
    out.set("sub", "NVIDIA-PLATFORM-ATTESTATION").set("x-nvidia-ver", "3.0");
    out.set("x-nvidia-overall-att-result", true).set("submods", std::move(submods));
    return with(std::move(out), f.overall_claims);
  }

  static std::string bundle(const std::string& overall,
                            const std::vector<std::pair<std::string, std::string>>& devices) {
    Json first = Json::array();
    first.push("JWT");
    first.push(overall);
    Json second = Json::object();
    for (const auto& [name, token] : devices) second.set(name, token);
    Json out = Json::array();
    out.push(std::move(first));
    out.push(std::move(second));
    return out.dump();
  }

  std::string sign(const Json& claims) const { return crypto::make_jwt(claims, key_, kKeyId); }

  /// The whole document.
  std::string document(const NvidiaFields& f) const {
    std::vector<std::pair<std::string, std::string>> devices;
    for (const std::string& name : f.devices) devices.emplace_back(name, sign(device_claims(f)));
    return bundle(sign(overall_claims(f, devices)), devices);
  }

 private:
  Json common_claims(const NvidiaFields& f) const {
    Json out = Json::object();
    out.set("iss", issuer_).set("eat_nonce", to_hex(f.nonce));
    out.set("iat", unix_seconds(f.issued_at)).set("nbf", unix_seconds(f.issued_at));
    out.set("exp", unix_seconds(f.issued_at + f.lifetime));
    return out;
  }
  static Json with(Json claims, const Json& over) {
    for (const auto& [name, value] : *over.members()) claims.set(name, value);
    return claims;
  }

  std::string issuer_;
  crypto::SigningKey key_;
};

}  // namespace drover::sim
