#include "crypto/cose.h"

#include "crypto/cbor.h"

namespace drover::crypto {
namespace {

using CborKind = CborValue::Kind;

constexpr char kSign1Tag = '\xd2';  // 18, in its shortest form
constexpr int64_t kAlgorithmLabel = 1;

std::string signed_bytes(std::string_view protected_header, std::string_view payload) {
  CborWriter out;
  out.array(4).text("Signature1").bytes(protected_header).bytes("").bytes(payload);
  return out.out();
}

Failure not_cose(std::string what) {
  return fail(Code::kInvalidArgument, "not a COSE_Sign1 document: " + std::move(what));
}

}  // namespace

Result<CoseSign1> parse_cose_sign1(std::string_view bytes) {
  if (bytes.starts_with(kSign1Tag)) bytes.remove_prefix(1);
  auto parsed = parse_cbor(bytes);
  if (!parsed) return not_cose(parsed.error().message);
  const CborValue& message = *parsed;
  if (!message.is(CborKind::kArray) || message.items.size() != 4) {
    return not_cose("it is not an array of four");
  }
  const CborValue& header = message.items[0];
  const CborValue& unprotected = message.items[1];
  const CborValue& payload = message.items[2];
  const CborValue& signature = message.items[3];
  if (!header.is(CborKind::kBytes)) return not_cose("its protected header is not a byte string");
  if (!unprotected.is(CborKind::kMap) || !unprotected.items.empty()) {
    return not_cose("its unprotected header is not an empty map");
  }
  if (!payload.is(CborKind::kBytes)) return not_cose("its payload is not a byte string");
  if (!signature.is(CborKind::kBytes)) return not_cose("its signature is not a byte string");
  CoseSign1 out;
  out.protected_header = header.text;
  out.payload = payload.text;
  out.signature = signature.text;
  auto fields = parse_cbor(header.text);
  const CborValue* algorithm = fields ? fields->find(kAlgorithmLabel) : nullptr;
  if (algorithm == nullptr || fields->items.size() != 2 || !algorithm->integer(out.algorithm)) {
    return not_cose("its protected header is not {1: algorithm}");
  }
  return out;
}

Result<void> verify_cose_sign1(const CoseSign1& message, const PublicKey& key) {
  if (message.algorithm != cose_id(key.algorithm())) {
    return fail(Error(Code::kPermissionDenied,
                      "the document says COSE algorithm " + std::to_string(message.algorithm) +
                          ", its key is for " + std::string(jose_name(key.algorithm())))
                    .with_reason("algorithm"));
  }
  if (!key.verify(signed_bytes(message.protected_header, message.payload), message.signature)) {
    return fail(Error(Code::kPermissionDenied, "the document's signature is not by its key")
                    .with_reason("signature"));
  }
  return {};
}

std::string make_cose_sign1(std::string_view payload, const SigningKey& key) {
  CborWriter header;
  header.map(1).integer(kAlgorithmLabel).integer(cose_id(key.algorithm()));
  CborWriter out;
  out.array(4).bytes(header.out()).map(0).bytes(payload);
  out.bytes(key.sign(signed_bytes(header.out(), payload)));
  return out.out();
}

}  // namespace drover::crypto
