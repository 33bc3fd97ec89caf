#pragma once
// What a server signs of its journals: for each batch of commits the heads of the sessions in it,
// each the sequence and hash of its last event. The hash chain makes a head stand for all before
// it, a hash tree (crypto/merkle.h) makes one signature stand for all heads of a batch, and each
// batch names the one before, so that none can be left out in the middle.
//
// A batch is a line of JSON in a file of the data folder (batch_signer.h):
//
//   {"batch":7,"time":"…","previous":"…","root":"…","signature":"…",
//    "heads":[["ses_…",12,"…"],…]}
//
// A leaf is "ses_…\n12\n<hash>". What is signed is the text
//
//   drover.signatures.v1\n<batch>\n<time>\n<previous>\n<number of heads>\n<root>\n
//
// by ECDSA on P-256 with SHA-256, r || s in base64url; `previous` is the SHA-256 of the line before
// in the same file, 64 zeros in a file's first. A proof is what of it is needed for one head, and
// tells nothing of other sessions. Values, pure; any thread.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/json.h"
#include "base/result.h"
#include "base/time.h"
#include "crypto/merkle.h"
#include "crypto/signing.h"

namespace drover::store {

struct Head {
  SessionId session;
  uint64_t sequence = 0;
  std::string hash;  // of the event with that sequence, 64 hex digits
  bool operator==(const Head&) const = default;
};

/// What a batch's signature is made over, beside the heads.
struct BatchFacts {
  uint64_t batch = 0;
  std::string time;
  std::string previous;
  size_t count = 0;
  std::string root;
  /// The text that is signed.
  std::string message() const;
};

/// One head of one batch, and all that proves it to whoever knows the key.
struct HeadProof {
  Head head;
  BatchFacts facts;
  size_t index = 0;  // of the head in its batch
  std::vector<crypto::Digest> path;
  std::string signature;
  std::string key;  // DER SubjectPublicKeyInfo

  Json to_json() const;
  static Result<HeadProof> from_json(const Json& json);
  /// Whether the key that it names signed the head: kDataLoss says what does not agree. Whose key
  /// that is, the caller compares.
  Result<void> verify() const;
  /// SHA-256 of the key, in hex.
  std::string fingerprint() const;
};

crypto::Digest leaf_of(const Head& head);
/// A batch as a line, without its line end.
std::string batch_line(const std::vector<Head>& heads, BatchFacts facts,
                       const crypto::SigningKey& key);
/// The proof in a line for the session's newest head up to `most`; nullopt: it has none.
Result<std::optional<HeadProof>> proof_in(std::string_view line, const SessionId& session,
                                          uint64_t most);

}  // namespace drover::store
