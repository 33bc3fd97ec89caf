#include "app/demo/enclave.h"

#include "app/attested_keys.h"
#include "base/assert.h"
#include "http/message.h"

namespace drover::app {
namespace {

size_t site_of(const sim::SimCloud& cloud, std::string_view region) {
  const auto places = cloud.places();
  for (size_t i = 0; i < places.size(); ++i) {
    if (places[i].region == region) return i;
  }
  DROVER_ASSERT(false);
  return 0;
}

/// What its operator states of it, beside the starter catalog's facts of the region.
constexpr std::string_view kFacts =
    R"({"tenancy":"dedicated","cleared_for":"restricted","retention":"none",
        "trains_on_data":false,"human_review":false,"hardware":"gh100",
        "attestation":"nvidia-cc","zone":"es","prompt_cache":"es"})";

}  // namespace

DemoEnclave::DemoEnclave(net::AsioLoop& loop, net::Network& network, sim::SimCloud& cloud)
    : loop_(loop),
      network_(network),
      cloud_(cloud),
      issuer_(random_),
      ca_key_(sim::NitroIssuer::make_key(random_)),
      tls_key_(sim::NitroIssuer::make_key(random_)) {}

Result<void> DemoEnclave::start(const std::string& folder) {
  folder_ = folder;
  TRY_VOID(write_tls_keys(folder, ca_key_, tls_key_, loop_.wall()));
  sim::AttestedSiteOptions options;
  options.local.ip = "127.0.0.1";
  options.tls.enabled = true;
  options.tls.cert_file = folder + "/tls.pem";
  options.tls.key_file = folder + "/tls.key";
  options.tls.alpn = {"http/1.1"};
  options.key = tls_key_.public_key().fingerprint();
  options.nvidia = &issuer_;
  http::Handler rest = cloud_.handler(site_of(cloud_, kRegion));
  site_ = std::make_unique<sim::AttestedSite>(loop_, network_, options, std::move(rest));
  return site_->start();
}

async::Task<void> DemoEnclave::stop(async::Context ctx) {
  if (site_ != nullptr) co_await site_->stop(ctx);
}

catalog::Endpoint DemoEnclave::endpoint() const {
  catalog::Endpoint e;
  e.id = cloud_.name() + "/" + kRegion + "/" + kModel;
  e.provider = "vllm";
  e.model = kModel;
  e.upstream_model = "meta-llama/Llama-3.3-70B-Instruct";
  e.region = kRegion;
  e.zone = "es";
  e.base_url = site_->url() + "/v1";
  e.ca_file = folder_ + "/ca.pem";
  e.credentials.source = "env:DEMO_BEARER_" + cloud_.name();
  e.price.input = Money::parse_usd("1.2e-6").value_or(Money());
  e.price.output = e.price.input;
  e.price.known = true;
  e.facts = catalog::Facts::from_json(*Json::parse(kFacts), "operator", "").value();
  return e;
}

AttestedEndpoint DemoEnclave::attested() const {
  AttestedEndpoint out;
  out.endpoint = endpoint().id;
  out.origin = http::Url::parse(site_->url()).value().origin();
  out.url = site_->attestation_url();
  out.ca_file = folder_ + "/ca.pem";
  out.kind = attest::Kind::kNvidiaCc;
  // A day takes half a minute. Tokens are dated by the second, and a busy machine is late to ask.
  out.max_age = 5s;
  out.trust.issuer_keys = issuer_.keys();
  out.trust.issuer = issuer_.issuer();
  out.trust.hardware = {"GH100"};
  return out;
}

void DemoEnclave::set_impostor(bool on) {
  site_->set_key(on ? crypto::sha256("the key of another machine")
                    : tls_key_.public_key().fingerprint());
}

}  // namespace drover::app
