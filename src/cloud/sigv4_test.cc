#include "cloud/sigv4.h"

#include <gtest/gtest.h>

#include <set>

#include "base/limits/cloud.h"
#include "cloud/sigv4_verify.h"

namespace drover::cloud::sigv4 {
namespace {

using Fields = std::vector<http::Headers::Field>;

const WallTime kNow = *parse_rfc3339("2026-11-23T09:20:00Z");
constexpr std::string_view kSecretCanary = "CANARYsecretCANARYsecretCANARYsecret";
constexpr std::string_view kTokenCanary = "CANARYtokenCANARYtoken+/=";

AwsCredentials credentials(bool session = false) {
  AwsCredentials out;
  out.access_key_id = "AKIDTEST";
  out.secret_access_key = Secret(kSecretCanary);
  if (session) out.session_token = Secret(kTokenCanary);
  out.source = "test";
  return out;
}

/// A request with everything it owns, signed on demand and checked by a verifier of its region.
struct Exchange {
  std::string method = "POST";
  std::string target = "/model/us.x-v1%3A0/converse?a=1&b=%20";
  Fields headers = {{"host", "bedrock-runtime.us-east-1.amazonaws.com"},
                    {"content-type", "application/json"}};
  std::string authority;
  std::string body = R"({"messages":[]})";
  AwsCredentials keys = credentials();
  VerifyPolicy policy;

  Exchange() {
    policy.region = "us-east-1";
    policy.services = {"bedrock", "bedrock-mantle"};
  }
  Request view() {
    hash_ = crypto::sha256_hex(body);
    return Request{method, target, headers, authority, hash_};
  }
  void sign(const Options& options = {}, WallTime at = kNow, std::string region = "us-east-1",
            std::string service = "bedrock") {
    Signer signer(std::move(region), std::move(service));
    auto added = signer.sign(view(), keys, at, options);
    ASSERT_TRUE(added) << added.error().message;
    headers.insert(headers.end(), added->begin(), added->end());
  }
  Result<Verified> verify(WallTime at = kNow) {
    Verifier verifier(
        policy, [this](std::string_view id) { return id == keys.access_key_id ? &keys : nullptr; });
    return verifier.verify(view(), at);
  }
  std::string reason(WallTime at = kNow) {
    auto verified = verify(at);
    return verified ? "" : verified.error().reason;
  }

