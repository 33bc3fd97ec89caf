#include "attest/evidence.h"

#include "attest/nitro.h"
#include "attest/nvidia.h"

namespace drover::attest {
namespace {

struct Verifier {
  Kind kind;
  std::string_view name;
  Result<Claims> (*verify)(std::string_view document, const Expectations& expected);
};
constexpr Verifier kVerifiers[] = {
    {Kind::kAwsNitro, "aws-nitro", verify_nitro},
    {Kind::kNvidiaCc, "nvidia-cc", verify_nvidia},
};

const Verifier& verifier(Kind kind) { return kVerifiers[static_cast<size_t>(kind)]; }

}  // namespace

std::string_view kind_name(Kind kind) { return verifier(kind).name; }

std::string kind_names() {
  std::string out;
  for (const Verifier& v : kVerifiers) out += (out.empty() ? "" : ", ") + std::string(v.name);
  return out;
}

Result<Kind> parse_kind(std::string_view name) {
  for (const Verifier& v : kVerifiers) {
    if (v.name == name) return v.kind;
  }
  return fail(Code::kInvalidArgument,
              "no such kind of evidence: " + std::string(name) + "; there are " + kind_names());
}

Result<Claims> verify(std::string_view document, const Expectations& expected) {
  if (document.size() > limits::kEvidenceBytesMax) {
    return fail(Error(Code::kInvalidArgument, "the document is larger than any should be (" +
                                                  std::to_string(document.size()) + " bytes)")
                    .with_reason("format"));
  }
  auto claims = verifier(expected.kind).verify(document, expected);
  if (!claims) return fail(as_format(std::move(claims.error())));
  claims->kind = expected.kind;
  claims->document = crypto::sha256(document);
  return claims;
}

crypto::Digest bound_nonce(std::string_view nonce, const crypto::Digest& connection_key) {
  using namespace std::string_view_literals;
  crypto::Sha256 hash;
  return hash.update("drover.attest.v1\0"sv).update(nonce).update(connection_key.view()).finish();
}

Error refusal(std::string_view reason, std::string message) {
  return Error(Code::kPermissionDenied, std::move(message)).with_reason(std::string(reason));
}

Error as_format(Error error) {
  if (error.reason.empty()) error.reason = "format";
  return error;
}

Result<void> check_age(WallTime issued_at, const Expectations& expected) {
  if (issued_at > expected.now + limits::kEvidenceSkewMax) {
    return fail(refusal("not_yet_valid", "the document was made at " + format_rfc3339(issued_at) +
                                             ", which is after " + format_rfc3339(expected.now) +
                                             ": one of the two clocks is wrong"));
  }
  if (expected.now - issued_at > expected.max_age) {
    return fail(refusal("stale", "the document was made at " + format_rfc3339(issued_at) + ", " +
                                     format_duration(expected.now - issued_at) + " before " +
                                     format_rfc3339(expected.now) + "; at most " +
                                     format_duration(expected.max_age) + " are allowed"));
  }
  return {};
}

Json Claims::to_json() const {
  Json facts_json = Json::object();
  for (const auto& [name, value] : facts) facts_json.set(name, value);
  Json out = Json::object();
  out.set("kind", kind_name(kind)).set("subject", subject);
  out.set("issued_at", format_rfc3339(issued_at)).set("expires_at", format_rfc3339(expires_at));
  out.set("debug", debug).set("for_nonce", for_nonce).set("bound", bound);
  out.set("facts", std::move(facts_json)).set("document_sha256", document.hex());
  return out;
}

}  // namespace drover::attest
