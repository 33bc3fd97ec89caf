#include "attest/nvidia.h"

#include <gtest/gtest.h>

#include <functional>

#include "attest/attest_test_documents.h"

namespace drover::attest {
namespace {

using Devices = std::vector<std::pair<std::string, std::string>>;

std::string with_gpu_fields(const std::function<void(sim::NvidiaFields&)>& change) {
  sim::NvidiaFields fields = nvidia_fields();
  change(fields);
  return outcome(nvidia().document(fields), nvidia_expected());
}
std::string with_expected_gpu(const std::function<void(Expectations&)>& change) {
  Expectations expected = nvidia_expected();
  change(expected);
  return outcome(nvidia().document(nvidia_fields()), expected);
}
std::string with_device_claim(const std::string& name, Json value) {
  return with_gpu_fields(
      [&](sim::NvidiaFields& f) { f.device_claims.set(name, std::move(value)); });
}

TEST(Nvidia, AGoodDocumentGivesItsClaims) {
  sim::NvidiaFields fields = nvidia_fields();
  fields.devices = {"GPU-0", "GPU-1"};
  auto claims = verify(nvidia().document(fields), nvidia_expected());
  ASSERT_TRUE(claims.has_value()) << claims.error().to_string();
  EXPECT_EQ(claims->kind, Kind::kNvidiaCc);
  EXPECT_EQ(claims->issued_at, kNow - 5s);
  EXPECT_EQ(claims->expires_at, kNow - 5s + 1h);
  EXPECT_TRUE(claims->for_nonce);
  EXPECT_TRUE(claims->bound);
  EXPECT_FALSE(claims->debug);
  Json json = claims->to_json();
  EXPECT_EQ(json.at("facts", "GPU-1.hwmodel")->dump(), "\"GH100 A01 GSP BROM\"");
  EXPECT_EQ(json.at("facts", "GPU-0.driver")->dump(), "\"550.90.07\"");
}

TEST(Nvidia, TimesAreCheckedAgainstTheOneHandedIn) {
  auto at = [](Duration d, Duration max_age = 10min) {
    return with_expected_gpu([&](Expectations& e) {
      e.now = kNow + d;
      e.max_age = max_age;
    });
  };
  EXPECT_EQ(at(9min), "good");
  EXPECT_EQ(at(10min), "stale");
  EXPECT_EQ(at(59min, 2h), "good");
  EXPECT_EQ(at(59min + 55s, 2h), "expired");
  EXPECT_EQ(at(-60s), "good");
  EXPECT_EQ(at(-66s), "not_yet_valid");
  for (const char* claim : {"iat", "nbf", "exp"}) {
    EXPECT_EQ(with_device_claim(claim, nullptr), "format") << claim;
    EXPECT_EQ(with_device_claim(claim, "1790000000"), "format") << claim;
    EXPECT_EQ(with_device_claim(claim, int64_t{99'999'999'999}), "format") << claim;
  }
  EXPECT_EQ(with_device_claim("exp", unix_seconds(kNow)), "expired") << "the device's own";
  EXPECT_EQ(with_gpu_fields(
                [](sim::NvidiaFields& f) { f.overall_claims.set("exp", unix_seconds(kNow)); }),
            "expired");
  EXPECT_EQ(with_device_claim("iat", unix_seconds(kNow + 90s)), "not_yet_valid");
  EXPECT_EQ(with_device_claim("nbf", unix_seconds(kNow + 90s)), "not_yet_valid");
}

TEST(Nvidia, OnlyPinnedIssuersCount) {
  EXPECT_EQ(with_expected_gpu([](Expectations& e) { e.trust.issuer_keys = {}; }), "key");
  EXPECT_EQ(with_expected_gpu([](Expectations& e) { e.trust.issuer = "https://other"; }), "issuer");
  EXPECT_EQ(with_device_claim("iss", "https://other"), "issuer");
  SeededRandom random(50);
  sim::NvidiaIssuer rogue(random, nvidia().issuer());
  EXPECT_EQ(outcome(rogue.document(nvidia_fields()), nvidia_expected()), "signature");
  // A device's token by another, bound by the right overall token, and the other way round.
  Devices devices = {{"GPU-0", rogue.sign(rogue.device_claims(nvidia_fields()))}};
  Json overall = nvidia().overall_claims(nvidia_fields(), devices);
  EXPECT_EQ(outcome(sim::NvidiaIssuer::bundle(nvidia().sign(overall), devices), nvidia_expected()),
            "signature");
  devices = {{"GPU-0", nvidia().sign(nvidia().device_claims(nvidia_fields()))}};
  overall = rogue.overall_claims(nvidia_fields(), devices);
  EXPECT_EQ(outcome(sim::NvidiaIssuer::bundle(rogue.sign(overall), devices), nvidia_expected()),
            "signature");
}

TEST(Nvidia, TheOverallTokenBindsExactlyItsDevices) {
  const sim::NvidiaFields f = nvidia_fields();
  auto device = [&](const char* ueid) {
    Json claims = nvidia().device_claims(f);
    claims.set("ueid", ueid);
    return nvidia().sign(claims);
  };
  const Devices bound = {{"GPU-0", device("0")}, {"GPU-1", device("1")}};
  const std::string overall = nvidia().sign(nvidia().overall_claims(f, bound));
  auto shown = [&](const Devices& devices) {
    return outcome(sim::NvidiaIssuer::bundle(overall, devices), nvidia_expected());
  };
  EXPECT_EQ(shown(bound), "good");
  EXPECT_EQ(shown({bound[1], bound[0]}), "good") << "the order says nothing";
  EXPECT_EQ(shown({bound[0]}), "digest") << "one left out";
  EXPECT_EQ(shown({bound[0], bound[1], {"GPU-2", device("2")}}), "digest") << "one added";
  EXPECT_EQ(shown({bound[0], {"GPU-1", device("other")}}), "digest") << "a good one of elsewhere";
  EXPECT_EQ(shown({{"GPU-0", bound[1].second}, {"GPU-1", bound[0].second}}), "digest");
  EXPECT_EQ(shown({}), "format");

  auto submods = [&](Json value) {
    Json claims = nvidia().overall_claims(f, {bound[0]});
    claims.set("submods", std::move(value));
    return outcome(sim::NvidiaIssuer::bundle(nvidia().sign(claims), {bound[0]}), nvidia_expected());
  };
  const std::string digest = crypto::sha256_hex(bound[0].second);
  auto parse = [](const std::string& text) { return Json::parse(text).value(); };
  EXPECT_EQ(submods(parse(R"({"GPU-0":["DIGEST",["SHA-256",")" + digest + R"("]]})")), "good");
  EXPECT_EQ(submods(parse(R"({"GPU-0":["DIGEST",["SHA-1",")" + digest + R"("]]})")), "digest");
  EXPECT_EQ(submods(parse(R"({"GPU-0":["JWT",["SHA-256",")" + digest + R"("]]})")), "digest");
  EXPECT_EQ(submods(parse(R"({"GPU-0":["DIGEST",["SHA-256"]]})")), "digest");
  EXPECT_EQ(submods(parse(R"({"GPU-0":["DIGEST",["SHA-256",""]]})")), "digest");
  EXPECT_EQ(submods(parse(R"({"GPU-0":")" + digest + R"("})")), "digest");
  EXPECT_EQ(submods(nullptr), "digest");
}

TEST(Nvidia, EveryCheckOfTheIssuerMustHavePassed) {
  EXPECT_EQ(with_gpu_fields([](sim::NvidiaFields& f) {
              f.overall_claims.set("x-nvidia-overall-att-result", false);
            }),
            "verdict");
  EXPECT_EQ(with_gpu_fields([](sim::NvidiaFields& f) {
              f.overall_claims.set("x-nvidia-overall-att-result", "true");
            }),
            "verdict");
  EXPECT_EQ(with_device_claim("measres", "fail"), "measurement");
  EXPECT_EQ(with_device_claim("measres", nullptr), "measurement");
  EXPECT_EQ(with_device_claim("secboot", false), "verdict");
  EXPECT_EQ(with_device_claim("secboot", nullptr), "verdict");
  EXPECT_EQ(with_device_claim("x-nvidia-gpu-arch-check", false), "verdict");
  EXPECT_EQ(with_device_claim("x-nvidia-a-check-of-tomorrow", false), "verdict");
  auto chain = [](const char* status, const char* ocsp) {
    Json out = Json::object();
    out.set("x-nvidia-cert-status", status).set("x-nvidia-cert-ocsp-status", ocsp);
    return out;
  };
  EXPECT_EQ(with_device_claim("x-nvidia-gpu-driver-rim-cert-chain", chain("valid", "good")),
            "good");
  EXPECT_EQ(with_device_claim("x-nvidia-gpu-driver-rim-cert-chain", chain("expired", "good")),
            "verdict");
  EXPECT_EQ(with_device_claim("x-nvidia-gpu-driver-rim-cert-chain", chain("valid", "revoked")),
            "verdict");
  EXPECT_EQ(with_device_claim("x-nvidia-gpu-driver-rim-cert-chain", Json::object()), "verdict");
  EXPECT_EQ(with_device_claim("x-nvidia-gpu-driver-rim-cert-chain", nullptr), "verdict");
}

TEST(Nvidia, DebuggingMustBeKnownToBeOff) {
  EXPECT_EQ(with_device_claim("dbgstat", "enabled"), "debug");
  EXPECT_EQ(with_device_claim("dbgstat", nullptr), "debug");
  sim::NvidiaFields fields = nvidia_fields();
  fields.device_claims.set("dbgstat", "enabled");
  Expectations expected = nvidia_expected();
  expected.trust.allow_debug = true;
  auto claims = verify(nvidia().document(fields), expected);
  ASSERT_TRUE(claims.has_value());
  EXPECT_TRUE(claims->debug);
}

TEST(Nvidia, HardwareAndDriversAreAllowLists) {
  EXPECT_EQ(with_expected_gpu([](Expectations& e) {
              e.trust.hardware = {"GB100", "GH100"};
              e.trust.drivers = {"550.90.07"};
            }),
            "good");
  EXPECT_EQ(with_expected_gpu([](Expectations& e) { e.trust.hardware = {"GB100"}; }),
            "measurement");
  EXPECT_EQ(with_expected_gpu([](Expectations& e) { e.trust.drivers = {"550.90.0"}; }),
            "measurement");
}

TEST(Nvidia, IsForOurNonceAndOurConnection) {
  const crypto::Digest other = crypto::sha256("another key");
  EXPECT_EQ(with_gpu_fields([](sim::NvidiaFields& f) { f.nonce.back() ^= 1; }), "nonce");
  EXPECT_EQ(
      with_gpu_fields([&](sim::NvidiaFields& f) { f.nonce = bound_nonce(kNonce, other).view(); }),
      "nonce")
      << "relayed from behind another key";
  EXPECT_EQ(with_gpu_fields([](sim::NvidiaFields& f) { f.nonce = kNonce; }), "nonce")
      << "bound to no connection";
  EXPECT_EQ(with_device_claim("eat_nonce", nullptr), "nonce");
  EXPECT_EQ(with_device_claim("eat_nonce", to_hex(kNonce)), "nonce");
  EXPECT_EQ(with_gpu_fields([](sim::NvidiaFields& f) { f.overall_claims.set("eat_nonce", ""); }),
            "nonce");
  EXPECT_EQ(with_expected_gpu([](Expectations& e) { e.nonce.reset(); }), "binding");
  // Without a connection the nonce itself is expected.
  sim::NvidiaFields plain = nvidia_fields();
  plain.nonce = kNonce;
  Expectations unbound = nvidia_expected();
  unbound.connection_key.reset();
  EXPECT_EQ(outcome(nvidia().document(plain), unbound), "good");
}

TEST(Nvidia, TokensCannotChooseTheirAlgorithmNorSayThingsTwice) {
  const sim::NvidiaFields f = nvidia_fields();
  auto shown = [&](const std::string& device) {
    const Devices devices = {{"GPU-0", device}};
    return outcome(
        sim::NvidiaIssuer::bundle(nvidia().sign(nvidia().overall_claims(f, devices)), devices),
        nvidia_expected());
  };
  const std::string claims = nvidia().device_claims(f).dump();
  EXPECT_EQ(shown(to_base64url(R"({"alg":"none"})") + "." + to_base64url(claims) + "."),
            "algorithm");
  const std::string hs = R"({"alg":"HS256","kid":"sim-eat-key-1"})";
  EXPECT_EQ(shown(to_base64url(hs) + "." + to_base64url(claims) + "." + to_base64url("x")),
            "algorithm");
  std::string twice = to_base64url(R"({"alg":"ES384","kid":"sim-eat-key-1"})") + ".";
  twice += to_base64url(R"({"dbgstat":"enabled",)" + claims.substr(1));
  twice += "." + to_base64url(nvidia().key().sign(twice));
  EXPECT_EQ(shown(twice), "format");
}

TEST(Nvidia, HasOneForm) {
  const std::string good = nvidia().document(nvidia_fields());
  const std::string token = nvidia().sign(nvidia().device_claims(nvidia_fields()));
  auto refused = [](const std::string& text) {
    EXPECT_EQ(outcome(text, nvidia_expected()), "format") << text.substr(0, 40);
  };
  refused("");
  refused("{}");
  refused("[]");
  refused(good + good);
  refused(R"([["CWT",")" + token + R"("],{"GPU-0":")" + token + R"("}])");
  refused(R"([["JWT",1],{"GPU-0":")" + token + R"("}])");
  refused(R"([["JWT",")" + token + R"("],{"GPU-0":1}])");
  refused(R"([["JWT",")" + token + R"("],{"GPU-0":")" + token + R"(","GPU-0":")" + token +
          R"("}])");
  refused(R"([["JWT",")" + token + R"("],{"GPU-0":")" + token + R"("},1])");
  refused(std::string(limits::kEvidenceBytesMax + 1, ' '));
}

/// Changes every byte (each bit of it, and white space to other white space). All must be refused,
/// except where white space between the parts of the JSON becomes other white space: that is not
/// signed and says nothing, and the claims must then be the same.
void expect_flips_refused_or_void(const std::string& text, const Expectations& expected) {
  auto claims = verify(text, expected);
  ASSERT_TRUE(claims.has_value()) << claims.error().to_string();
  auto space = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
  auto facts = [](const Claims& c) {
    Json out = c.to_json();
    out.erase("document_sha256");
    return out.dump();
  };
  size_t void_changes = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    for (int bit = 0; bit < 8; ++bit) {
      changed[i] = static_cast<char>(text[i] ^ (1 << bit));
      ASSERT_NE(outcome(changed, expected), "good") << "byte " << i << " bit " << bit;
    }
    if (!space(text[i])) continue;
    changed[i] = text[i] == ' ' ? '\n' : ' ';
    auto again = verify(changed, expected);
    ASSERT_TRUE(again.has_value()) << "byte " << i;
    EXPECT_EQ(facts(*again), facts(*claims));
    ++void_changes;
  }
  EXPECT_GT(void_changes, 0u) << "the document should have some white space";
  for (size_t n = 0; n < text.size(); ++n) {
    ASSERT_NE(outcome(text.substr(0, n), expected), "good") << n;
  }
}

TEST(Nvidia, EveryFlipAndCutIsRefusedOrSaysNothing) {
  const std::string text = Json::parse(nvidia().document(nvidia_fields()))->pretty();
  expect_flips_refused_or_void(text, nvidia_expected());
}

// A real answer of NVIDIA's service, 2025-06-11. Its issuer's keys were not recorded with it, so it
// is followed up to the signature, and its claims are signed anew to go beyond.
constexpr const char* kRealToken = "nvidia/hopperClaimsv3_detached_eat.json";

TEST(NvidiaReal, DigestsBindTheDeviceTokenAndTheUnpinnedKeyIsRefused) {
  const std::string text = read_document(kRealToken);
  if (text.empty()) GTEST_SKIP() << "shared: no " << document_path(kRealToken);
  auto eat = parse_detached_eat(text);
  ASSERT_TRUE(eat.has_value()) << eat.error().to_string();
  EXPECT_EQ(eat->overall.algorithm, "ES384");
  EXPECT_TRUE(check_digests(*eat).has_value());
  ASSERT_TRUE(eat->devices.contains("GPU-0"));
  Json decoded = Json::parse(read_document("nvidia/hopperClaimsv3_decoded.json")).value();
  EXPECT_TRUE(eat->devices.at("GPU-0").claims.same_value(*decoded.find("GPU-0")));

  Expectations expected = nvidia_expected();
  EXPECT_EQ(outcome(text, expected), "key");
  // The same id, another key.
  expected.trust.issuer_keys.add(eat->overall.key_id, nvidia().key().public_key());
  EXPECT_EQ(outcome(text, expected), "signature");

  // A change of any bit of the device's token is told as such, before any key is looked at.
  const size_t begin = text.find("\"GPU-0\"") + 10;
  const size_t end = text.rfind('"');
  size_t digest = 0;
  for (size_t i = text.find("eyJ", begin); i < end; ++i) {
    std::string changed = text;
    changed[i] = static_cast<char>(text[i] ^ (1 << (i % 8)));
    const std::string why = outcome(changed, expected);
    ASSERT_TRUE(why == "digest" || why == "format") << "byte " << i << ": " << why;
    if (why == "digest") ++digest;
  }
  EXPECT_GT(digest, 100u) << "most flips still give base64url";
}

TEST(NvidiaReal, ItsClaimsSignedAnewVerifyAndEveryFlipIsRefused) {
  const std::string text = read_document(kRealToken);
  if (text.empty()) GTEST_SKIP() << "shared: no " << document_path(kRealToken);
  auto eat = parse_detached_eat(text);
  ASSERT_TRUE(eat.has_value());
  const Devices devices = {{"GPU-0", nvidia().sign(eat->devices.at("GPU-0").claims)}};
  Json overall = eat->overall.claims;
  overall.set("submods", *nvidia().overall_claims(nvidia_fields(), devices).find("submods"));
  const std::string again =
      Json::parse(sim::NvidiaIssuer::bundle(nvidia().sign(overall), devices))->pretty();
  Expectations expected = nvidia_expected();
  expected.trust.issuer = Trust().issuer;
  expected.connection_key.reset();
  expected.nonce =
      from_hex("931d8dd0add203ac3d8b4fbde75e115278eefcdceac5b87671a748f32364dfcb").value();
  expected.now = wall_from_unix_millis(1'749'601'858'000) + 1min;
  EXPECT_EQ(outcome(again, expected), "good") << verify(again, expected).error().to_string();
  auto changed = [&](auto change) {
    Expectations e = expected;
    change(e);
    return outcome(again, e);
  };
  EXPECT_EQ(changed([](Expectations& e) { e.now += 2h; }), "expired");
  EXPECT_EQ(changed([](Expectations& e) { e.nonce = kNonce; }), "nonce");
  EXPECT_EQ(changed([](Expectations& e) { e.connection_key = kKey; }), "nonce");
  EXPECT_EQ(changed([](Expectations& e) { e.trust.drivers = {"1"}; }), "measurement");
  expect_flips_refused_or_void(again, expected);
}

}  // namespace
}  // namespace drover::attest
