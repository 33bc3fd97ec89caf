#pragma once
// Private to this folder: SHA-256 on the stack, by OpenSSL's functions for it alone. Its general
// ones look up, reset and wipe so much for each message that one of a few hundred bytes takes them
// half as long again. The pieces of a message are put together here with its end (FIPS 180-4,
// section 5.1.1), so that such a message is one call. What was gathered is wiped: it may be the key
// of an HMAC.

#include <openssl/sha.h>

#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/assert.h"
#include "crypto/sha256.h"

namespace drover::crypto {

// Marked as deprecated since 3.0 in favour of the general ones, and the only ones this lean.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

class PlainSha256 {
 public:
  PlainSha256() { DROVER_ASSERT(SHA256_Init(&state_) == 1); }
  PlainSha256(const PlainSha256&) = delete;
  PlainSha256& operator=(const PlainSha256&) = delete;

  PlainSha256& update(std::string_view bytes) {
    if (bytes.size() > kGatheredMax - gathered_) bytes = hash_blocks_of(bytes);
    if (!bytes.empty()) std::memcpy(gather_ + gathered_, bytes.data(), bytes.size());
    gathered_ += bytes.size();
    return *this;
  }

  /// Once.
  Digest finish() {
    const uint64_t bits = (hashed_ + gathered_) * 8;
    gather_[gathered_] = 0x80;
    const size_t padded = (gathered_ + 1 + sizeof bits + kBlock - 1) / kBlock * kBlock;
    std::memset(gather_ + gathered_ + 1, 0, padded - gathered_ - 1);
    put_word(gather_ + padded - 8, static_cast<uint32_t>(bits >> 32));
    put_word(gather_ + padded - 4, static_cast<uint32_t>(bits));
    hash(gather_, padded);
    explicit_bzero(gather_, hashed_ > padded ? sizeof gather_ : padded);
    Digest out;
    for (size_t i = 0; i < 8; ++i) put_word(out.bytes.data() + 4 * i, state_.h[i]);
    return out;
  }

 private:
  static constexpr size_t kBlock = SHA256_CBLOCK;
  static constexpr size_t kGatheredMax = 8 * kBlock;

  static void put_word(unsigned char* at, uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) *at++ = static_cast<unsigned char>(value >> shift);
  }

  /// Whole blocks only: then the state keeps nothing back.
  void hash(const void* blocks, size_t size) {
    DROVER_ASSERT(SHA256_Update(&state_, blocks, size) == 1);
    hashed_ += size;
  }

  /// Hashes what was gathered and as many of the bytes as make whole blocks; gives the others.
  std::string_view hash_blocks_of(std::string_view bytes) {
    if (gathered_ > 0) {
      const size_t fill = kGatheredMax - gathered_;
      std::memcpy(gather_ + gathered_, bytes.data(), fill);
      bytes.remove_prefix(fill);
      hash(gather_, kGatheredMax);
      gathered_ = 0;
    }
    const size_t whole = bytes.size() / kBlock * kBlock;
    if (whole > 0) hash(bytes.data(), whole);
    return bytes.substr(whole);
  }

  SHA256_CTX state_;
  uint64_t hashed_ = 0;
  size_t gathered_ = 0;
  unsigned char gather_[kGatheredMax + kBlock];  // and the end
};

#pragma GCC diagnostic pop

}  // namespace drover::crypto
