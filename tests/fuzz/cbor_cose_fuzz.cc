// Any bytes as CBOR, as a COSE_Sign1, as a Nitro document and as a certificate. What is read has
// one spelling, so writing it again gives the very bytes; a payload that is read keeps the format's
// bounds; and nothing verifies, since the pinned root is made anew by each process.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "attest/nitro.h"
#include "base/random.h"
#include "crypto/cbor.h"
#include "crypto/certificate.h"
#include "crypto/cose.h"
#include "sim/attester.h"

namespace {

using namespace drover;

const WallTime kNow = wall_from_unix_millis(1'790'000'000'000);

const sim::NitroIssuer& issuer() {
  static SystemRandom random;
  static const sim::NitroIssuer made(random, kNow - 1h);
  return made;
}

attest::Expectations make_expected() {
  attest::Expectations out;
  out.now = kNow;
  out.max_age = 100'000h;
  out.trust.any_measurement = true;
  out.trust.allow_debug = true;
  out.trust.roots = {issuer().root().fingerprint()};
  return out;
}

void check_payload(std::string_view bytes) {
  auto document = attest::parse_nitro_payload(bytes);
  if (!document) return;
  if (document->module_id.empty() || document->certificate.empty()) __builtin_trap();
  if (document->bundle.empty() || document->pcrs.empty()) __builtin_trap();
  for (const auto& [index, value] : document->pcrs) {
    if (index < 0 || index > 31) __builtin_trap();
    if (value.size() != 32 && value.size() != 48 && value.size() != 64) __builtin_trap();
  }
}

void check_certificate(std::string_view bytes) {
  auto certificate = crypto::Certificate::from_der(bytes);
  if (!certificate) return;
  (void)certificate->common_name();
  (void)certificate->public_key();
  (void)certificate->may_sign();
  (void)certificate->not_after();
  if (crypto::verify_chain(*certificate, {}, issuer().root(), kNow)) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const attest::Expectations expected = make_expected();
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (auto value = crypto::parse_cbor(bytes)) {
    if (crypto::CborWriter().value(*value).out() != bytes) __builtin_trap();
  }
  if (auto message = crypto::parse_cose_sign1(bytes)) {
    if (crypto::verify_cose_sign1(*message, issuer().leaf_key().public_key())) __builtin_trap();
    check_payload(message->payload);
  }
  check_payload(bytes);
  check_certificate(bytes);
  if (attest::verify(bytes, expected)) __builtin_trap();
  return 0;
}
