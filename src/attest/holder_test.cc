#include "attest/holder.h"

#include <gtest/gtest.h>

#include "attest/attest_test_documents.h"

namespace drover::attest {
namespace {

constexpr Requirement kNitro{Kind::kAwsNitro, 10min};

class HolderTest : public ::testing::Test {
 protected:
  std::string document(const std::string& nonce) {
    sim::NitroFields fields = nitro_fields();
    fields.nonce = nonce;
    return nitro().document(fields);
  }
  std::string accept(const std::string& endpoint, const std::string& nonce,
                     const std::string& document) {
    auto claims = holder_.accept(endpoint, nonce, document, nitro_expected());
    return claims ? "good" : claims.error().reason;
  }

  SeededRandom random_{3};
  EvidenceHolder holder_{random_};
};

TEST_F(HolderTest, HoldsWhatWasVerifiedForItsNonce) {
  EXPECT_EQ(why_not(holder_.find("e"), kNitro, kNow), "no evidence of kind aws-nitro");
  const uint64_t before = holder_.epoch();
  std::string nonce = holder_.issue_nonce("e", kNow - 1s);
  EXPECT_EQ(nonce.size(), 32u);
  EXPECT_EQ(accept("e", nonce, document(nonce)), "good");
  EXPECT_NE(holder_.epoch(), before);
  ASSERT_NE(holder_.find("e"), nullptr);
  EXPECT_EQ(holder_.find("e")->connection_key, kKey);
  EXPECT_EQ(holder_.find("e")->verified_at, kNow);
  EXPECT_EQ(why_not(holder_.find("e"), kNitro, kNow), "");
  EXPECT_EQ(holder_.find("other"), nullptr);
}

TEST_F(HolderTest, ANonceCountsOnceForOneEndpointAndNotForLong) {
  std::string nonce = holder_.issue_nonce("e", kNow);
  EXPECT_EQ(accept("f", nonce, document(nonce)), "nonce") << "of another endpoint";
  EXPECT_EQ(accept("e", nonce, document(nonce)), "good");
  EXPECT_EQ(accept("e", nonce, document(nonce)), "nonce") << "the same document once more";
  EXPECT_EQ(why_not(holder_.find("e"), kNitro, kNow), "") << "what was good stays";

  nonce = holder_.issue_nonce("e", kNow - 3min);
  EXPECT_EQ(accept("e", nonce, document(nonce)), "nonce") << "too late";
  nonce = holder_.issue_nonce("e", kNow + 1s);
  EXPECT_EQ(accept("e", nonce, document(nonce)), "nonce") << "the clock went back";
  std::string first = holder_.issue_nonce("e", kNow);
  std::string second = holder_.issue_nonce("e", kNow);
  EXPECT_NE(first, second);
  EXPECT_EQ(accept("e", first, document(first)), "nonce") << "replaced";
  EXPECT_EQ(accept("e", second, document(second)), "good");
  EXPECT_EQ(accept("e", "", document(second)), "nonce");
}

TEST_F(HolderTest, AReplayedDocumentProvesNothing) {
  std::string old = holder_.issue_nonce("e", kNow);
  std::string recorded = document(old);
  EXPECT_EQ(accept("e", old, recorded), "good");
  std::string fresh = holder_.issue_nonce("e", kNow);
  EXPECT_EQ(accept("e", fresh, recorded), "nonce");
  EXPECT_EQ(holder_.find("e"), nullptr) << "who fails its check is not trusted on an older one";
  EXPECT_EQ(accept("e", fresh, document(fresh)), "nonce") << "the nonce is used up all the same";
}

TEST_F(HolderTest, WithoutAConnectionsKeyNothingIsHeld) {
  std::string nonce = holder_.issue_nonce("e", kNow);
  Expectations expected = nitro_expected();
  expected.connection_key.reset();
  auto claims = holder_.accept("e", nonce, document(nonce), expected);
  ASSERT_FALSE(claims.has_value());
  EXPECT_EQ(claims.error().reason, "binding");
  EXPECT_EQ(holder_.find("e"), nullptr);
}

TEST_F(HolderTest, WhyNotNamesTheReason) {
  std::string nonce = holder_.issue_nonce("e", kNow);
  ASSERT_EQ(accept("e", nonce, document(nonce)), "good");
  const Evidence* held = holder_.find("e");
  auto contains = [&](const Requirement& requirement, WallTime at, std::string_view part) {
    std::string why = why_not(held, requirement, at);
    EXPECT_NE(why.find(part), std::string::npos) << why;
  };
  contains({Kind::kNvidiaCc, 10min}, kNow, "of kind aws-nitro, not nvidia-cc");
  EXPECT_EQ(why_not(held, kNitro, kNow + 9min), "");
  contains(kNitro, kNow + 10min, "old, at most 10 min");
  EXPECT_EQ(why_not(held, {Kind::kAwsNitro, 24h}, kNow + 2h), "");
  contains({Kind::kAwsNitro, 24h}, kNow + 3h, "has expired at");
  contains(kNitro, kNow - 2min, "clocks is wrong");
  contains({Kind::kAwsNitro, Duration(0)}, kNow, "old");
}

TEST_F(HolderTest, IsBoundedAndForgets) {
  EvidenceHolder small(random_, 1);
  for (const char* endpoint : {"a", "b"}) {
    std::string nonce = small.issue_nonce(endpoint, kNow);
    auto claims = small.accept(endpoint, nonce, document(nonce), nitro_expected());
    EXPECT_EQ(claims.has_value(), endpoint[0] == 'a');
    if (!claims) EXPECT_EQ(claims.error().code, Code::kResourceExhausted);
  }
  EXPECT_EQ(small.size(), 1u);
  const uint64_t before = small.epoch();
  small.forget("a");
  EXPECT_EQ(small.find("a"), nullptr);
  EXPECT_NE(small.epoch(), before);

  std::string first = holder_.issue_nonce("first", kNow);
  for (size_t i = 0; i < limits::kNoncesMax; ++i) {
    holder_.issue_nonce("e" + std::to_string(i), kNow + 1s);
  }
  EXPECT_EQ(holder_.nonces_out(), limits::kNoncesMax);
  EXPECT_EQ(accept("first", first, document(first)), "nonce") << "the oldest made room";
}

TEST(Kinds, HaveNames) {
  EXPECT_EQ(*parse_kind("aws-nitro"), Kind::kAwsNitro);
  EXPECT_EQ(*parse_kind("nvidia-cc"), Kind::kNvidiaCc);
  auto unknown = parse_kind("sgx");
  ASSERT_FALSE(unknown.has_value());
  EXPECT_NE(unknown.error().message.find("aws-nitro, nvidia-cc"), std::string::npos);
}

}  // namespace
}  // namespace drover::attest
