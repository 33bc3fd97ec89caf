#include "app/evidence_trust.h"

#include "base/bytes.h"
#include "crypto/certificate.h"
#include "crypto/hash_chain.h"

namespace drover::app {
namespace {

constexpr size_t kDigestHexDigits = 64;

Result<crypto::Certificate> read_certificate(const std::string& path, const ReadFile& read_file) {
  TRY(std::string text, read_file(path));
  auto certificate = text.find("-----BEGIN") == text.npos ? crypto::Certificate::from_der(text)
                                                          : crypto::Certificate::from_pem(text);
  if (!certificate) {
    return fail(Code::kInvalidArgument, path + ": " + certificate.error().message);
  }
  return certificate;
}

bool is_digest(const std::string& text) {
  return text.size() == kDigestHexDigits && from_hex(text).has_value();
}

}  // namespace

Result<crypto::Digest> read_root(const std::string& text, const ReadFile& read_file) {
  if (is_digest(text)) return crypto::parse_digest(text);
  TRY(crypto::Certificate certificate, read_certificate(text, read_file));
  return certificate.fingerprint();
}

Result<crypto::Digest> read_connection_key(const std::string& text, const ReadFile& read_file) {
  if (is_digest(text)) return crypto::parse_digest(text);
  TRY(crypto::Certificate certificate, read_certificate(text, read_file));
  return certificate.public_key_fingerprint();
}

Result<void> add_pcr(std::string_view index, std::string_view hex, attest::Trust& trust) {
  const bool number =
      !index.empty() && index.size() <= 2 && index.find_first_not_of("0123456789") == index.npos;
  const int i = number ? std::stoi(std::string(index)) : -1;
  if (i < 0 || i > 31) {
    return fail(Code::kInvalidArgument, "there is no PCR '" + std::string(index) + "': 0 to 31");
  }
  auto value = from_hex(hex);
  if (!value || (value->size() != 32 && value->size() != 48 && value->size() != 64)) {
    return fail(Code::kInvalidArgument, "PCR" + std::to_string(i) +
                                            " has 96 hex digits (SHA-384), as `nitro-cli "
                                            "build-enclave` prints them");
  }
  trust.pcrs[i].push_back(std::move(*value));
  return {};
}

Result<void> add_pcr(std::string_view text, attest::Trust& trust) {
  const size_t equals = text.find('=');
  if (equals == text.npos) {
    return fail(Code::kInvalidArgument, "a PCR is written 0=HEX, not '" + std::string(text) + "'");
  }
  return add_pcr(text.substr(0, equals), text.substr(equals + 1), trust);
}

Result<crypto::JwkSet> read_issuer_keys(const std::string& path, const ReadFile& read_file) {
  TRY(std::string text, read_file(path));
  auto keys = crypto::JwkSet::parse(text);
  if (!keys) return fail(Code::kInvalidArgument, path + ": " + keys.error().message);
  if (keys->empty()) {
    return fail(Code::kInvalidArgument, path + ": it has no EC key of the curve P-256 or P-384");
  }
  return keys;
}

std::string evidence_document(attest::Kind kind, std::string text) {
  if (kind != attest::Kind::kAwsNitro) return text;
  // Base64 has none of the bytes that CBOR begins with; line ends may stand in and after it.
  std::string plain;
  for (char c : text) {
    if (c != '\n' && c != '\r') plain += c;
  }
  auto bytes = from_base64(plain);
  return bytes && !bytes->empty() ? std::move(*bytes) : std::move(text);
}

}  // namespace drover::app
