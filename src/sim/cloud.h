#pragma once
// A simulated cloud: HTTP/1.1 and HTTP/2 on one port for each region, speaking its cloud's wire
// form, checking keys and signatures, with quotas, latency, faults, an outage switch, and books of
// what it was asked (ledger.h). Runs on any loop and network, real or simulated.
//
//   SimCloud cloud(loop, network, options);
//   TRY_VOID(cloud.start());
//   use(cloud.places()[0].url);
//   cloud.set_outage(true);          // also over HTTP: POST {control_url}/_sim/outage {"on": true}
//
// Ownership: the cloud owns its servers; call stop() and await it before it goes. Loop thread only.
// Failure: start() when a port is taken or the options do not fit. Limits: those of http/server.h.
// Prompts are counted, cached and billed as tokens.h and prompt_cache.h say.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "async/scope.h"
#include "http/server.h"
#include "net/stream.h"
#include "sim/cloud_options.h"
#include "sim/fault.h"
#include "sim/ledger.h"
#include "sim/profile.h"

namespace drover::sim {

class BatchDesk;
struct BatchRules;

/// One region: its own port, prompt cache, quotas and outage.
struct SimSite {
  std::string region;
  std::string url;  // "http://127.0.0.1:4711"
  bool outage = false;
  PromptCache cache;
  std::map<std::string, Quota, std::less<>> quotas;  // by model
  std::unique_ptr<BatchDesk> batches;
  std::unique_ptr<http::Server> server;
  SimSite();
  ~SimSite();
};

class SimCloud {
 public:
  struct Place {
    std::string region;
    std::string url;
  };

  SimCloud(async::Loop& loop, net::Network& network, SimCloudOptions options);
  ~SimCloud();
  /// Listens in every region and for the control API.
  Result<void> start();
  /// Cuts what is in flight and ends.
  async::Task<void> stop(async::Context ctx);

  const SimCloudOptions& options() const { return options_; }
  /// "aws", or the name given.
  const std::string& name() const { return options_.name; }
  std::vector<Place> places() const;
  /// Where /_sim/state, /_sim/faults and /_sim/outage are; reachable during an outage.
  const std::string& control_url() const { return control_url_; }

  FaultQueue& faults() { return faults_; }
  Ledger& ledger() { return ledger_; }
  /// On: refuses connections and cuts those in flight. Empty region: all of them.
  void set_outage(bool on, std::string_view region = {});
  bool in_outage(std::string_view region) const;
  /// Of every region and model, filled anew.
  void set_quota(QuotaRules rules);
  /// From now on calls that ask for `asked` ("" and "default": the usual one) are served, and
  /// billed, under another tier, as real clouds do when one is full. Empty `served`: no longer so.
  void set_tier(std::string asked, std::string served);
  /// Of batches that are made from now on.
  void set_batches(const BatchRules& rules);
  /// Questions that recordings had no answer to.
  uint64_t misses() const;
  Json state(size_t log_max) const;

  /// The handler of a region, for tests that bring their own server.
  http::Handler handler(size_t site);

 private:
  friend class BatchDesk;
  friend class Exchange;

  Result<void> listen(SimSite& site, uint16_t port);
  async::Task<void> control(async::Context ctx, http::ServerRequest& request,
                            http::ServerResponse& response);
  Result<Json> control_answer(const http::RequestHead& head, std::string_view body);
  Result<Json> control_faults(const Json& body);
  Result<Json> control_outage(const Json& body);
  /// kInvalidArgument, with those that there are, for a region that is not here. "": all of them.
  Result<void> check_region(const std::string& region, bool part_of_name) const;
  /// Runs what batches are due, so that the books have it.
  void run_batches();
  const SimModel* find_model(std::string_view id) const;

  async::Loop& loop_;
  net::Network& network_;
  SimCloudOptions options_;
  std::unique_ptr<Profile> profile_;
  std::vector<std::unique_ptr<SimSite>> sites_;
  std::unique_ptr<http::Server> control_server_;
  std::string control_url_;
  FaultQueue faults_;
  Ledger ledger_;
  std::map<std::string, std::string, std::less<>> tiers_;  // asked to served
  SeededRandom random_;
};

}  // namespace drover::sim
