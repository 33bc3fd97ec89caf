#pragma once
// Drover's own API keys: making, checking the form, and hashing for storage.
//
//   drv_ + 43 random base62 digits (256 bits) + 6 base62 digits of their CRC-32
//
// Base62, so that a double click selects the whole key; the prefix and the checksum let secret
// scanners and drover itself tell a key from noise without a look-up (a typo is told as a typo).
//
// Keys are stored as plain SHA-256. Slow, salted password hashes exist to slow down guessing of
// what people choose; 256 random bits cannot be guessed, every key differs (so no salt is needed),
// and a slow hash would cost each request more than the rest of the gateway. Looking a key up by
// its hash also leaves nothing for a timing attack: what is compared is the hash.
//
// Threads: any. Failure: check_api_key_form answers unauthenticated and never repeats the key.

#include <string>
#include <string_view>

#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"

namespace drover::crypto {

inline constexpr std::string_view kApiKeyPrefix = "drv_";

/// A new key; shown to a person once, stored only as its hash. `random` must be the kernel's.
Secret make_api_key(Random& random);

/// Checks prefix, length, alphabet and checksum.
Result<void> check_api_key_form(std::string_view key);

/// What is stored, and looked up: 64 hex digits.
std::string hash_api_key(std::string_view key);

/// A name for lists and logs that says nothing about the key: 12 hex digits of its hash.
std::string api_key_fingerprint(std::string_view key);

}  // namespace drover::crypto
