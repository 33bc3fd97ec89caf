#pragma once
// HMAC-SHA256 (RFC 2104, FIPS 198-1) over crypto/sha256.h: one call, or in pieces. OpenSSL's own
// HMAC makes and frees so much for each key that a small message takes it twice as long.
//
// Ownership, threads and failure as in crypto/sha256.h. A key of any length is allowed, also an
// empty one; our copy of it is wiped when the object goes.
// Compare results with equal_constant_time (base/bytes.h) where an adversary could measure.

#include <array>
#include <string_view>

#include "crypto/sha256.h"

namespace drover::crypto {

/// The key as the hash takes it: filled up with zeros to one block.
using HmacBlock = std::array<unsigned char, 64>;

Digest hmac_sha256(std::string_view key, std::string_view message);

/// A message in pieces under one key. finish() also readies the object for the next message.
class HmacSha256 {
 public:
  explicit HmacSha256(std::string_view key);
  ~HmacSha256();
  HmacSha256(HmacSha256&&) noexcept = default;
  HmacSha256& operator=(HmacSha256&&) noexcept = default;

  HmacSha256& update(std::string_view bytes);
  Digest finish();

 private:
  HmacBlock block_;
  Sha256 hash_;
};

}  // namespace drover::crypto
