#include "crypto/api_key.h"

#include <cstdint>
#include <cstring>

#include "base/bytes.h"
#include "base/crc32.h"
#include "crypto/sha256.h"

namespace drover::crypto {
namespace {

constexpr std::string_view kDigits =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr size_t kRandomDigits = 43;   // 43 * log2(62) = 256.03 bits
constexpr size_t kChecksumDigits = 6;  // 62^6 > 2^32
constexpr size_t kKeySize = kApiKeyPrefix.size() + kRandomDigits + kChecksumDigits;

std::string checksum(std::string_view body) {
  uint32_t rest = crc32(body);
  std::string out(kChecksumDigits, '0');
  for (size_t i = kChecksumDigits; i-- > 0; rest /= 62) out[i] = kDigits[rest % 62];
  return out;
}

}  // namespace

Secret make_api_key(Random& random) {
  std::string key(kApiKeyPrefix);
  key.reserve(kKeySize);
  while (key.size() < kApiKeyPrefix.size() + kRandomDigits) {
    const uint64_t bits = random.next();
    for (int shift = 0; shift < 60 && key.size() < kApiKeyPrefix.size() + kRandomDigits;
         shift += 6) {
      // 62 and 63 are thrown away, so that every digit is equally likely.
      const uint64_t digit = (bits >> shift) & 63;
      if (digit < 62) key += kDigits[digit];
    }
  }
  key += checksum(key);
  Secret out(key);
  explicit_bzero(key.data(), key.size());
  return out;
}

Result<void> check_api_key_form(std::string_view key) {
  if (key.substr(0, kApiKeyPrefix.size()) != kApiKeyPrefix) {
    return fail(Code::kUnauthenticated, "not a drover API key: they begin with drv_");
  }
  if (key.size() != kKeySize ||
      key.find_first_not_of(kDigits, kApiKeyPrefix.size()) != std::string_view::npos) {
    return fail(Code::kUnauthenticated, "malformed API key: it was cut or changed");
  }
  const std::string_view body = key.substr(0, kKeySize - kChecksumDigits);
  if (!equal_constant_time(checksum(body), key.substr(body.size()))) {
    return fail(Code::kUnauthenticated, "malformed API key: its checksum is wrong (a typo?)");
  }
  return {};
}

std::string hash_api_key(std::string_view key) { return sha256_hex(key); }

std::string api_key_fingerprint(std::string_view key) { return hash_api_key(key).substr(0, 12); }

}  // namespace drover::crypto
