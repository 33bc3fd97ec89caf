#include "crypto/signing.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/limits/crypto.h"
#include "crypto/cbor.h"
#include "crypto/certificate.h"
#include "crypto/cose.h"

namespace drover::crypto {
namespace {

const WallTime kNow = wall_from_unix_millis(1'790'000'000'000);

SigningKey key(uint64_t seed, SignatureAlgorithm a = SignatureAlgorithm::kEs384) {
  SeededRandom random(seed);
  return SigningKey::generate(a, random);
}

TEST(Signing, SignsAndVerifiesOnBothCurves) {
  for (auto a : {SignatureAlgorithm::kEs256, SignatureAlgorithm::kEs384}) {
    SigningKey mine = key(1, a);
    std::string signature = mine.sign("message");
    EXPECT_EQ(signature.size(), a == SignatureAlgorithm::kEs256 ? 64u : 96u);
    EXPECT_TRUE(mine.public_key().verify("message", signature));
    EXPECT_FALSE(mine.public_key().verify("messagE", signature));
    EXPECT_FALSE(key(2, a).public_key().verify("message", signature));
    for (size_t i = 0; i < signature.size(); ++i) {
      std::string flipped = signature;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << (i % 8)));
      EXPECT_FALSE(mine.public_key().verify("message", flipped)) << i;
    }
    EXPECT_FALSE(mine.public_key().verify("message", ""));
    EXPECT_FALSE(mine.public_key().verify("message", signature + '\0'));
    EXPECT_FALSE(mine.public_key().verify("message", std::string(signature.size(), '\0')));
    EXPECT_FALSE(mine.public_key().verify("message", std::string(signature.size(), '\xff')));
  }
}

// RFC 7515, appendix A.3: a key and a signature made elsewhere.
TEST(Signing, VerifiesTheRfcsExample) {
  auto public_key =
      PublicKey::from_point(SignatureAlgorithm::kEs256,
                            from_base64url("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU").value(),
                            from_base64url("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0").value());
  ASSERT_TRUE(public_key.has_value()) << public_key.error().to_string();
  EXPECT_TRUE(public_key->verify(
      "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
      "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
      from_base64url("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTU"
                     "JqPP3-Kg6NU1Q")
          .value()));
}

TEST(Signing, APrivateKeySurvivesItsFile) {
  const SigningKey made = key(3);
  auto read = SigningKey::from_pem(made.pem());
  ASSERT_TRUE(read.has_value()) << read.error().to_string();
  EXPECT_EQ(read->algorithm(), made.algorithm());
  EXPECT_EQ(read->pem(), made.pem());
  EXPECT_TRUE(made.public_key().verify("message", read->sign("message")));
  for (std::string bad : {std::string(), std::string("x"), made.pem().substr(0, 100)}) {
    auto refused = SigningKey::from_pem(bad);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().message, "not a private key on P-256 or P-384 in PEM");
  }
}

TEST(Signing, KeysSurviveTheirForms) {
  PublicKey mine = key(3).public_key();
  auto from_spki = PublicKey::from_spki(mine.spki());
  ASSERT_TRUE(from_spki.has_value());
  EXPECT_EQ(from_spki->fingerprint(), mine.fingerprint());
  auto from_point = PublicKey::from_point(SignatureAlgorithm::kEs384, mine.x(), mine.y());
  ASSERT_TRUE(from_point.has_value());
  EXPECT_EQ(from_point->fingerprint(), mine.fingerprint());
  EXPECT_EQ(key(3).public_key().fingerprint(), mine.fingerprint()) << "a seed is a key";

  EXPECT_FALSE(PublicKey::from_spki(mine.spki() + '\0').has_value());
  EXPECT_FALSE(PublicKey::from_spki("").has_value());
  std::string off = mine.y();
  off.back() = static_cast<char>(off.back() ^ 1);
  EXPECT_FALSE(PublicKey::from_point(SignatureAlgorithm::kEs384, mine.x(), off).has_value());
  EXPECT_FALSE(PublicKey::from_point(SignatureAlgorithm::kEs256, mine.x(), mine.y()).has_value());
}

Certificate issue(const std::string& name, const SigningKey& subject, const Certificate* issuer,
                  const SigningKey& issuer_key, int path_length = -1, Duration lifetime = 1h) {
  CertificateOptions options;
  options.common_name = name;
  options.not_before = kNow;
  options.not_after = kNow + lifetime;
  options.authority = path_length >= 0;
  options.path_length = path_length;
  return issue_certificate(options, subject.public_key(), issuer, issuer_key);
}

std::string reason(const Result<void>& result) { return result ? "good" : result.error().reason; }

