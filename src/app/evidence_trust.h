#pragma once
// What operators write about attestation evidence (in drover.yaml and on the command line), read
// into what the verifiers take. Errors say what to write instead. Pure, but for the files named,
// which are read by the function handed in.

#include <string>
#include <string_view>

#include "app/config.h"
#include "attest/evidence.h"

namespace drover::app {

/// A pinned root: 64 hex digits, or a file with a PEM or DER certificate.
Result<crypto::Digest> read_root(const std::string& text, const ReadFile& read_file);
/// The key of a connection: 64 hex digits (SHA-256 of the SubjectPublicKeyInfo), or a file with a
/// PEM or DER certificate.
Result<crypto::Digest> read_connection_key(const std::string& text, const ReadFile& read_file);
/// "0=HEX": another allowed value of a register.
Result<void> add_pcr(std::string_view text, attest::Trust& trust);
Result<void> add_pcr(std::string_view index, std::string_view hex, attest::Trust& trust);
/// A file with a JSON Web Key Set.
Result<crypto::JwkSet> read_issuer_keys(const std::string& path, const ReadFile& read_file);
/// A document as files and answers hold it: CBOR as bytes or base64, JSON as text.
std::string evidence_document(attest::Kind kind, std::string text);

}  // namespace drover::app
