#include <gtest/gtest.h>

#include <set>

#include "base/bytes.h"
#include "base/random.h"
#include "crypto/api_key.h"
#include "crypto/hash_chain.h"
#include "crypto/hmac.h"
#include "crypto/sha256.h"
#include "crypto/sha256_plain.h"

namespace drover::crypto {
namespace {

TEST(Sha256, StandardVectors) {
  // FIPS 180-4 examples.
  EXPECT_EQ(sha256_hex(""), kEmptySha256Hex);
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256_hex(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, PiecesEqualTheWholeAndTheObjectIsReusable) {
  const std::string text = "the quick brown fox jumps over the lazy dog";
  Sha256 hasher;
  for (int round = 0; round < 2; ++round) {
    for (size_t cut = 0; cut <= text.size(); ++cut) {
      Digest d = hasher.update(text.substr(0, cut)).update(text.substr(cut)).finish();
      ASSERT_EQ(d, sha256(text)) << "cut at " << cut;
    }
  }
}

TEST(Sha256, OnTheStackIsAsTheGeneralOneForEveryLengthAndCut) {
  SeededRandom random(1);
  Sha256 general;
  HmacSha256 keyed("key");
  for (size_t size = 0; size <= 1'400; ++size) {
    const std::string bytes = random.bytes(size);
    const Digest want = general.update(bytes).finish();
    ASSERT_EQ(sha256(bytes), want) << size;
    ASSERT_EQ(hmac_sha256("key", bytes), keyed.update(bytes).finish()) << size;
    PlainSha256 pieces;
    for (std::string_view rest = bytes; !rest.empty();) {
      const std::string_view piece = rest.substr(0, random.below(1 + 2 * rest.size()));
      pieces.update(piece);
      rest.remove_prefix(piece.size());
    }
    ASSERT_EQ(pieces.finish(), want) << size;
  }
}

TEST(Hmac, Rfc4231Vectors) {
  EXPECT_EQ(hmac_sha256(std::string(20, '\x0b'), "Hi There").hex(),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(hmac_sha256("Jefe", "what do ya want for nothing?").hex(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hmac_sha256(std::string(131, '\xaa'),
                        "Test Using Larger Than Block-Size Key - Hash Key First")
                .hex(),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(hmac_sha256("", "").hex(),
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(Hmac, ObjectIsReusableUnderItsKey) {
  HmacSha256 mac("key");
  const Digest first = mac.update("a").update("b").finish();
  EXPECT_EQ(first, hmac_sha256("key", "ab"));
  EXPECT_EQ(mac.update("ab").finish(), first);
  EXPECT_NE(mac.update("ac").finish(), first);
}

TEST(HashChain, DigestsAreReadFrom64HexDigitsOnly) {
  const Digest digest = sha256("x");
  EXPECT_EQ(parse_digest(digest.hex()).value(), digest);
  EXPECT_EQ(parse_digest(std::string(64, 'F')).value().hex(), std::string(64, 'f'));
  EXPECT_EQ(parse_digest("abc").error().message, "not hex: odd length");
  EXPECT_EQ(parse_digest(std::string(64, 'g')).error().message, "not hex: unexpected character");
  EXPECT_EQ(parse_digest("zz").error().message, "not hex: unexpected character");
  EXPECT_EQ(parse_digest("ab").error().message, "a SHA-256 digest has 64 hex digits");
  EXPECT_EQ(parse_digest(std::string(66, 'a')).error().message,
            "a SHA-256 digest has 64 hex digits");
}

TEST(HashChain, LinksDependOnEveryPart) {
  const Digest start = chain_start("ses_1");
  const Digest commitment = payload_commitment(std::string(16, 's'), "payload");
  const Digest link = chain_next(start, "envelope", commitment);
  EXPECT_EQ(link, sha256(std::string(start.view()) + "envelope" + std::string(commitment.view())));
  EXPECT_NE(start, chain_start("ses_2"));
  EXPECT_NE(link, chain_next(chain_start("ses_2"), "envelope", commitment));
  EXPECT_NE(link, chain_next(start, "Envelope", commitment));
  EXPECT_NE(link,
            chain_next(start, "envelope", payload_commitment(std::string(16, 's'), "Payload")));
  EXPECT_NE(link,
            chain_next(start, "envelope", payload_commitment(std::string(16, 't'), "payload")));
}

TEST(HashChain, VerifiesAfterThePayloadIsGone) {
  SeededRandom random(7);
  std::vector<std::string> envelopes = {"one", "two", "three"};
  std::vector<Digest> commitments;
  Digest head = chain_start("ses_x");
  for (const std::string& envelope : envelopes) {
    commitments.push_back(payload_commitment(make_salt(random), "secret of " + envelope));
    head = chain_next(head, envelope, commitments.back());
  }
  // Only envelopes and commitments are left.
  Digest again = chain_start("ses_x");
  for (size_t i = 0; i < envelopes.size(); ++i) {
    again = chain_next(again, envelopes[i], commitments[i]);
  }
  EXPECT_EQ(again, head);
  EXPECT_EQ(*parse_digest(head.hex()), head);
  EXPECT_FALSE(parse_digest(head.hex().substr(2)));
  EXPECT_FALSE(parse_digest("zz" + head.hex().substr(2)));
}

TEST(HashChain, ContentNamesDifferBySession) {
  SeededRandom random(9);
  const Secret a = make_content_key(random);
  const Secret b = make_content_key(random);
  EXPECT_EQ(content_name(a, "same"), content_name(a, "same"));
  EXPECT_NE(content_name(a, "same"), content_name(b, "same"));
  EXPECT_NE(content_name(a, "same"), hmac_sha256(a.reveal(), "same").hex());
  EXPECT_EQ(content_name(a, "").size(), 64u);
}

TEST(ApiKey, FormAndUniqueness) {
  SystemRandom random;
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const Secret key = make_api_key(random);
    ASSERT_EQ(key.size(), 53u);
    ASSERT_TRUE(check_api_key_form(key.reveal()));
    ASSERT_TRUE(seen.insert(std::string(key.reveal())).second);
  }
}

TEST(ApiKey, EveryChangedCharacterIsRefusedAndNeverRepeated) {
  SeededRandom random(3);
  const std::string key(make_api_key(random).reveal());
  for (size_t i = 0; i < key.size(); ++i) {
    std::string bad = key;
    bad[i] = bad[i] == 'x' ? 'y' : 'x';
    auto checked = check_api_key_form(bad);
    ASSERT_FALSE(checked) << "position " << i;
    EXPECT_EQ(checked.error().message.find(bad.substr(4, 20)), std::string::npos);
  }
  EXPECT_FALSE(check_api_key_form(""));
  EXPECT_FALSE(check_api_key_form(key + "0"));
  EXPECT_FALSE(check_api_key_form(key.substr(0, 52)));
}

TEST(ApiKey, HashAndFingerprint) {
  EXPECT_EQ(hash_api_key("drv_x"), sha256_hex("drv_x"));
  EXPECT_EQ(api_key_fingerprint("drv_x"), sha256_hex("drv_x").substr(0, 12));
}

}  // namespace
}  // namespace drover::crypto
