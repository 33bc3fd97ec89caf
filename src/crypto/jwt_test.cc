#include "crypto/jwt.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/limits/crypto.h"
#include "crypto/hmac.h"

namespace drover::crypto {
namespace {

SigningKey token_key(uint64_t seed, SignatureAlgorithm a = SignatureAlgorithm::kEs384) {
  SeededRandom random(seed);
  return SigningKey::generate(a, random);
}

JwkSet keys() {
  JwkSet out;
  out.add("k1", token_key(1).public_key());
  out.add("k2", token_key(2, SignatureAlgorithm::kEs256).public_key());
  return out;
}

/// "good", the reason, or for a bad form the message.
std::string outcome(std::string_view token) {
  auto parsed = parse_jwt(token);
  if (!parsed) return parsed.error().message;
  auto verified = verify_jwt(*parsed, keys());
  return verified ? "good" : verified.error().reason;
}

std::string token_of(std::string_view header, std::string_view claims,
                     const SigningKey& by = token_key(1)) {
  std::string out = to_base64url(header) + "." + to_base64url(claims);
  return out + "." + to_base64url(by.sign(out));
}

TEST(Jwt, SignsAndVerifies) {
  std::string token = make_jwt(Json::object().set("iss", "me"), token_key(1), "k1");
  EXPECT_EQ(outcome(token), "good");
  EXPECT_EQ(parse_jwt(token)->claims.get_string("iss"), "me");
  EXPECT_EQ(outcome(make_jwt(Json::object(), token_key(2, SignatureAlgorithm::kEs256), "k2")),
            "good");
  EXPECT_EQ(outcome(make_jwt(Json::object(), token_key(3), "k1")), "signature");
  EXPECT_EQ(outcome(make_jwt(Json::object(), token_key(1), "k3")), "key");
  EXPECT_EQ(outcome(make_jwt(Json::object(), token_key(1), "")), "key");
}

TEST(Jwt, EveryFlippedBitIsRefused) {
  const std::string token = make_jwt(Json::object().set("iss", "me"), token_key(1), "k1");
  for (size_t i = 0; i < token.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = token;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << bit));
      EXPECT_NE(outcome(flipped), "good") << "byte " << i << " bit " << bit;
    }
  }
  for (size_t n = 0; n < token.size(); ++n) EXPECT_NE(outcome(token.substr(0, n)), "good") << n;
}

// RFC 8725, section 2.1: a token must not choose how it is checked.
TEST(Jwt, TheAlgorithmIsTheKeys) {
  const std::string claims = R"({"iss":"me"})";
  EXPECT_EQ(outcome(token_of(R"({"alg":"none","kid":"k1"})", claims)), "algorithm");
  EXPECT_EQ(outcome(to_base64url(R"({"alg":"none"})") + "." + to_base64url(claims) + "."),
            "algorithm");
  // The public key as the secret of an HMAC: whoever let the token choose would take it.
  std::string forged = to_base64url(R"({"alg":"HS256","kid":"k1"})") + "." + to_base64url(claims);
  forged += "." + to_base64url(hmac_sha256(token_key(1).public_key().spki(), forged).view());
  EXPECT_EQ(outcome(forged), "algorithm");
  EXPECT_EQ(outcome(token_of(R"({"alg":"ES256","kid":"k1"})", claims)), "algorithm");
  EXPECT_EQ(outcome(token_of(R"({"alg":"es384","kid":"k1"})", claims)), "algorithm");
  EXPECT_EQ(outcome(token_of(R"({"alg":"ES384"})", claims)), "key");
  // A key that the token brings along is not a key.
  Json own = Json::object();
  own.set("alg", "ES384").set("kid", "mine");
  JwkSet brought;
  brought.add("mine", token_key(7).public_key());
  own.set("jwk", brought.to_json().find("keys")->array_items()->front());
  EXPECT_EQ(outcome(token_of(own.dump(), claims, token_key(7))), "key");
}

