#pragma once
// COSE_Sign1 (RFC 9052 section 4.2): one document, one signature.
//
//   COSE_Sign1     = [protected: bstr, unprotected: map, payload: bstr, signature: bstr]
//   Sig_structure  = ["Signature1", protected, external_aad = h'', payload]     (section 4.4)
//
// Tagged (18) or untagged. Strict: the protected header holds the algorithm and nothing else, the
// unprotected one nothing at all (what stands there is not signed, so nobody could rely on it); a
// detached payload is refused. The signature must be by the given key, with the key's algorithm.
//
// Values; the parts are views into the bytes given. Threads: any. Failure: invalid_argument for the
// form, permission_denied with the reason "signature" or "algorithm".

#include <string>
#include <string_view>

#include "base/result.h"
#include "crypto/signing.h"

namespace drover::crypto {

struct CoseSign1 {
  int64_t algorithm = 0;
  std::string_view protected_header;
  std::string_view payload;
  std::string_view signature;
};

Result<CoseSign1> parse_cose_sign1(std::string_view bytes);

Result<void> verify_cose_sign1(const CoseSign1& message, const PublicKey& key);

/// A signed document, untagged; for tests and for the simulated issuers.
std::string make_cose_sign1(std::string_view payload, const SigningKey& key);

}  // namespace drover::crypto
