#include "attest/nitro.h"

#include <gtest/gtest.h>

#include <functional>

#include "attest/attest_test_documents.h"

namespace drover::attest {
namespace {

using crypto::CborWriter;

std::string message(std::string_view document, const Expectations& expected) {
  auto claims = verify(document, expected);
  return claims ? "good" : claims.error().message;
}

/// The outcome after a change of what the document says, or of what is expected.
std::string with_fields(const std::function<void(sim::NitroFields&)>& change) {
  sim::NitroFields fields = nitro_fields();
  change(fields);
  return outcome(nitro().document(fields), nitro_expected());
}
std::string with_expected(const std::function<void(Expectations&)>& change) {
  Expectations expected = nitro_expected();
  change(expected);
  return outcome(nitro().document(nitro_fields()), expected);
}

TEST(Nitro, AGoodDocumentGivesItsClaims) {
  const std::string document = nitro().document(nitro_fields());
  auto claims = verify(document, nitro_expected());
  ASSERT_TRUE(claims.has_value()) << claims.error().to_string();
  EXPECT_EQ(claims->kind, Kind::kAwsNitro);
  EXPECT_EQ(claims->subject, nitro_fields().module_id);
  EXPECT_EQ(claims->issued_at, kNow - 5s);
  EXPECT_EQ(claims->expires_at, kNow - 65s + 3h) << "the leaf's end";
  EXPECT_FALSE(claims->debug);
  EXPECT_TRUE(claims->for_nonce);
  EXPECT_TRUE(claims->bound);
  EXPECT_EQ(claims->document, crypto::sha256(document));
  Json json = claims->to_json();
  EXPECT_EQ(json.at("facts", "pcr0")->dump(), "\"" + to_hex(kPcr0) + "\"");
  EXPECT_EQ(json.at("facts", "pcr15"), nullptr) << "never written, says nothing";
}

TEST(Nitro, WhatIsNotExpectedIsNotClaimed) {
  Expectations expected = nitro_expected();
  expected.nonce.reset();
  expected.connection_key.reset();
  auto claims = verify(nitro().document(nitro_fields()), expected);
  ASSERT_TRUE(claims.has_value());
  EXPECT_FALSE(claims->for_nonce);
  EXPECT_FALSE(claims->bound);
}

TEST(Nitro, TimesAreCheckedAgainstTheOneHandedIn) {
  auto at = [](Duration d, Duration max_age = 10min) {
    return with_expected([&](Expectations& e) {
      e.now = kNow + d;
      e.max_age = max_age;
    });
  };
  EXPECT_EQ(at(0s), "good");
  EXPECT_EQ(at(9min + 50s), "good");
  EXPECT_EQ(at(9min + 56s), "stale");
  EXPECT_EQ(at(2h, 24h), "good");
  EXPECT_EQ(at(3h, 24h), "expired") << "the leaf lives three hours";
  EXPECT_EQ(at(-30s), "good") << "a clock half a minute behind";
  EXPECT_EQ(at(-2min), "not_yet_valid") << "the leaf";
  EXPECT_EQ(at(-26h), "not_yet_valid");
  EXPECT_EQ(at(365 * 24h, 999 * 24h), "expired");
  // The certificate is valid, the document is from the future.
  sim::NitroFields ahead = nitro_fields();
  ahead.timestamp = kNow + 61s;
  std::string document = crypto::make_cose_sign1(
      sim::NitroIssuer::payload(ahead, nitro().leaf(kNow), {nitro().root(), nitro().zone()}),
      nitro().leaf_key());
  EXPECT_EQ(outcome(document, nitro_expected()), "not_yet_valid");
  EXPECT_NE(message(document, nitro_expected()).find("clocks"), std::string::npos);
}

TEST(Nitro, OnlyPinnedRootsCount) {
  EXPECT_EQ(with_expected([](Expectations& e) { e.trust.roots.clear(); }), "root")
      << "AWS's own is pinned then";
  EXPECT_EQ(with_expected([](Expectations& e) { e.trust.roots = {crypto::sha256("other")}; }),
            "root");
  // Another root of the same name, with a chain that is good in itself.
  SeededRandom random(99);
  sim::NitroIssuer rogue(random, kNow - 24h);
  EXPECT_EQ(outcome(rogue.document(nitro_fields()), nitro_expected()), "root");
  // The pinned root is shown, but the chain is another's.
  std::string document = crypto::make_cose_sign1(
      sim::NitroIssuer::payload(nitro_fields(), rogue.leaf(kNow), {nitro().root(), rogue.zone()}),
      rogue.leaf_key());
  EXPECT_EQ(outcome(document, nitro_expected()), "chain");
  // The pinned root is shown, and nothing leads to it.
  document = crypto::make_cose_sign1(
      sim::NitroIssuer::payload(nitro_fields(), nitro().leaf(kNow), {nitro().root()}),
      nitro().leaf_key());
  EXPECT_EQ(outcome(document, nitro_expected()), "chain");
}

TEST(Nitro, ASelfSignedDocumentIsRefusedAtTheRoot) {
  SeededRandom random(7);
  crypto::SigningKey key = sim::NitroIssuer::make_key(random);
  auto own = sim::NitroIssuer::issue("me", kNow - 1h, 24h, -1, key, nullptr, key);
  std::string document =
      crypto::make_cose_sign1(sim::NitroIssuer::payload(nitro_fields(), own, {own}), key);
  EXPECT_EQ(outcome(document, nitro_expected()), "root");
}

TEST(Nitro, TheSignatureIsByTheCertificatesKey) {
  SeededRandom random(8);
  crypto::SigningKey other = sim::NitroIssuer::make_key(random);
  const std::string payload = sim::NitroIssuer::payload(nitro_fields(), nitro().leaf(kNow),
                                                        {nitro().root(), nitro().zone()});
  EXPECT_EQ(outcome(crypto::make_cose_sign1(payload, other), nitro_expected()), "signature");
  EXPECT_EQ(outcome(crypto::make_cose_sign1(payload, nitro().zone_key()), nitro_expected()),
            "signature");
  crypto::SigningKey small =
      crypto::SigningKey::generate(crypto::SignatureAlgorithm::kEs256, random);
  EXPECT_EQ(outcome(crypto::make_cose_sign1(payload, small), nitro_expected()), "algorithm")
      << "the header says ES256";
  auto leaf = sim::NitroIssuer::issue("enclave", kNow - 1min, 3h, -1, small, &nitro().zone(),
                                      nitro().zone_key());
  EXPECT_EQ(
      outcome(crypto::make_cose_sign1(
                  sim::NitroIssuer::payload(nitro_fields(), leaf, {nitro().root(), nitro().zone()}),
                  small),
              nitro_expected()),
      "algorithm")
      << "ES256 throughout";
  // An enclave's certificate must not vouch for another enclave.
  auto below = sim::NitroIssuer::issue("below", kNow - 1min, 3h, -1, other, &nitro().zone(),
                                       nitro().leaf_key());
  EXPECT_EQ(
      outcome(crypto::make_cose_sign1(
                  sim::NitroIssuer::payload(nitro_fields(), below,
                                            {nitro().root(), nitro().zone(), nitro().leaf(kNow)}),
                  other),
              nitro_expected()),
      "chain");
}

TEST(Nitro, MeasurementsAreAnAllowList) {
  EXPECT_EQ(with_expected([](Expectations& e) {
              e.trust.pcrs[0] = {std::string(48, 'x'), kPcr0};
              e.trust.pcrs[2] = {std::string(48, '\x33')};
            }),
            "good");
  EXPECT_EQ(with_expected([](Expectations& e) { e.trust.pcrs[0] = {std::string(48, 'x')}; }),
            "measurement");
  EXPECT_EQ(with_expected([](Expectations& e) { e.trust.pcrs[0] = {kPcr0.substr(1)}; }),
            "measurement");
  EXPECT_EQ(with_expected([](Expectations& e) { e.trust.pcrs[0] = {}; }), "measurement");
  EXPECT_EQ(with_expected([](Expectations& e) { e.trust.pcrs[8] = {std::string(48, '\0')}; }),
            "measurement")
      << "a register that the document does not have is not zero";
  EXPECT_EQ(with_expected([](Expectations& e) { e.trust.pcrs.clear(); }), "measurement")
      << "no list is not any enclave";
  EXPECT_EQ(with_expected([](Expectations& e) {
              e.trust.pcrs.clear();
              e.trust.any_measurement = true;
            }),
            "good");
}

TEST(Nitro, DebugModeIsRefused) {
  for (int i = 0; i <= 2; ++i) {
    EXPECT_EQ(with_fields([&](sim::NitroFields& f) { f.pcrs[i] = std::string(48, '\0'); }),
              "debug");
    EXPECT_EQ(with_fields([&](sim::NitroFields& f) { f.pcrs.erase(i); }), "format");
  }
  sim::NitroFields fields = nitro_fields();
  fields.pcrs[1] = std::string(48, '\0');
  Expectations expected = nitro_expected();
  expected.trust.allow_debug = true;
  auto claims = verify(nitro().document(fields), expected);
  ASSERT_TRUE(claims.has_value());
  EXPECT_TRUE(claims->debug);
}

TEST(Nitro, IsForOurNonceAndOurConnection) {
  EXPECT_EQ(with_fields([](sim::NitroFields& f) { f.nonce->back() ^= 1; }), "nonce");
  EXPECT_EQ(with_fields([](sim::NitroFields& f) { f.nonce->pop_back(); }), "nonce");
  EXPECT_EQ(with_fields([](sim::NitroFields& f) { f.nonce = ""; }), "nonce");
  EXPECT_EQ(with_fields([](sim::NitroFields& f) { f.nonce.reset(); }), "nonce");
  EXPECT_EQ(with_fields([](sim::NitroFields& f) { f.user_data->front() ^= 1; }), "binding");
  EXPECT_EQ(with_fields([](sim::NitroFields& f) { f.user_data.reset(); }), "binding");
  EXPECT_EQ(with_fields([](sim::NitroFields& f) {
              f.user_data.reset();
              f.public_key = "the connection's SubjectPublicKeyInfo";
            }),
            "good");
  EXPECT_EQ(with_fields([](sim::NitroFields& f) {
              f.user_data.reset();
              f.public_key = std::string(kKey.view());
            }),
            "binding")
      << "public_key is a key, not a digest";
}

/// A payload with one field written anew (nullptr: left out), signed by the right key.
std::string with_payload(std::string_view field,
                         const std::function<void(CborWriter&)>& write = nullptr) {
  const std::string good = sim::NitroIssuer::payload(nitro_fields(), nitro().leaf(kNow),
                                                     {nitro().root(), nitro().zone()});
  const crypto::CborValue map = crypto::parse_cbor(good).value();
  CborWriter out;
  out.map(map.items.size() / 2 - (write == nullptr ? 1 : 0));
  for (size_t i = 0; i < map.items.size(); i += 2) {
    if (map.items[i].text == field && write == nullptr) continue;
    out.value(map.items[i]);
    if (map.items[i].text == field) {
      write(out);
    } else {
      out.value(map.items[i + 1]);
    }
  }
  return crypto::make_cose_sign1(out.out(), nitro().leaf_key());
}

TEST(Nitro, EveryFieldHasItsForm) {
  auto null = [](CborWriter& out) { out.null(); };
  auto text = [](CborWriter& out) { out.text("x"); };
  for (std::string_view field :
       {"module_id", "digest", "timestamp", "pcrs", "certificate", "cabundle"}) {
    EXPECT_EQ(outcome(with_payload(field), nitro_expected()), "format") << field << " left out";
    EXPECT_EQ(outcome(with_payload(field, null), nitro_expected()), "format") << field;
    if (field == "module_id") continue;
    EXPECT_EQ(outcome(with_payload(field, text), nitro_expected()), "format") << field;
  }
  for (std::string_view field : {"public_key", "user_data", "nonce"}) {
    EXPECT_EQ(outcome(with_payload(field, text), nitro_expected()), "format") << field;
    auto large = [](CborWriter& out) { out.bytes(std::string(1'025, 'x')); };
    EXPECT_EQ(outcome(with_payload(field, large), nitro_expected()), "format") << field;
  }
  EXPECT_EQ(outcome(with_payload("public_key"), nitro_expected()), "good");
  auto number = [](CborWriter& out) { out.map(1).integer(32).bytes(kPcr0); };
  EXPECT_EQ(outcome(with_payload("pcrs", number), nitro_expected()), "format");
  auto short_pcr = [](CborWriter& out) { out.map(1).integer(0).bytes("x"); };
  EXPECT_EQ(outcome(with_payload("pcrs", short_pcr), nitro_expected()), "format");
  auto twice = [](CborWriter& out) { out.map(2).integer(0).bytes(kPcr0).integer(0).bytes(kPcr0); };
  EXPECT_EQ(outcome(with_payload("pcrs", twice), nitro_expected()), "format");
  auto seconds = [](CborWriter& out) { out.unsigned_integer(UINT64_MAX); };
  EXPECT_EQ(outcome(with_payload("timestamp", seconds), nitro_expected()), "format");
  auto many = [](CborWriter& out) {
    out.array(9);
    for (int i = 0; i < 9; ++i) out.bytes(nitro().root().der());
  };
  EXPECT_EQ(outcome(with_payload("cabundle", many), nitro_expected()), "format");
}

TEST(Nitro, AFieldThatStandsTwiceIsRefused) {
  CborWriter out;
  out.map(10).text("nonce").bytes(kNonce);
  const std::string good = sim::NitroIssuer::payload(nitro_fields(), nitro().leaf(kNow),
                                                     {nitro().root(), nitro().zone()});
  std::string document = crypto::make_cose_sign1(out.out() + good.substr(1), nitro().leaf_key());
  EXPECT_EQ(outcome(document, nitro_expected()), "format");
  EXPECT_NE(message(document, nitro_expected()).find("twice"), std::string::npos);
}

/// Flips a bit in each byte, another one each time; all eight in what frames the payload. Nothing
/// of a document may change unnoticed: every byte of it is signed, is the signature, or is the
/// framing in its only allowed spelling.
void expect_every_flip_refused(const std::string& document, const Expectations& expected) {
  ASSERT_EQ(outcome(document, expected), "good") << message(document, expected);
  const size_t payload = document.find("module_id") - 2;
  const size_t signature = document.size() - 96;
  for (size_t i = 0; i < document.size(); ++i) {
    const bool framing = i < payload || (i + 2 >= signature && i < signature);
    for (int bit = 0; bit < 8; ++bit) {
      if (!framing && bit != static_cast<int>(i % 8)) continue;
      std::string flipped = document;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << bit));
      ASSERT_NE(outcome(flipped, expected), "good") << "byte " << i << " bit " << bit;
    }
  }
}

void expect_every_cut_refused(const std::string& document, const Expectations& expected) {
  for (size_t n = 0; n < document.size(); ++n) {
    ASSERT_NE(outcome(document.substr(0, n), expected), "good") << n;
  }
  ASSERT_NE(outcome(document + '\0', expected), "good");
  ASSERT_NE(outcome(document + document, expected), "good");
}

TEST(Nitro, EveryFlipAndCutOfOurDocumentIsRefused) {
  expect_every_flip_refused(nitro().document(nitro_fields()), nitro_expected());
  expect_every_cut_refused(nitro().document(nitro_fields()), nitro_expected());
}

// A real document of a debug enclave, 2024-09-07, whose free fields are 1,024 ones each.
constexpr const char* kReal = "nitro/nitro_attestation_debug.b64";

Expectations real_expected() {
  Expectations out;
  out.now = wall_from_unix_millis(1'725'719'886'508) + 3min;
  out.nonce = std::string(1'024, '\x01');
  out.trust.allow_debug = true;
  out.trust.any_measurement = true;
  return out;
}

TEST(NitroReal, VerifiesAtItsTimeAndAtNoOther) {
  const std::string text = read_document(kReal);
  if (text.empty()) GTEST_SKIP() << "shared: no " << document_path(kReal);
  const std::string document = from_base64(text).value();
  Expectations expected = real_expected();
  auto claims = verify(document, expected);
  ASSERT_TRUE(claims.has_value()) << claims.error().to_string();
  EXPECT_EQ(claims->subject, "i-0a22e5c5f24d22174-enc0191ccebaf8feaba");
  EXPECT_EQ(format_rfc3339(claims->issued_at), "2024-09-07T14:38:06.508000Z");
  EXPECT_EQ(format_rfc3339(claims->expires_at), "2024-09-07T17:38:06.000000Z");
  EXPECT_TRUE(claims->debug);
  EXPECT_EQ(claims->to_json().at("facts", "root")->dump(), "\"aws.nitro-enclaves\"");

  auto changed = [&](auto change) {
    Expectations e = real_expected();
    change(e);
    return outcome(document, e);
  };
  EXPECT_EQ(changed([](Expectations& e) { e.trust.allow_debug = false; }), "debug");
  EXPECT_EQ(changed([](Expectations& e) { e.trust.roots = {nitro().root().fingerprint()}; }),
            "root");
  EXPECT_EQ(changed([](Expectations& e) { e.now += 3h; }), "expired");
  EXPECT_EQ(changed([](Expectations& e) { e.now = kNow; }), "expired");
  EXPECT_EQ(changed([](Expectations& e) { e.now += 8min; }), "stale");
  EXPECT_EQ(changed([](Expectations& e) { e.now -= 1h; }), "not_yet_valid");
  EXPECT_EQ(changed([](Expectations& e) { e.trust.any_measurement = false; }), "measurement");
  EXPECT_EQ(changed([](Expectations& e) {
              e.trust.any_measurement = false;
              e.trust.pcrs[4] = {std::string(48, '\0')};
            }),
            "measurement");
  EXPECT_EQ(changed([](Expectations& e) { e.nonce = kNonce; }), "nonce");
  EXPECT_EQ(changed([](Expectations& e) { e.connection_key = kKey; }), "binding");
  EXPECT_EQ(changed([](Expectations& e) { e.kind = Kind::kNvidiaCc; }), "format");
}

TEST(NitroReal, EveryFlipAndCutIsRefused) {
  const std::string text = read_document(kReal);
  if (text.empty()) GTEST_SKIP() << "shared: no " << document_path(kReal);
  const std::string document = from_base64(text).value();
  expect_every_flip_refused(document, real_expected());
  expect_every_cut_refused(document, real_expected());
}

TEST(NitroReal, ASelfSignedDocumentOfOthersIsRefused) {
  constexpr const char* kSelfSigned = "nitro/selfsigned_attestation.b64";
  const std::string text = read_document(kSelfSigned);
  if (text.empty()) GTEST_SKIP() << "shared: no " << document_path(kSelfSigned);
  const std::string document = from_base64(text).value();
  Expectations expected = real_expected();
  expected.nonce.reset();
  expected.now = wall_from_unix_millis(1'713'379'906'000);
  expected.max_age = 99'999 * 24h;
  // Its unprotected header is null and it brings no chain at all, so it does not get to a root.
  EXPECT_EQ(outcome(document, expected), "format");
}

}  // namespace
}  // namespace drover::attest
