#include "crypto/sha256.h"

#include <openssl/evp.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "crypto/sha256_plain.h"

namespace drover::crypto {
namespace {

const EVP_MD* algorithm() {
  static const EVP_MD* md = EVP_MD_fetch(nullptr, "SHA256", nullptr);  // lives with the process
  return md;
}

}  // namespace

std::string Digest::hex() const { return to_hex(view()); }

void Sha256::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  DROVER_ASSERT(context_ != nullptr);
  DROVER_ASSERT(EVP_DigestInit_ex2(context_.get(), algorithm(), nullptr) == 1);
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

Sha256& Sha256::update(std::string_view bytes) {
  DROVER_ASSERT(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
  return *this;
}

Digest Sha256::finish() {
  Digest out;
  DROVER_ASSERT(EVP_DigestFinal_ex(context_.get(), out.bytes.data(), nullptr) == 1);
  DROVER_ASSERT(EVP_DigestInit_ex2(context_.get(), nullptr, nullptr) == 1);
  return out;
}

Digest sha256(std::string_view bytes) { return PlainSha256().update(bytes).finish(); }

std::string sha256_hex(std::string_view bytes) { return sha256(bytes).hex(); }

}  // namespace drover::crypto
