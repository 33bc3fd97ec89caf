#include "app/config_attestation.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "sim/attester.h"

namespace drover::app {
namespace {

const WallTime kNow = wall_from_unix_millis(1'790'000'000'000);

struct Files {
  SeededRandom random{5};
  sim::NitroIssuer nitro{random, kNow};
  sim::NvidiaIssuer nvidia{random};
  ReadFile read() {
    return [this](const std::string& path) -> Result<std::string> {
      if (path == "etc/root.pem") return nitro.root().pem();
      if (path == "etc/jwks.json") return nvidia.keys().to_json().dump();
      return fail(Code::kNotFound, path + ": no such file");
    };
  }
};

ConfigOutcome read(Files& files, const std::string& section,
                   const std::string& base = "https://enclave.test:8443/v1") {
  const std::string text =
      "endpoints:\n  - id: e\n    provider: openai\n    model: m\n    base_url: " + base +
      "\n    attestation:\n" + section;
  return parse_config("etc/drover.yaml", text, files.read());
}

std::string faults(const ConfigOutcome& outcome) {
  std::string out;
  for (const ConfigFault& fault : outcome.faults) out += fault.to_string() + "\n";
  return out;
}

const std::string kPcr(96, '1');

TEST(ConfigAttestation, ReadsANitroEndpoint) {
  Files files;
  auto outcome = read(files,
                      "      kind: aws-nitro\n      url: https://enclave.test:8443/attestation\n"
                      "      max_age: 5m\n      pcrs: {0: [" +
                          kPcr + ", " + std::string(96, 'a') + "], 8: " + kPcr +
                          "}\n      roots: [root.pem]\n");
  ASSERT_EQ(faults(outcome), "");
  ASSERT_EQ(outcome.config.attested.size(), 1u);
  const AttestedEndpoint& e = outcome.config.attested[0];
  EXPECT_EQ(e.endpoint, "e");
  EXPECT_EQ(e.origin, "https://enclave.test:8443");
  EXPECT_EQ(e.max_age, 5min);
  EXPECT_EQ(e.trust.pcrs.at(0).size(), 2u);
  EXPECT_EQ(to_hex(e.trust.pcrs.at(8).front()), kPcr) << "digits alone stay as written";
  ASSERT_EQ(e.trust.roots.size(), 1u);
  EXPECT_EQ(e.trust.roots[0], files.nitro.root().fingerprint());
  EXPECT_FALSE(e.trust.allow_debug);
}

TEST(ConfigAttestation, ReadsAnNvidiaEndpoint) {
  Files files;
  auto outcome = read(files,
                      "      kind: nvidia-cc\n      url: https://enclave.test:8443/a\n"
                      "      issuer_keys: jwks.json\n      hardware: GH100\n"
                      "      drivers: [550.90.07]\n");
  ASSERT_EQ(faults(outcome), "");
  ASSERT_EQ(outcome.config.attested.size(), 1u);
  const attest::Trust& trust = outcome.config.attested[0].trust;
  EXPECT_EQ(trust.issuer_keys.size(), 1u);
  EXPECT_EQ(trust.issuer, "https://nras.attestation.nvidia.com");
  EXPECT_EQ(trust.hardware, std::vector<std::string>{"GH100"});
}

TEST(ConfigAttestation, FaultsSayWhatToWrite) {
  Files files;
  auto has = [&](const std::string& section, const std::string& what,
                 const std::string& base = "https://enclave.test/v1") {
    auto outcome = read(files, section, base);
    EXPECT_NE(faults(outcome).find(what), std::string::npos) << faults(outcome);
    EXPECT_TRUE(outcome.config.attested.empty());
  };
  const std::string nitro = "      kind: aws-nitro\n      url: https://enclave.test/a\n";
  const std::string pcrs = "      pcrs: {0: " + kPcr + "}\n";
  has(nitro, "any enclave of anybody");
  has(nitro + "      pcrs: {0: abcd}\n", "96 hex digits");
  has(nitro + "      pcrs: {32: " + kPcr + "}\n", "no PCR '32'");
  has(nitro + pcrs + "      allow_debug: true\n", "unknown setting 'allow_debug'");
  has(nitro + pcrs + "      max_age: soon\n", "not a length of time");
  has(nitro + pcrs + "      roots: [nowhere.pem]\n", "nowhere.pem: no such file");
  has(nitro + pcrs, "base_url with https", "http://enclave.test/v1");
  has("      kind: aws-nitro\n      url: http://enclave.test/a\n" + pcrs, "must be an https URL");
  has("      kind: sgx\n      url: https://enclave.test/a\n", "aws-nitro, nvidia-cc");
  has("      kind: nvidia-cc\n      url: https://enclave.test/a\n", "issuer_keys");
}

}  // namespace
}  // namespace drover::app
