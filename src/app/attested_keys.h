#pragma once
// Files of a simulated attested server's TLS: an authority of its own, and a certificate for
// 127.0.0.1 under it.

#include <string>

#include "base/result.h"
#include "base/time.h"
#include "crypto/signing.h"

namespace drover::app {

/// Writes ca.pem, tls.pem and tls.key into the folder, which it makes.
Result<void> write_tls_keys(const std::string& folder, const crypto::SigningKey& ca_key,
                            const crypto::SigningKey& tls_key, WallTime now);
/// Replaces a small file.
Result<void> write_small_file(const std::string& path, const std::string& text);

}  // namespace drover::app