TEST(Certificates, ChainsAreCheckedAtTheTimeGiven) {
  Certificate root = issue("root", key(1), nullptr, key(1), 1);
  Certificate middle = issue("middle", key(2), &root, key(1), 0);
  Certificate leaf = issue("leaf", key(3), &middle, key(2), -1, 30min);
  std::vector<Certificate> between = {middle};
  EXPECT_EQ(reason(verify_chain(leaf, between, root, kNow + 1min)), "good");
  EXPECT_EQ(reason(verify_chain(leaf, between, root, kNow - 1min)), "not_yet_valid");
  auto late = verify_chain(leaf, between, root, kNow + 31min);
  EXPECT_EQ(reason(late), "expired");
  EXPECT_NE(late.error().message.find("leaf"), std::string::npos);
  for (Duration d : {30min, 31min}) {  // when it ended, and what the clock says
    EXPECT_NE(late.error().message.find(format_rfc3339(kNow + d)), std::string::npos)
        << late.error().message;
  }
  EXPECT_EQ(reason(verify_chain(leaf, {}, root, kNow + 1min)), "chain");
  // Another root of the same name.
  Certificate other = issue("root", key(9), nullptr, key(9), 1);
  EXPECT_EQ(reason(verify_chain(leaf, between, other, kNow + 1min)), "chain");
  EXPECT_EQ(leaf.common_name(), "leaf");
  EXPECT_EQ(leaf.not_after(), kNow + 30min);
  EXPECT_TRUE(leaf.may_sign());
}

TEST(Certificates, OnlyAuthoritiesSignOthersAndNoDeeperThanTheyMay) {
  Certificate root = issue("root", key(1), nullptr, key(1), 0);
  Certificate middle = issue("middle", key(2), &root, key(1), 0);
  Certificate leaf = issue("leaf", key(3), &middle, key(2));
  std::vector<Certificate> between = {middle};
  EXPECT_EQ(reason(verify_chain(leaf, between, root, kNow)), "chain") << "path length of the root";

  Certificate wide = issue("root", key(1), nullptr, key(1), 5);
  Certificate plain = issue("plain", key(2), &wide, key(1));
  Certificate below = issue("below", key(3), &plain, key(2));
  between = {plain};
  EXPECT_EQ(reason(verify_chain(below, between, wide, kNow)), "chain") << "no authority";
}

TEST(Certificates, ReadExactlyOne) {
  Certificate root = issue("root", key(1), nullptr, key(1), 0);
  auto again = Certificate::from_der(root.der());
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->fingerprint(), root.fingerprint());
  EXPECT_EQ(again->public_key_fingerprint(), key(1).public_key().fingerprint());
  auto pem = Certificate::from_pem(root.pem());
  ASSERT_TRUE(pem.has_value());
  EXPECT_EQ(pem->fingerprint(), root.fingerprint());
  EXPECT_FALSE(Certificate::from_der(root.der() + '\0').has_value());
  EXPECT_FALSE(Certificate::from_der("").has_value());
  EXPECT_FALSE(Certificate::from_der(std::string(limits::kCertificateBytesMax + 1, '\x30')));
  EXPECT_FALSE(Certificate::from_pem("nothing").has_value());
  for (size_t n = 0; n < root.der().size(); ++n) {
    EXPECT_FALSE(Certificate::from_der(root.der().substr(0, n)).has_value()) << n;
  }
}

std::string cose_reason(std::string_view bytes, const PublicKey& by) {
  auto message = parse_cose_sign1(bytes);
  if (!message) return message.error().message;
  return reason(verify_cose_sign1(*message, by));
}

TEST(Cose, SignsAndVerifies) {
  std::string document = make_cose_sign1("payload", key(1));
  auto message = parse_cose_sign1(document);
  ASSERT_TRUE(message.has_value()) << message.error().to_string();
  EXPECT_EQ(message->payload, "payload");
  EXPECT_EQ(cose_reason(document, key(1).public_key()), "good");
  EXPECT_EQ(cose_reason("\xd2" + document, key(1).public_key()), "good") << "tag 18";
  EXPECT_EQ(cose_reason(document, key(2).public_key()), "signature");
  EXPECT_EQ(cose_reason(document, key(1, SignatureAlgorithm::kEs256).public_key()), "algorithm");
}

TEST(Cose, RefusesWhatIsNotSignedOrNotUnderstood) {
  PublicKey mine = key(1).public_key();
  auto parts = [](const std::string& header, auto unprotected, auto payload) {
    CborWriter out;
    out.array(4).bytes(header);
    unprotected(out);
    payload(out);
    out.bytes(std::string(96, '\x01'));
    return out.out();
  };
  const std::string header = from_hex("a1013822").value();
  auto none = [](CborWriter& out) { out.map(0); };
  auto text = [](CborWriter& out) { out.bytes("payload"); };
  EXPECT_EQ(cose_reason(parts(header, none, text), mine), "signature");
  auto refused = [&](const std::string& bytes, const std::string& why) {
    EXPECT_NE(cose_reason(bytes, mine).find(why), std::string::npos) << cose_reason(bytes, mine);
  };
  refused(parts(
              header, [](CborWriter& out) { out.map(1).integer(1).integer(-35); }, text),
          "unprotected");
  refused(parts(header, [](CborWriter& out) { out.null(); }, text), "unprotected");
  refused(parts(header, none, [](CborWriter& out) { out.null(); }), "payload");
  refused(parts("", none, text), "{1: algorithm}");
  refused(parts(from_hex("a0").value(), none, text), "{1: algorithm}");
  refused(parts(from_hex("a201382202810a").value(), none, text), "{1: algorithm}");
  refused(parts(from_hex("a2013822013822").value(), none, text), "{1: algorithm}");
  refused("\xd1" + parts(header, none, text), "kind that is not read");
  refused(CborWriter().array(0).out(), "array of four");
}

}  // namespace
}  // namespace drover::crypto
