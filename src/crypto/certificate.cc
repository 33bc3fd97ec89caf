#include "crypto/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "base/assert.h"
#include "base/limits/crypto.h"

namespace drover::crypto {
namespace {

struct Free {
  void operator()(BIO* b) const { BIO_free(b); }
  void operator()(X509_STORE* s) const { X509_STORE_free(s); }
  void operator()(X509_STORE_CTX* c) const { X509_STORE_CTX_free(c); }
  void operator()(STACK_OF(X509) * s) const { sk_X509_free(s); }  // the certificates are others'
  void operator()(X509_EXTENSION* e) const { X509_EXTENSION_free(e); }
  void operator()(ASN1_TIME* t) const { ASN1_TIME_free(t); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

constexpr int kAuthLevel = 2;  // 112 bits: nothing signed with SHA-1, no curve below P-224

std::shared_ptr<X509> share(X509* certificate) { return {certificate, X509_free}; }

/// Seconds of the epoch; far in the future where the certificate says something unreadable.
WallTime wall(const ASN1_TIME* time) {
  tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return WallTime::max();
  const int64_t seconds = timegm(&parts);
  // "99991231235959Z" (RFC 5280: no well-defined end) lies beyond what WallTime can say.
  if (seconds > WallTime::max().time_since_epoch().count() / 1'000'000'000) return WallTime::max();
  return wall_from_unix_nanos(seconds * 1'000'000'000);
}

std::string common_name_of(const X509* certificate) {
  char name[256] = {};
  const int length = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName,
                                               name, sizeof name);
  ERR_clear_error();
  return length <= 0 ? "(no name)" : std::string(name, static_cast<size_t>(length));
}

Failure refuse(const char* reason, std::string message) {
  return fail(Error(Code::kPermissionDenied, std::move(message)).with_reason(reason));
}

void extend(X509* certificate, int nid, const std::string& value) {
  Owned<X509_EXTENSION> extension(X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str()));
  DROVER_ASSERT(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1);
}

}  // namespace

Result<Certificate> Certificate::from_der(std::string_view der) {
  if (der.size() > limits::kCertificateBytesMax) {
    return fail(Code::kInvalidArgument, "a certificate of " + std::to_string(der.size()) +
                                            " bytes is larger than any should be");
  }
  const auto* begin = reinterpret_cast<const unsigned char*>(der.data());
  const unsigned char* at = begin;
  auto certificate = share(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  ERR_clear_error();
  if (certificate == nullptr || at != begin + der.size()) {
    return fail(Code::kInvalidArgument, "not a DER certificate");
  }
  return Certificate(std::move(certificate));
}

Result<Certificate> Certificate::from_pem(std::string_view pem) {
  Owned<BIO> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  DROVER_ASSERT(bio != nullptr);
  auto certificate = share(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (certificate == nullptr) return fail(Code::kInvalidArgument, "no PEM certificate in it");
  return Certificate(std::move(certificate));
}

std::string Certificate::der() const {
  unsigned char* bytes = nullptr;
  const int length = i2d_X509(certificate_.get(), &bytes);
  DROVER_ASSERT(length > 0);
  std::string out(reinterpret_cast<char*>(bytes), static_cast<size_t>(length));
  OPENSSL_free(bytes);
  return out;
}

std::string Certificate::pem() const {
  Owned<BIO> bio(BIO_new(BIO_s_mem()));
  DROVER_ASSERT(bio != nullptr && PEM_write_bio_X509(bio.get(), certificate_.get()) == 1);
  char* text = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<size_t>(length)};
}

Result<PublicKey> Certificate::public_key() const {
  std::shared_ptr<EVP_PKEY> key(X509_get_pubkey(certificate_.get()), EVP_PKEY_free);
  ERR_clear_error();
  return PublicKey::from_openssl(std::move(key));
}

Digest Certificate::public_key_fingerprint() const {
  unsigned char* bytes = nullptr;
  const int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate_.get()), &bytes);
  DROVER_ASSERT(length > 0);
  const Digest out = sha256({reinterpret_cast<char*>(bytes), static_cast<size_t>(length)});
  OPENSSL_free(bytes);
  return out;
}

std::string Certificate::common_name() const { return common_name_of(certificate_.get()); }

WallTime Certificate::not_before() const { return wall(X509_get0_notBefore(certificate_.get())); }
WallTime Certificate::not_after() const { return wall(X509_get0_notAfter(certificate_.get())); }

bool Certificate::may_sign() const {
  return (X509_get_key_usage(certificate_.get()) & KU_DIGITAL_SIGNATURE) != 0;
}

Result<void> verify_chain(const Certificate& leaf, std::span<const Certificate> between,
                          const Certificate& root, WallTime at) {
  Owned<X509_STORE> store(X509_STORE_new());
  Owned<X509_STORE_CTX> context(X509_STORE_CTX_new());
  Owned<STACK_OF(X509)> untrusted(sk_X509_new_null());
  DROVER_ASSERT(store != nullptr && context != nullptr && untrusted != nullptr);
  DROVER_ASSERT(X509_STORE_add_cert(store.get(), root.openssl()) == 1);
  for (const Certificate& c : between) sk_X509_push(untrusted.get(), c.openssl());
  if (X509_STORE_CTX_init(context.get(), store.get(), leaf.openssl(), untrusted.get()) != 1) {
    ERR_clear_error();
    return refuse("chain", "the certificate chain cannot be checked");
  }
  X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(param, static_cast<time_t>(unix_seconds(at)));
  X509_VERIFY_PARAM_set_auth_level(param, kAuthLevel);
  X509_VERIFY_PARAM_set_depth(param, static_cast<int>(between.size()));
  X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_CHECK_SS_SIGNATURE);
  const bool good = X509_verify_cert(context.get()) == 1;
  const int error = X509_STORE_CTX_get_error(context.get());
  const X509* at_fault = X509_STORE_CTX_get_current_cert(context.get());
  ERR_clear_error();
  if (good && error == X509_V_OK) return {};
  if (at_fault == nullptr) at_fault = leaf.openssl();
  const std::string name = common_name_of(at_fault);
  const std::string when = format_rfc3339(at);
  if (error == X509_V_ERR_CERT_HAS_EXPIRED) {
    return refuse("expired", "the certificate of " + name + " has expired at " +
                                 format_rfc3339(wall(X509_get0_notAfter(at_fault))) + "; it is " +
                                 when);
  }
  if (error == X509_V_ERR_CERT_NOT_YET_VALID) {
    return refuse("not_yet_valid", "the certificate of " + name + " is valid from " +
                                       format_rfc3339(wall(X509_get0_notBefore(at_fault))) +
                                       ", which is after " + when);
  }
  return refuse("chain", "the certificate of " + name + " does not chain to the pinned root: " +
                             X509_verify_cert_error_string(error));
}

Certificate issue_certificate(const CertificateOptions& options, const PublicKey& subject,
                              const Certificate* issuer, const SigningKey& issuer_key) {
  auto certificate = share(X509_new());
  X509* c = certificate.get();
  DROVER_ASSERT(c != nullptr && X509_set_version(c, X509_VERSION_3) == 1);
  // Unique enough for an issuer whose certificates live for a test or a demo: by key.
  const Digest serial = subject.fingerprint();
  uint64_t number = 0;
  for (size_t i = 0; i < 7; ++i) number = number << 8 | serial.bytes[i];
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(c), number);
  ASN1_TIME_set(X509_getm_notBefore(c), static_cast<time_t>(unix_seconds(options.not_before)));
  ASN1_TIME_set(X509_getm_notAfter(c), static_cast<time_t>(unix_seconds(options.not_after)));
  DROVER_ASSERT(X509_set_pubkey(c, subject.openssl()) == 1);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(c), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(options.common_name.data()),
                             static_cast<int>(options.common_name.size()), -1, 0);
  X509_set_issuer_name(c, X509_get_subject_name(issuer == nullptr ? c : issuer->openssl()));
  if (options.authority) {
    std::string constraints = "critical,CA:TRUE";
    if (options.path_length >= 0) constraints += ",pathlen:" + std::to_string(options.path_length);
    extend(c, NID_basic_constraints, constraints);
    extend(c, NID_key_usage, "critical,digitalSignature,keyCertSign,cRLSign");
  } else {
    extend(c, NID_basic_constraints, "critical,CA:FALSE");
    extend(c, NID_key_usage, "digitalSignature");
  }
  if (!options.alternative_names.empty()) {
    extend(c, NID_subject_alt_name, options.alternative_names);
  }
  const EVP_MD* digest =
      issuer_key.algorithm() == SignatureAlgorithm::kEs384 ? EVP_sha384() : EVP_sha256();
  DROVER_ASSERT(X509_sign(c, issuer_key.openssl(), digest) > 0);
  return Certificate(std::move(certificate));
}

}  // namespace drover::crypto
