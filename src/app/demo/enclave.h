#pragma once
// The day's attested endpoint: GPUs in confidential mode in a European region of CoreWeave, which
// prove what they run; or, for a while, another machine that claims to be them.
//
// Owned by the day; stop() before it goes. `cloud` outlives it. Loop thread only.

#include <memory>
#include <string>

#include "app/attestation.h"
#include "catalog/endpoint.h"
#include "net/asio_loop.h"
#include "sim/attested_site.h"
#include "sim/cloud.h"

namespace drover::app {

class DemoEnclave {
 public:
  static constexpr const char* kRegion = "EU-SOUTH-04";
  static constexpr const char* kModel = "llama-sealed";

  DemoEnclave(net::AsioLoop& loop, net::Network& network, sim::SimCloud& cloud);
  /// Keys and certificates go into the folder.
  Result<void> start(const std::string& folder);
  async::Task<void> stop(async::Context ctx);

  catalog::Endpoint endpoint() const;
  AttestedEndpoint attested() const;
  /// From now on it answers with the evidence of a machine that holds another key.
  void set_impostor(bool on);

 private:
  net::AsioLoop& loop_;
  net::Network& network_;
  sim::SimCloud& cloud_;
  SystemRandom random_;
  sim::NvidiaIssuer issuer_;
  crypto::SigningKey ca_key_, tls_key_;
  std::string folder_;
  std::unique_ptr<sim::AttestedSite> site_;
};

}  // namespace drover::app
