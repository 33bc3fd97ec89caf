#pragma once
// Private to this folder: SHA-256 on the stack, by OpenSSL's functions for it alone. Its general
// ones look up, reset and wipe so much for each message that one of a few hundred bytes takes them
// half as long again. Not for passwords or keys beyond those of an HMAC (crypto/hmac.h wipes its
// own blocks).

#include <openssl/sha.h>

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

  PlainSha256& update(std::string_view bytes) {
    DROVER_ASSERT(SHA256_Update(&state_, bytes.data(), bytes.size()) == 1);
    return *this;
  }
  Digest finish() {
    Digest out;
    DROVER_ASSERT(SHA256_Final(out.bytes.data(), &state_) == 1);
    return out;
  }

 private:
  SHA256_CTX state_;
};

#pragma GCC diagnostic pop

}  // namespace drover::crypto
