#include "crypto/hmac.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "base/assert.h"

namespace drover::crypto {
namespace {

EVP_MAC_CTX* new_context() {
  // A context with the digest already chosen is made once and copied: fetching and choosing cost
  // several times as much as the HMAC of a small message.
  static EVP_MAC_CTX* prototype = [] {
    EVP_MAC* mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    DROVER_ASSERT(mac != nullptr);
    EVP_MAC_CTX* context = EVP_MAC_CTX_new(mac);
    DROVER_ASSERT(context != nullptr);
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                           OSSL_PARAM_construct_end()};
    DROVER_ASSERT(EVP_MAC_CTX_set_params(context, params) == 1);
    return context;
  }();
  return EVP_MAC_CTX_dup(prototype);
}

void start(EVP_MAC_CTX* context, std::string_view key) {
  // A null key would mean "the key of before"; an empty key is a key of no bytes.
  static const unsigned char none = 0;
  const auto* bytes = key.empty() ? &none : reinterpret_cast<const unsigned char*>(key.data());
  DROVER_ASSERT(EVP_MAC_init(context, bytes, key.size(), nullptr) == 1);
}

}  // namespace

void HmacSha256::Free::operator()(evp_mac_ctx_st* context) const { EVP_MAC_CTX_free(context); }

HmacSha256::HmacSha256(std::string_view key) : context_(new_context()) {
  DROVER_ASSERT(context_ != nullptr);
  start(context_.get(), key);
}
HmacSha256::~HmacSha256() = default;
HmacSha256::HmacSha256(HmacSha256&&) noexcept = default;
HmacSha256& HmacSha256::operator=(HmacSha256&&) noexcept = default;

HmacSha256& HmacSha256::update(std::string_view bytes) {
  DROVER_ASSERT(EVP_MAC_update(context_.get(), reinterpret_cast<const unsigned char*>(bytes.data()),
                               bytes.size()) == 1);
  return *this;
}

Digest HmacSha256::finish() {
  Digest out;
  size_t size = 0;
  DROVER_ASSERT(EVP_MAC_final(context_.get(), out.bytes.data(), &size, out.bytes.size()) == 1);
  DROVER_ASSERT(size == out.bytes.size());
  DROVER_ASSERT(EVP_MAC_init(context_.get(), nullptr, 0, nullptr) == 1);
  return out;
}

Digest hmac_sha256(std::string_view key, std::string_view message) {
  return HmacSha256(key).update(message).finish();
}

}  // namespace drover::crypto
