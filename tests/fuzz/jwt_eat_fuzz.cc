// Any text as a JSON Web Token, as a key set and as a detached EAT. A token that is read has one
// spelling and no name twice; its claims, signed by us, are read back as they were and verify; a
// key set that is read is written and read again; and nothing else verifies, since the pinned key
// is made anew by each process.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "attest/nvidia.h"
#include "base/random.h"
#include "crypto/jwt.h"
#include "sim/attester.h"

namespace {

using namespace drover;

const sim::NvidiaIssuer& issuer() {
  static SystemRandom random;
  static const sim::NvidiaIssuer made(random);
  return made;
}

attest::Expectations make_expected() {
  attest::Expectations out;
  out.kind = attest::Kind::kNvidiaCc;
  out.now = wall_from_unix_millis(1'790'000'000'000);
  out.max_age = 100'000h;
  out.trust.allow_debug = true;
  out.trust.issuer = issuer().issuer();
  out.trust.issuer_keys = issuer().keys();
  return out;
}

void check_token(std::string_view text) {
  auto token = crypto::parse_jwt(text);
  if (!token) return;
  if (token->signed_part + "." + to_base64url(token->signature) != text) __builtin_trap();
  if (!crypto::duplicate_name(token->claims).empty()) __builtin_trap();
  if (crypto::verify_jwt(*token, issuer().keys())) __builtin_trap();
  auto again = crypto::parse_jwt(issuer().sign(token->claims));
  // Base64 of what is written anew may be longer than what was read.
  if (!again) {
    if (text.size() < 8'192) __builtin_trap();
    return;
  }
  if (!again->claims.same_value(token->claims)) __builtin_trap();
  if (!crypto::verify_jwt(*again, issuer().keys())) __builtin_trap();
}

void check_keys(std::string_view text) {
  auto keys = crypto::JwkSet::parse(text);
  if (!keys) return;
  auto again = crypto::JwkSet::parse(keys->to_json().dump());
  if (!again || again->size() != keys->size()) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const attest::Expectations expected = make_expected();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_token(text);
  check_keys(text);
  if (auto eat = attest::parse_detached_eat(text)) {
    if (eat->devices.empty() || eat->devices.size() != eat->digests.size()) __builtin_trap();
    (void)attest::check_digests(*eat);
  }
  if (attest::verify(text, expected)) __builtin_trap();
  return 0;
}