 private:
  std::string hash_;
};

TEST(Canonical, PathsAreTakenAsSent) {
  EXPECT_EQ(canonical_path("/model/us.x-v1%3A0/converse", {}), "/model/us.x-v1%253A0/converse");
  EXPECT_EQ(canonical_path("/model/us.x-v1:0/converse", {}), "/model/us.x-v1%3A0/converse");
  EXPECT_EQ(canonical_path("/bucket/a%20b%2Fc", {false, false}), "/bucket/a%20b/c");
  EXPECT_EQ(canonical_path("", {}), "/");
  EXPECT_EQ(canonical_path("/a/./b//../c/", {}), "/a/c/");
  EXPECT_EQ(canonical_path("/../..", {}), "/");
  EXPECT_EQ(canonical_path("/a/..", {}), "/");
}

TEST(Canonical, QueriesAreSortedAndEncodedOnce) {
  EXPECT_EQ(canonical_query("b=2&a=1&a=0"), "a=0&a=1&b=2");
  EXPECT_EQ(canonical_query("a-b=1&a=2"), "a=2&a-b=1");
  EXPECT_EQ(canonical_query("x&y=&=z&&"), "=z&x=&y=");
  EXPECT_EQ(canonical_query("a=%2f%41+%zz%"), "a=%2FA%2B%25zz%25");
  EXPECT_EQ(canonical_query("a=b=c"), "a=b%3Dc");
  EXPECT_EQ(canonical_query("X-Amz-Signature=1&a=1", "X-Amz-Signature"), "a=1");
  EXPECT_EQ(canonical_query(""), "");
}

TEST(Canonical, HeadersAreTrimmedJoinedAndSorted) {
  const CanonicalHeaders out =
      canonical_headers({{"b", " x \t y\r\n z "}, {"a", "2"}, {"b", "w"}, {"a", ""}});
  EXPECT_EQ(out.lines, "a:2,\nb:x y z,w\n");
  EXPECT_EQ(out.names, "a;b");
}

TEST(Canonical, AmzDates) {
  EXPECT_EQ(*parse_amz_date("20261123T092000Z"), kNow);
  for (const char* bad : {"", "20261123T092000", "20261323T092000Z", "2026-11-23T09:20Z",
                          "20261123 092000Z", "20261123T09200xZ"}) {
    EXPECT_FALSE(parse_amz_date(bad)) << bad;
  }
}

TEST(Signer, SignsEveryHeaderButThoseThatChangeOnTheWay) {
  Exchange x;
  x.headers.insert(x.headers.end(), {{"User-Agent", "drover"},
                                     {"Connection", "keep-alive"},
                                     {"traceparent", "00-1-2-01"},
                                     {"Authorization", "stale"},
                                     {"X-Amz-Date", "stale"},
                                     {"X-Custom", "kept"}});
  Signer signer("us-east-1", "bedrock");
  auto added = signer.sign(x.view(), x.keys, kNow);
  ASSERT_TRUE(added);
  EXPECT_EQ(added->back().first, "Authorization");
  EXPECT_NE(added->back().second.find("SignedHeaders=content-type;host;x-amz-date;x-custom,"),
            std::string::npos)
      << added->back().second;
}

TEST(Signer, TheAuthorityStandsInForAHostHeader) {
  Exchange x;
  x.headers.clear();
  x.authority = "example.com";
  x.sign();
  EXPECT_TRUE(x.verify());
  x.authority = "example.org";
  EXPECT_EQ(x.reason(), "InvalidSignatureException");

  Exchange none;
  none.headers.clear();
  EXPECT_FALSE(Signer("r", "s").sign(none.view(), none.keys, kNow));
}

TEST(Signer, RefusesHeaderNamesThatTheListCannotCarry) {
  for (const char* name : {"", "a;b", "a,b", "a b", "a\xc3", ":path"}) {
    Exchange x;
    x.headers.push_back({name, "v"});
    EXPECT_FALSE(Signer("us-east-1", "bedrock").sign(x.view(), x.keys, kNow)) << name;
  }
}

TEST(Signer, RefusesCredentialsThatCannotWork) {
  Exchange x;
  x.keys.expires = kNow;
  auto expired = Signer("us-east-1", "bedrock").sign(x.view(), x.keys, kNow);
  ASSERT_FALSE(expired);
  EXPECT_EQ(expired.error().code, Code::kUnauthenticated);
  EXPECT_EQ(expired.error().to_string().find("CANARY"), std::string::npos);
  x.keys = AwsCredentials();
  EXPECT_FALSE(Signer("us-east-1", "bedrock").sign(x.view(), x.keys, kNow));
}

TEST(Signer, TheKeyCacheGivesTheSameKeysWhenItOverflows) {
  Exchange x;
  Signer signer("us-east-1", "bedrock");
  std::set<std::string> signatures;
  for (int round = 0; round < 2; ++round) {
    for (size_t day = 0; day < limits::kSigningKeysMax + 10; ++day) {
      Explanation kept;
      Options options;
      options.explain = &kept;
      ASSERT_TRUE(signer.sign(x.view(), x.keys, kNow + day * std::chrono::hours(24), options));
      EXPECT_EQ(signatures.insert(kept.signature).second, round == 0);
    }
  }
  // Same key id, other secret: the cache must not mix them up.
  Explanation kept;
  Options options;
  options.explain = &kept;
  x.keys.secret_access_key = Secret("another secret");
  ASSERT_TRUE(signer.sign(x.view(), x.keys, kNow, options));
  EXPECT_TRUE(signatures.insert(kept.signature).second);
}

TEST(Verifier, TakesWhatTheSignerMakes) {
  for (bool session : {false, true}) {
    for (bool payload : {false, true}) {
      Exchange x;
      x.keys = credentials(session);
      Options options;
      options.send_payload_hash = payload;
      x.sign(options);
      auto verified = x.verify();
      ASSERT_TRUE(verified) << verified.error().to_string();
      EXPECT_EQ(verified->region, "us-east-1");
      EXPECT_EQ(verified->service, "bedrock");
    }
  }
}

TEST(Verifier, TakesPresignedTargets) {
  Exchange x;
  x.keys = credentials(true);
  Signer signer("us-east-1", "bedrock");
  auto target = signer.presign(x.view(), x.keys, kNow, 600s);
  ASSERT_TRUE(target);
  x.target = *target;
  EXPECT_TRUE(x.verify());
  EXPECT_TRUE(x.verify(kNow + 599s));
  EXPECT_EQ(x.reason(kNow + 601s), "InvalidSignatureException");
  EXPECT_EQ(x.reason(kNow - 301s), "InvalidSignatureException");
  x.target = target->substr(0, target->size() - 1);
  EXPECT_EQ(x.reason(), "InvalidSignatureException");
  EXPECT_FALSE(signer.presign(x.view(), x.keys, kNow, 500ms));
  EXPECT_FALSE(signer.presign(x.view(), x.keys, kNow, std::chrono::hours(169)));
}

TEST(Verifier, ColonsInPathsAreNotThatOfTheOtherForm) {
  Exchange x;
  x.sign();
  EXPECT_TRUE(x.verify());
  x.target = "/model/us.x-v1:0/converse?a=1&b=%20";
  EXPECT_EQ(x.reason(), "InvalidSignatureException");

  Exchange bare;
  bare.target = "/model/us.x-v1:0/converse";
  bare.sign();
  EXPECT_TRUE(bare.verify());
}

TEST(Verifier, Http2SignsAuthority) {
  Exchange x;
  x.headers = {{":authority", "bedrock-runtime.us-east-1.amazonaws.com"}};
  x.sign();
  EXPECT_TRUE(x.verify());
  // A server that hands the pseudo-header on as host, or apart, still finds it.
  x.headers[0].first = "host";
  EXPECT_TRUE(x.verify());
  x.headers.erase(x.headers.begin());
  x.authority = "bedrock-runtime.us-east-1.amazonaws.com";
  EXPECT_TRUE(x.verify());
  x.authority = "elsewhere";
  EXPECT_EQ(x.reason(), "InvalidSignatureException");
}

TEST(Verifier, OneFlippedByteAnywhereIsRefused) {
  Exchange good;
  good.keys = credentials(true);
  Options options;
  options.send_payload_hash = true;
  good.sign(options);
  ASSERT_TRUE(good.verify());
  const auto refused = [](Exchange& bad) { return !bad.verify(); };
  for (size_t i = 0; i < good.method.size(); ++i) {
    Exchange bad = good;
    bad.method[i] ^= 1;
    ASSERT_TRUE(refused(bad)) << "method " << i;
  }
  for (size_t i = 0; i < good.target.size(); ++i) {
    Exchange bad = good;
    bad.target[i] ^= 1;
    ASSERT_TRUE(refused(bad)) << "target " << i;
  }
  for (size_t i = 0; i < good.body.size(); ++i) {
    Exchange bad = good;
    bad.body[i] ^= 1;
    ASSERT_TRUE(refused(bad)) << "body " << i;
  }
  for (size_t h = 0; h < good.headers.size(); ++h) {
    for (size_t i = 0; i < good.headers[h].second.size(); ++i) {
      Exchange bad = good;
      bad.headers[h].second[i] ^= 1;
      ASSERT_TRUE(refused(bad)) << good.headers[h].first << " " << i;
    }
  }
}

TEST(Verifier, NamesEachRefusal) {
  const auto refusal = [](auto change, auto after) {
    Exchange x;
    change(x);
    x.sign();
    after(x);
    return x.reason();
  };
  const auto nothing = [](Exchange&) {};
  EXPECT_EQ(refusal(nothing, [](Exchange& x) { x.headers.pop_back(); }),
            "MissingAuthenticationTokenException");
  EXPECT_EQ(refusal(nothing, [](Exchange& x) { x.headers.back().second = "Bearer abc"; }),
            "MissingAuthenticationTokenException");
  EXPECT_EQ(refusal(nothing, [](Exchange& x) { x.headers.back().second = "AWS4-HMAC-SHA256 x"; }),
            "IncompleteSignatureException");
  EXPECT_EQ(refusal(nothing, [](Exchange& x) { x.keys.access_key_id = "AKIDOTHER"; }),
            "UnrecognizedClientException");
  EXPECT_EQ(refusal(nothing, [](Exchange& x) { x.keys.session_token = Secret("needed"); }),
            "UnrecognizedClientException");
  EXPECT_EQ(refusal([](Exchange& x) { x.keys = credentials(true); },
                    [](Exchange& x) { x.keys.session_token = Secret("another"); }),
            "UnrecognizedClientException");
  EXPECT_EQ(refusal(nothing, [](Exchange& x) { x.keys.expires = kNow; }), "ExpiredTokenException");
  EXPECT_EQ(refusal(nothing, [](Exchange& x) { x.policy.region = "eu-west-1"; }),
            "InvalidSignatureException");
  EXPECT_EQ(refusal(nothing, [](Exchange& x) { x.policy.services = {"s3"}; }),
            "InvalidSignatureException");
  EXPECT_EQ(refusal(nothing, [](Exchange& x) { x.headers.push_back({"X-Amz-Extra", "1"}); }),
            "InvalidSignatureException");
  EXPECT_EQ(refusal(nothing, [](Exchange& x) { x.headers.erase(x.headers.begin() + 1); }),
            "InvalidSignatureException");
  EXPECT_EQ(refusal(nothing, nothing), "");
}

TEST(Verifier, ClocksMayDifferByFiveMinutes) {
  Exchange x;
  x.sign();
  EXPECT_EQ(x.reason(kNow + 300s), "");
  EXPECT_EQ(x.reason(kNow - 300s), "");
  EXPECT_EQ(x.reason(kNow + 301s), "InvalidSignatureException");
  EXPECT_EQ(x.reason(kNow - 301s), "InvalidSignatureException");
}

TEST(Verifier, DatesBeyondReasonAreRefused) {
  for (const char* date : {"99991231T235959Z", "00010101T000000Z", "20261332T250000Z"}) {
    Exchange x;
    x.headers.push_back({"x-amz-date", date});
    x.headers.push_back({"authorization", "AWS4-HMAC-SHA256 Credential=AKIDTEST/" +
                                              std::string(date, 8) +
                                              "/us-east-1/bedrock/aws4_request, "
                                              "SignedHeaders=host;x-amz-date, Signature=0"});
    EXPECT_EQ(x.reason(), "InvalidSignatureException") << date;
  }
}

TEST(Verifier, UnsignedPayloadsOnlyWhereAllowed) {
  Exchange x;
  const std::string body = x.body;
  Request unsigned_body = x.view();
  unsigned_body.payload_hash = kUnsignedPayload;
  Options options;
  options.send_payload_hash = true;
  auto added = Signer("us-east-1", "bedrock").sign(unsigned_body, x.keys, kNow, options);
  ASSERT_TRUE(added);
  x.headers.insert(x.headers.end(), added->begin(), added->end());
  EXPECT_EQ(x.reason(), "InvalidSignatureException");
  x.policy.allow_unsigned_payload = true;
  EXPECT_TRUE(x.verify());
  x.body = "anything";
  EXPECT_TRUE(x.verify());
}

TEST(Verifier, MalformedClaimsAreRefusedWithoutEchoingSecrets) {
  const char* const bad[] = {
      "AWS4-HMAC-SHA256 ",
      "AWS4-HMAC-SHA256 Credential=, SignedHeaders=host, Signature=x",
      "AWS4-HMAC-SHA256 Credential=AKIDTEST/20261123/us-east-1/bedrock, SignedHeaders=host, "
      "Signature=x",
      "AWS4-HMAC-SHA256 Credential=AKIDTEST/20261123/us-east-1/bedrock/aws4_request, "
      "SignedHeaders=x;host, Signature=x",
      "AWS4-HMAC-SHA256 Credential=AKIDTEST/20261123/us-east-1/bedrock/aws4_request, "
      "SignedHeaders=Host, Signature=x",
      "AWS4-HMAC-SHA256 Credential=AKIDTEST/20261123/us-east-1/bedrock/aws4_request, "
      "SignedHeaders=host;host, Signature=x",
      "AWS4-HMAC-SHA256 Credential=AKIDTEST/20261123/us-east-1/bedrock/aws4_request, "
      "SignedHeaders=host;, Signature=x",
      "AWS4-HMAC-SHA256 Credential=AKIDTEST/20261123/us-east-1/bedrock/aws4_request, "
      "SignedHeaders=host, Signature=x, Signature=y",
      "AWS4-HMAC-SHA256 Credential=AKIDTEST/20261123/us-east-1/bedrock/aws4_request, "
      "SignedHeaders=host",
  };
  for (const char* value : bad) {
    Exchange x;
    x.headers.push_back({"x-amz-date", "20261123T092000Z"});
    x.headers.push_back({"authorization", value});
    auto verified = x.verify();
    ASSERT_FALSE(verified) << value;
    EXPECT_EQ(verified.error().reason, "IncompleteSignatureException") << value;
    EXPECT_EQ(verified.error().to_string().find("CANARY"), std::string::npos);
  }
}

}  // namespace
}  // namespace drover::cloud::sigv4
