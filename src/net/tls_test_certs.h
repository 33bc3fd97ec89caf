#pragma once
// For tests only: a certificate authority of its own and leaves signed by it, as PEM files in a
// temporary folder that goes with the object.

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <filesystem>
#include <string>

#include "base/assert.h"

namespace drover::net {

class TestCerts {
 public:
  TestCerts() {
    std::string name = std::filesystem::temp_directory_path() / "drover-certs-XXXXXX";
    DROVER_ASSERT(mkdtemp(name.data()) != nullptr);
    folder_ = name;
    ca_key_ = EVP_EC_gen("P-256");
    ca_ = make("Test CA", ca_key_, -86'400, 86'400, "", nullptr, ca_key_);
    write_cert(ca_file(), ca_);
  }
  ~TestCerts() {
    X509_free(ca_);
    EVP_PKEY_free(ca_key_);
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  TestCerts(const TestCerts&) = delete;
  TestCerts& operator=(const TestCerts&) = delete;

  std::string ca_file() const { return folder_ / "ca.pem"; }
  std::string cert_file(const std::string& leaf) const { return folder_ / (leaf + ".pem"); }
  std::string key_file(const std::string& leaf) const { return folder_ / (leaf + ".key"); }

  /// `names` as OpenSSL writes them: "DNS:model.test,IP:127.0.0.1". Times are relative to now.
  void add(const std::string& leaf, const std::string& names, long from_s = -3'600,
           long until_s = 3'600) {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* cert = make(leaf, key, from_s, until_s, names, ca_, ca_key_);
    write_cert(cert_file(leaf), cert);
    FILE* file = std::fopen(key_file(leaf).c_str(), "w");
    DROVER_ASSERT(file != nullptr);
    PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
    X509_free(cert);
    EVP_PKEY_free(key);
  }

 private:
  static X509* make(const std::string& name, EVP_PKEY* key, long from_s, long until_s,
                    const std::string& names, X509* issuer, EVP_PKEY* issuer_key) {
    X509* cert = X509_new();
    X509_set_version(cert, 2);
    static long serial = 1;
    ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++);
    X509_gmtime_adj(X509_getm_notBefore(cert), from_s);
    X509_gmtime_adj(X509_getm_notAfter(cert), until_s);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(issuer == nullptr ? cert : issuer));
    if (issuer == nullptr) {
      extend(cert, NID_basic_constraints, "critical,CA:TRUE");
      extend(cert, NID_key_usage, "critical,keyCertSign,cRLSign");
    }
    if (!names.empty()) extend(cert, NID_subject_alt_name, names);
    DROVER_ASSERT(X509_sign(cert, issuer_key, EVP_sha256()) > 0);
    return cert;
  }

  static void extend(X509* cert, int nid, const std::string& value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
    DROVER_ASSERT(extension != nullptr);
    X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
  }

  static void write_cert(const std::string& path, X509* cert) {
    FILE* file = std::fopen(path.c_str(), "w");
    DROVER_ASSERT(file != nullptr);
    PEM_write_X509(file, cert);
    std::fclose(file);
  }

  std::filesystem::path folder_;
  EVP_PKEY* ca_key_;
  X509* ca_;
};

}  // namespace drover::net
