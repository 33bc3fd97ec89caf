#include "app/attestation.h"

#include <gtest/gtest.h>

#include "async/sim_loop.h"
#include "base/bytes.h"
#include "net/sim_net.h"
#include "sim/attested_site.h"

namespace drover::app {
namespace {

using async::Context;
using async::Task;

const std::string kPcr0(48, '\x11');

std::map<int, std::string> good_pcrs() {
  std::map<int, std::string> out;
  for (int i = 0; i <= 2; ++i) out[i] = kPcr0;
  return out;
}

Task<void> answer_hello(Context ctx, http::ServerRequest& request, http::ServerResponse& response) {
  (void)request;
  http::ResponseHead head;
  std::string body = "hello";
  auto sent = co_await response.respond(ctx, std::move(head), std::move(body));
  (void)sent;
}

Task<Result<std::string>> ask(Context ctx, http::Client* client, std::string url) {
  http::ClientRequest request;
  request.method = "GET";
  request.url = http::Url::parse(url).value();
  CO_TRY(auto response, co_await client->send(ctx, request));
  co_return co_await response->read_all(ctx, 1'000);
}

/// An enclave on the simulated network, and who keeps its evidence.
class AttestationTest : public ::testing::Test {
 protected:
  AttestationTest() {
    tls_.enabled = true;
    tls_.cert_file = "enclave's key";
    tls_.alpn = {"http/1.1"};
    sim::AttestedSiteOptions options;
    options.local.ip = "enclave.test";
    options.local.port = 443;
    options.tls = tls_;
    options.key = key_of(tls_);
    options.pcrs = good_pcrs();
    options.nitro = &nitro_;
    site_ = std::make_unique<sim::AttestedSite>(loop_, net_, options, answer_hello);
    EXPECT_TRUE(site_->start().has_value());
    keeper_.set_endpoints({endpoint()});
  }
  ~AttestationTest() override {
    loop_.run_task(keeper_.stop());
    plain_->clear_idle();
    client_.clear_idle();
    loop_.run_task(site_->stop(context_));
  }

  static crypto::Digest key_of(const net::TlsServerOptions& tls) {
    const std::string key = net::sim_peer_key(tls);
    crypto::Digest out;
    std::copy(key.begin(), key.end(), out.bytes.begin());
    return out;
  }
  AttestedEndpoint endpoint() {
    AttestedEndpoint out;
    out.endpoint = "enclave";
    out.origin = "https://enclave.test";
    out.url = "https://enclave.test/attestation";
    out.kind = attest::Kind::kAwsNitro;
    out.trust.roots = {nitro_.root().fingerprint()};
    out.trust.pcrs[0] = {kPcr0};
    return out;
  }
  bool fresh(Duration max_age = 10min) { return keeper_.fresh("enclave", "aws-nitro", max_age); }
  std::string get(const std::string& url = "https://enclave.test/v1") {
    auto answer = loop_.run_task(ask(context_.with_timeout(10s), &client_, url));
    return answer ? *answer : answer.error().reason + ": " + answer.error().message;
  }

  async::SimLoop loop_;
  net::SimNetwork net_{loop_, 1};
  Context context_{loop_};
  SeededRandom random_{4};
  sim::NitroIssuer nitro_{random_, loop_.wall() - 24h};
  net::TlsServerOptions tls_;
  std::unique_ptr<sim::AttestedSite> site_;
  EvidenceKeeper keeper_{context_, net_.dialer(), random_};
  std::unique_ptr<http::Client> plain_ = http::make_client(loop_, net_.dialer());
  AttestedClient client_{keeper_, *plain_};
};

TEST_F(AttestationTest, EvidenceIsFetchedAndTheEndpointExists) {
  EXPECT_FALSE(fresh()) << "nothing was asked yet";
  loop_.run_for(1s);
  EXPECT_TRUE(fresh());
  EXPECT_FALSE(keeper_.fresh("enclave", "nvidia-cc", 10min));
  EXPECT_FALSE(keeper_.fresh("enclave", "anything", 10min));
  EXPECT_FALSE(keeper_.fresh("other", "aws-nitro", 10min));
  EXPECT_EQ(get(), "hello");
  EXPECT_TRUE(keeper_.holder().find("enclave")->claims.bound);
}

TEST_F(AttestationTest, EvidenceIsKeptFreshForHours) {
  loop_.run_for(1s);
  for (int hour = 0; hour < 6; ++hour) {
    loop_.run_for(1h);
    ASSERT_TRUE(fresh()) << hour;
    ASSERT_EQ(get(), "hello") << hour;
  }
  EXPECT_GT(site_->documents(), 6u * 11);
  EXPECT_LT(site_->documents(), 6u * 14);
  EXPECT_LE(keeper_.holder().nonces_out(), 1u);
}

TEST_F(AttestationTest, EvidenceIsAsYoungAsTheRulesWantIt) {
  policy::EvidenceNeed need;
  need.kind = "aws-nitro";
  need.max_age = 2min;
  policy::EvidenceNeed other;
  other.kind = "nvidia-cc";
  other.max_age = 10s;
  keeper_.set_endpoints({endpoint()}, {need, other});
  loop_.run_for(1s);
  const size_t before = site_->documents();
  for (int i = 0; i < 40; ++i) {
    loop_.run_for(30s);
    ASSERT_TRUE(fresh(2min)) << i;
  }
  EXPECT_LT(site_->documents() - before, 24u) << "once a minute";
}

TEST_F(AttestationTest, WhatACallWantsYoungerIsFetchedFromThenOn) {
  loop_.run_for(4min);
  EXPECT_FALSE(fresh(2min)) << "nobody has said so";
  loop_.run_for(1s);
  EXPECT_TRUE(fresh(2min));
  for (int i = 0; i < 20; ++i) {
    loop_.run_for(30s);
    ASSERT_TRUE(fresh(2min)) << i;
  }
  net_.add_fault("enclave.test", net::Fault::refuse());  // only to save documents
  loop_.run_for(limits::kEvidenceAskedFor);
  net_.clear_faults("enclave.test");
  loop_.run_for(2min);
  const size_t before = site_->documents();
  loop_.run_for(1h);
  EXPECT_LT(site_->documents() - before, 14u) << "nobody wants it any more";
  EXPECT_TRUE(fresh());
}

TEST_F(AttestationTest, HoweverYoungItIsWantedItIsNotFetchedWithoutEnd) {
  loop_.run_for(1min);
  const size_t before = site_->documents();
  for (int i = 0; i < 60; ++i) {
    loop_.run_for(1s);
    fresh(1ms);
  }
  EXPECT_GE(site_->documents() - before, 10u);
  EXPECT_LE(site_->documents() - before, 13u);
}

TEST_F(AttestationTest, BeforeItsEvidenceNothingIsSent) {
  std::string why = get();
  EXPECT_NE(why.find("attestation: nothing is sent to https://enclave.test: no evidence"),
            std::string::npos)
      << why;
  loop_.run_for(1s);
  EXPECT_EQ(get(), "hello");
}

TEST_F(AttestationTest, AnotherSoftwareIsRefusedAndTheOldEvidenceGoes) {
  loop_.run_for(1s);
  ASSERT_TRUE(fresh());
  site_->set_pcrs({{0, std::string(48, 'x')}, {1, kPcr0}, {2, kPcr0}});
  EXPECT_TRUE(fresh()) << "it does not know yet";
  loop_.run_for(6min);
  EXPECT_FALSE(fresh());
  EXPECT_NE(get().find("attestation: "), std::string::npos);
  site_->set_pcrs(good_pcrs());
  loop_.run_for(61s);
  EXPECT_TRUE(fresh()) << "asked again with pauses of a minute at most";
  EXPECT_EQ(get(), "hello");
}

TEST_F(AttestationTest, AReplayedDocumentIsRefused) {
  loop_.run_for(1s);
  ASSERT_TRUE(fresh());
  site_->set_replay(true);
  loop_.run_for(6min);
  EXPECT_FALSE(fresh());
}

TEST_F(AttestationTest, ADocumentOfAnotherKeyIsRefused) {
  site_->set_key(crypto::sha256("of the enclave behind"));
  loop_.run_for(1s);
  EXPECT_FALSE(fresh());
}

TEST_F(AttestationTest, AnOutageTakesNothingAwayButTimeDoes) {
  loop_.run_for(1s);
  ASSERT_TRUE(fresh());
  net_.add_fault("enclave.test", net::Fault::refuse());
  loop_.run_for(9min);
  EXPECT_TRUE(fresh());
  loop_.run_for(2min);
  EXPECT_FALSE(fresh());
}

TEST_F(AttestationTest, TheReportSaysAgeExpiryAndVerdict) {
  auto one = [&] { return keeper_.report().array_items()->front(); };
  EXPECT_EQ(one().get_string("verdict"), "none");
  EXPECT_EQ(one().get_string("why"), "no evidence of kind aws-nitro");
  loop_.run_for(3min);
  Json good = one();
  EXPECT_EQ(good.get_string("endpoint"), "enclave");
  EXPECT_EQ(good.get_string("kind"), "aws-nitro");
  EXPECT_EQ(good.get_string("verdict"), "fresh");
  EXPECT_EQ(good.find("why"), nullptr);
  EXPECT_GE(*good.get_int("age_s"), 150);
  EXPECT_LE(*good.get_int("age_s"), 180);
  WallTime expires = *parse_rfc3339(*good.get_string("expires"));
  EXPECT_GT(expires, loop_.wall());
  EXPECT_LE(expires, loop_.wall() + endpoint().max_age);
  net_.add_fault("enclave.test", net::Fault::refuse());
  loop_.run_for(11min);
  Json gone = one();
  EXPECT_EQ(gone.get_string("verdict"), "not fresh");
  EXPECT_NE(gone.get_string("why")->find("old, at most"), std::string::npos) << gone.dump();
  EXPECT_EQ(gone.get_string("last_failure"), keeper_.last_failure("enclave"));
  EXPECT_NE(keeper_.last_failure("enclave"), "") << gone.dump();
  EXPECT_EQ(keeper_.last_failure("another"), "");
}

TEST_F(AttestationTest, AnotherMachineUnderTheNameGetsNothing) {
  loop_.run_for(1s);
  ASSERT_EQ(get(), "hello");
  // Somebody else answers under the name and port, with a key of their own.
  loop_.run_task(site_->stop(context_));
  net::TlsServerOptions other = tls_;
  other.cert_file = "another's key";
  net::Endpoint local;
  local.ip = "enclave.test";
  local.port = 443;
  auto listener = net_.listen(local, other);
  ASSERT_TRUE(listener.has_value()) << listener.error().to_string();
  http::Server impostor(loop_, *std::move(listener), answer_hello);
  impostor.start();
  EXPECT_NE(get().find("attestation: enclave.test answers with another key"), std::string::npos)
      << get();
  loop_.run_task(impostor.stop(context_, 1s));
}

TEST_F(AttestationTest, OriginsThatAreNotAttestedAreNotTouched) {
  net::Endpoint local;
  local.ip = "plain.test";
  local.port = 80;
  auto listener = net_.listen(local, net::TlsServerOptions());
  ASSERT_TRUE(listener.has_value());
  http::Server plain(loop_, *std::move(listener), answer_hello);
  plain.start();
  EXPECT_EQ(get("http://plain.test/x"), "hello");
  client_.clear_idle();
  loop_.run_task(plain.stop(context_, 1s));
}

TEST_F(AttestationTest, ANewConfigurationBeginsAnew) {
  loop_.run_for(1s);
  ASSERT_TRUE(fresh());
  AttestedEndpoint other = endpoint();
  other.trust.pcrs[0] = {std::string(48, 'y')};
  keeper_.set_endpoints({other});
  EXPECT_FALSE(fresh());
  loop_.run_for(5min);
  EXPECT_FALSE(fresh());
  keeper_.set_endpoints({});
  EXPECT_FALSE(keeper_.guards("https://enclave.test"));
  EXPECT_EQ(get(), "hello") << "no longer attested: an endpoint like any other";
}

}  // namespace
}  // namespace drover::app
