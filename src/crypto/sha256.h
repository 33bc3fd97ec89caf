#pragma once
// SHA-256 (FIPS 180-4) by OpenSSL 3: one call, or in pieces. The algorithm is fetched once a
// process, because a fetch costs more than hashing a small message.
//
// Ownership: Digest is a value; a Sha256 object owns its context. Threads: one object, one thread.
// Failure: OpenSSL refusing SHA-256 or memory ends the process (DROVER_ASSERT): nothing could go
// on. Use when: content names, payload hashes, chains. For anything keyed use crypto/hmac.h.

#include <array>
#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace drover::crypto {

/// 32 bytes of SHA-256 or HMAC-SHA256.
struct Digest {
  std::array<unsigned char, 32> bytes{};

  std::string_view view() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  /// 64 lower-case hex digits.
  std::string hex() const;
  bool operator==(const Digest&) const = default;
};

Digest sha256(std::string_view bytes);
std::string sha256_hex(std::string_view bytes);

/// Hashing in pieces. finish() also readies the object for the next message.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  Sha256& update(std::string_view bytes);
  Digest finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

/// The digest of no bytes, in hex: the payload hash of a request without a body.
inline constexpr std::string_view kEmptySha256Hex =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

}  // namespace drover::crypto
