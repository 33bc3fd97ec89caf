#include "attest/nitro.h"

#include <algorithm>

#include "base/bytes.h"
#include "crypto/cbor.h"
#include "crypto/certificate.h"
#include "crypto/cose.h"

namespace drover::attest {
namespace {

using crypto::CborValue;
using BytesKind = CborValue::Kind;

// What the format allows (attestation_process.md, 3.2.2.2).
constexpr size_t kCertificateBytes = 1'024;
constexpr size_t kFreeBytes = 1'024;
constexpr int64_t kPcrs = 32;
/// Milliseconds that a WallTime can hold.
constexpr uint64_t kMillisMax = 9'000'000'000'000;

Failure not_nitro(std::string what) {
  return fail(Error(Code::kInvalidArgument, "not a Nitro document: " + std::move(what))
                  .with_reason("format"));
}

Result<std::string_view> bytes_of(const CborValue* value, std::string_view name, size_t least,
                                  size_t most) {
  if (value == nullptr || !value->is(BytesKind::kBytes) || value->text.size() < least ||
      value->text.size() > most) {
    return not_nitro(std::string(name) + " is not a byte string of " + std::to_string(least) +
                     " to " + std::to_string(most) + " bytes");
  }
  return value->text;
}

Result<std::optional<std::string_view>> optional_bytes(const CborValue& map,
                                                       std::string_view name) {
  const CborValue* value = map.find(name);
  if (value == nullptr || value->is(BytesKind::kNull)) return std::optional<std::string_view>();
  TRY(std::string_view bytes, bytes_of(value, name, 0, kFreeBytes));
  return std::optional(bytes);
}

Result<std::map<int, std::string_view>> read_pcrs(const CborValue* map) {
  if (map == nullptr || !map->is(BytesKind::kMap) || map->items.empty()) {
    return not_nitro("pcrs is not a map with something in it");
  }
  std::map<int, std::string_view> out;
  for (size_t i = 0; i + 1 < map->items.size(); i += 2) {
    int64_t index = -1;
    if (!map->items[i].integer(index) || index < 0 || index >= kPcrs) {
      return not_nitro("pcrs has a register that is not 0 to 31");
    }
    const std::string name = "pcrs[" + std::to_string(index) + "]";
    TRY(std::string_view value, bytes_of(&map->items[i + 1], name, 32, 64));
    if (value.size() % 16 != 0) return not_nitro(name + " is not 32, 48 or 64 bytes long");
    out.emplace(static_cast<int>(index), value);
  }
  return out;
}

/// The certificates of a document, read.
struct Chain {
  std::vector<crypto::Certificate> between;
  std::optional<crypto::Certificate> root;
  std::optional<crypto::Certificate> leaf;
};

Result<crypto::Certificate> read_certificate(std::string_view der, const std::string& name) {
  auto certificate = crypto::Certificate::from_der(der);
  if (!certificate) return not_nitro(name + ": " + certificate.error().message);
  return certificate;
}

Result<Chain> read_chain(const NitroDocument& document) {
  Chain out;
  TRY(out.leaf, read_certificate(document.certificate, "certificate"));
  TRY(out.root, read_certificate(document.bundle.front(), "cabundle[0]"));
  for (size_t i = 1; i < document.bundle.size(); ++i) {
    const std::string name = "cabundle[" + std::to_string(i) + "]";
    TRY(crypto::Certificate certificate, read_certificate(document.bundle[i], name));
    out.between.push_back(std::move(certificate));
  }
  return out;
}

Result<void> check_root(std::string_view root, const Trust& trust) {
  const std::string found = crypto::sha256(root).hex();
  if (trust.roots.empty() && found == kAwsNitroRootSha256) return {};
  for (const crypto::Digest& pinned : trust.roots) {
    if (pinned.hex() == found) return {};
  }
  return fail(refusal(
      "root", "the document's root certificate (SHA-256 " + found + ") is not one that is pinned"));
}

Result<void> check_signature(const crypto::CoseSign1& message, const Chain& chain, WallTime now) {
  if (!chain.leaf->may_sign()) {
    return fail(refusal("chain", "the certificate of " + chain.leaf->common_name() +
                                     " is not for signing documents"));
  }
  TRY(crypto::PublicKey key, chain.leaf->public_key());
  if (key.algorithm() != crypto::SignatureAlgorithm::kEs384) {
    return fail(refusal("algorithm", "the certificate's key is not for ES384"));
  }
  TRY_VOID(crypto::verify_cose_sign1(message, key));
  return crypto::verify_chain(*chain.leaf, chain.between, *chain.root, now);
}

bool all_zero(std::string_view bytes) { return bytes.find_first_not_of('\0') == bytes.npos; }

/// Debug enclaves report zeros for what they run (AWS, "Nitro Enclaves: debug mode").
Result<bool> is_debug(const NitroDocument& document) {
  bool debug = false;
  for (int i = 0; i <= 2; ++i) {
    auto it = document.pcrs.find(i);
    if (it == document.pcrs.end()) {
      return not_nitro("pcrs lacks register " + std::to_string(i));
    }
    debug = debug || all_zero(it->second);
  }
  return debug;
}

Result<void> check_pcrs(const NitroDocument& document, const Trust& trust) {
  if (trust.any_measurement) return {};
  if (trust.pcrs.empty()) {
    return fail(refusal("measurement", "no PCR is pinned, so any enclave would do; this one has " +
                                           std::string("PCR0 ") + to_hex(document.pcrs.at(0))));
  }
  for (const auto& [index, allowed] : trust.pcrs) {
    auto it = document.pcrs.find(index);
    if (it == document.pcrs.end()) {
      return fail(refusal("measurement", "the document does not have PCR" + std::to_string(index)));
    }
    if (std::find(allowed.begin(), allowed.end(), it->second) == allowed.end()) {
      return fail(refusal("measurement", "PCR" + std::to_string(index) + " is " +
                                             to_hex(it->second) + ", which is not allowed"));
    }
  }
  return {};
}

Result<void> check_binding(const NitroDocument& document, const Expectations& expected) {
  if (expected.nonce &&
      (!document.nonce || !equal_constant_time(*document.nonce, *expected.nonce))) {
    return fail(refusal("nonce", document.nonce ? "the document was made for another nonce"
                                                : "the document has no nonce"));
  }
  if (!expected.connection_key) return {};
  const std::string_view key = expected.connection_key->view();
  const bool by_data = document.user_data && equal_constant_time(*document.user_data, key);
  const bool by_key =
      document.public_key && equal_constant_time(crypto::sha256(*document.public_key).view(), key);
  if (!by_data && !by_key) {
    return fail(
        refusal("binding", "neither user_data nor public_key names the connection's key (SHA-256 " +
                               expected.connection_key->hex() + ")"));
  }
  return {};
}

}  // namespace

Result<NitroDocument> parse_nitro_payload(std::string_view payload) {
  auto parsed = crypto::parse_cbor(payload);
  if (!parsed) return not_nitro("its payload: " + parsed.error().message);
  const CborValue& map = *parsed;
  if (!map.is(BytesKind::kMap)) return not_nitro("its payload is not a map");
  NitroDocument out;
  const CborValue* module = map.find("module_id");
  if (module == nullptr || !module->is(BytesKind::kText) || module->text.empty()) {
    return not_nitro("module_id is not a text");
  }
  out.module_id = module->text;
  const CborValue* digest = map.find("digest");
  if (digest == nullptr || !digest->is(BytesKind::kText) || digest->text != "SHA384") {
    return not_nitro("digest is not \"SHA384\"");
  }
  const CborValue* time = map.find("timestamp");
  if (time == nullptr || !time->is(BytesKind::kUnsigned) || time->number == 0 ||
      time->number > kMillisMax) {
    return not_nitro("timestamp is not a time in milliseconds");
  }
  out.timestamp = wall_from_unix_millis(static_cast<int64_t>(time->number));
  TRY(out.pcrs, read_pcrs(map.find("pcrs")));
  TRY(out.certificate, bytes_of(map.find("certificate"), "certificate", 1, kCertificateBytes));
  const CborValue* bundle = map.find("cabundle");
  if (bundle == nullptr || !bundle->is(BytesKind::kArray) || bundle->items.empty() ||
      bundle->items.size() > limits::kEvidenceCertificatesMax) {
    return not_nitro("cabundle is not a list of 1 to " +
                     std::to_string(limits::kEvidenceCertificatesMax) + " certificates");
  }
  for (const CborValue& item : bundle->items) {
    TRY(std::string_view der, bytes_of(&item, "a certificate of cabundle", 1, kCertificateBytes));
    out.bundle.push_back(der);
  }
  TRY(out.public_key, optional_bytes(map, "public_key"));
  TRY(out.user_data, optional_bytes(map, "user_data"));
  TRY(out.nonce, optional_bytes(map, "nonce"));
  return out;
}

Result<Claims> verify_nitro(std::string_view bytes, const Expectations& expected) {
  TRY(crypto::CoseSign1 message, crypto::parse_cose_sign1(bytes));
  TRY(NitroDocument document, parse_nitro_payload(message.payload));
  TRY(Chain chain, read_chain(document));
  TRY_VOID(check_root(document.bundle.front(), expected.trust));
  TRY_VOID(check_signature(message, chain, expected.now));
  TRY_VOID(check_age(document.timestamp, expected));
  TRY(bool debug, is_debug(document));
  if (debug && !expected.trust.allow_debug) {
    return fail(refusal("debug",
                        "the enclave runs in debug mode (its first PCRs are zero): its "
                        "memory can be read from outside"));
  }
  TRY_VOID(check_pcrs(document, expected.trust));
  TRY_VOID(check_binding(document, expected));
  Claims out;
  out.subject = document.module_id;
  out.issued_at = document.timestamp;
  out.expires_at = chain.leaf->not_after();
  for (const auto& c : chain.between) out.expires_at = std::min(out.expires_at, c.not_after());
  out.debug = debug;
  out.for_nonce = expected.nonce.has_value();
  out.bound = expected.connection_key.has_value();
  out.facts.emplace_back("root", chain.root->common_name());
  for (const auto& [index, value] : document.pcrs) {
    // Registers that were never written are zero; only the first ones say something by it.
    if (index <= 2 || !all_zero(value)) {
      out.facts.emplace_back("pcr" + std::to_string(index), to_hex(value));
    }
  }
  return out;
}

}  // namespace drover::attest
