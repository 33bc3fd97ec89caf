#pragma once
// AWS Nitro Enclaves' attestation documents.
//
// Format: aws-nitro-enclaves-nsm-api, docs/attestation_process.md, and the AWS Nitro Enclaves User
// Guide, "Verifying the root of trust". An untagged (or 18-tagged) COSE_Sign1 (RFC 9052) by ES384,
// whose payload is a CBOR map:
//
//   module_id: tstr, digest: "SHA384", timestamp: uint (ms), pcrs: {0..31 => bstr (32, 48, 64)},
//   certificate: bstr, cabundle: [+ bstr] (root first), ? public_key, ? user_data, ? nonce: bstr
//
// An optional field may be absent or null. Unknown fields are passed over: they are signed, and
// nothing is inferred from them.
//
// Checked, in this order: form; the first of cabundle is a pinned root; the signature by the
// certificate's key; the chain at `now` (leaves live for three hours); age; debug mode (PCR0, PCR1
// or PCR2 all zero); the PCRs allowed; nonce; binding (evidence.h).

#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "attest/evidence.h"

namespace drover::attest {

/// SHA-256 of AWS's root certificate of the commercial partition (CN aws.nitro-enclaves).
inline constexpr std::string_view kAwsNitroRootSha256 =
    "641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b";

/// The payload's fields; views into the document. Nothing of it is verified.
struct NitroDocument {
  std::string_view module_id;
  WallTime timestamp;
  std::map<int, std::string_view> pcrs;
  std::string_view certificate;
  std::vector<std::string_view> bundle;
  std::optional<std::string_view> public_key;
  std::optional<std::string_view> user_data;
  std::optional<std::string_view> nonce;
};

Result<NitroDocument> parse_nitro_payload(std::string_view payload);

Result<Claims> verify_nitro(std::string_view document, const Expectations& expected);

}  // namespace drover::attest