TEST(Jwt, HasOneFormAndOneMeaning) {
  auto refused = [](const std::string& token, const std::string& why) {
    EXPECT_NE(outcome(token).find(why), std::string::npos) << outcome(token);
  };
  const std::string header = R"({"alg":"ES384","kid":"k1"})";
  refused(token_of(header, R"({"exp":1,"exp":2})"), "\"exp\" stands twice");
  refused(token_of(header, R"({"a":{"b":[{"c":1,"c":1}]}})"), "\"c\" stands twice");
  refused(token_of(header, R"({"a":1,"\u0061":2})"), "\"a\" stands twice");
  refused(token_of(R"({"alg":"ES384","alg":"none","kid":"k1"})", "{}"), "\"alg\" stands twice");
  refused(token_of(R"({"kid":"k1"})", "{}"), "no \"alg\"");
  refused(token_of(R"({"alg":"ES384","kid":"k1","crit":["x"],"x":1})", "{}"), "extension");
  refused(token_of(R"({"alg":"ES384","kid":"k1","b64":false})", "{}"), "extension");
  refused(token_of(header, "[]"), "not an object");
  refused(token_of(header, "{"), "claims");
  refused("", "three parts");
  refused("a.b", "three parts");
  refused(token_of(header, "{}") + ".x", "three parts");
  refused(token_of(header, "{}") + "=", "signature is not base64url");
  refused(std::string(limits::kJwtBytesMax + 1, 'a'), "larger");
  // The last letter of base64url has bits to spare; only zeros count.
  std::string token = token_of(header, R"({"a":1})");
  const size_t end = token.rfind('.') - 1;
  std::string other = token;
  other[end] = static_cast<char>(other[end] + 1);
  EXPECT_NE(outcome(other), "good");
}

TEST(Jwks, ReadsWhatItWrites) {
  auto set = JwkSet::parse(keys().to_json().dump());
  ASSERT_TRUE(set.has_value()) << set.error().to_string();
  EXPECT_EQ(set->size(), 2u);
  ASSERT_NE(set->find("k1"), nullptr);
  EXPECT_EQ(set->find("k1")->fingerprint(), token_key(1).public_key().fingerprint());
  EXPECT_EQ(set->find("k3"), nullptr);
}

TEST(Jwks, PassesOverWhatItDoesNotUseAndRefusesWhatIsWrong) {
  auto one = [](Json jwk) {
    Json list = Json::array();
    list.push(std::move(jwk));
    return JwkSet::parse(Json::object().set("keys", std::move(list)).dump());
  };
  const Json good = keys().to_json().find("keys")->array_items()->front();
  auto with = [&](std::string name, Json value) {
    Json out = good;
    out.set(std::move(name), std::move(value));
    return out;
  };
  EXPECT_EQ(one(good)->size(), 1u);
  EXPECT_TRUE(one(with("kty", "RSA"))->empty());
  EXPECT_TRUE(one(with("crv", "P-521"))->empty());
  EXPECT_TRUE(one(with("use", "enc"))->empty());
  EXPECT_TRUE(one(with("alg", "ES256"))->empty());
  EXPECT_TRUE(one(with("kid", ""))->empty());
  EXPECT_FALSE(one(with("d", "AA")).has_value()) << "a private key";
  EXPECT_FALSE(one(with("x", "AA")).has_value());
  EXPECT_FALSE(one(with("y", good.find("x")->dump())).has_value());
  EXPECT_FALSE(JwkSet::parse("{}").has_value());
  EXPECT_FALSE(JwkSet::parse("[]").has_value());
  Json twice = Json::array();
  twice.push(good);
  twice.push(good);
  EXPECT_FALSE(JwkSet::parse(Json::object().set("keys", std::move(twice)).dump()).has_value());
}

}  // namespace
}  // namespace drover::crypto
