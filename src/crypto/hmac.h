#pragma once
// HMAC-SHA256 (RFC 2104, FIPS 198-1) by OpenSSL 3: one call, or in pieces.
//
// Ownership, threads and failure as in crypto/sha256.h. A key of any length is allowed, also an
// empty one; OpenSSL keeps its own copy of the key while the object lives and wipes it.
// Compare results with equal_constant_time (base/bytes.h) where an adversary could measure.

#include <memory>
#include <string_view>

#include "crypto/sha256.h"

struct evp_mac_ctx_st;

namespace drover::crypto {

Digest hmac_sha256(std::string_view key, std::string_view message);

/// A message in pieces under one key. finish() also readies the object for the next message.
class HmacSha256 {
 public:
  explicit HmacSha256(std::string_view key);
  ~HmacSha256();
  HmacSha256(HmacSha256&&) noexcept;
  HmacSha256& operator=(HmacSha256&&) noexcept;

  HmacSha256& update(std::string_view bytes);
  Digest finish();

 private:
  struct Free {
    void operator()(evp_mac_ctx_st* context) const;
  };
  std::unique_ptr<evp_mac_ctx_st, Free> context_;
};

}  // namespace drover::crypto
