#include "crypto/hash_chain.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/hex.h"
#include "crypto/hmac.h"
#include "crypto/sha256_plain.h"

namespace drover::crypto {
namespace {

using namespace std::string_view_literals;
// The final NUL keeps a label from being a prefix of another.
constexpr std::string_view kChainLabel = "drover.chain.v1\0"sv;
constexpr std::string_view kContentLabel = "drover.content.v1\0"sv;

}  // namespace

std::string make_salt(Random& random) { return random.bytes(kSaltBytes); }

Secret make_content_key(Random& random) { return Secret(random.bytes(kContentKeyBytes)); }

Digest payload_commitment(std::string_view salt, std::string_view payload) {
  DROVER_ASSERT(salt.size() >= kSaltBytes);
  return hmac_sha256(salt, payload);
}

Digest chain_start(std::string_view session_id) {
  return PlainSha256().update(kChainLabel).update(session_id).finish();
}

Digest chain_next(const Digest& previous, std::string_view envelope, const Digest& commitment) {
  return PlainSha256().update(previous.view()).update(envelope).update(commitment.view()).finish();
}

Result<Digest> parse_digest(std::string_view hex) {
  Digest out;
  char* bytes = reinterpret_cast<char*>(out.bytes.data());
  if (hex.size() == 2 * out.bytes.size() && unhex(hex, HexCase::kAny, bytes)) return out;
  TRY_VOID(from_hex(hex));  // whatever else is wrong with it comes first
  return fail(Code::kInvalidArgument, "a SHA-256 digest has 64 hex digits");
}

std::string content_name(const Secret& session_key, std::string_view content) {
  DROVER_ASSERT(session_key.size() >= kContentKeyBytes);
  return HmacSha256(session_key.reveal()).update(kContentLabel).update(content).finish().hex();
}

}  // namespace drover::crypto
