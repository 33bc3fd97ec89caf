#pragma once
// The simulated clouds that `drover sim` and the demo start, with made-up credentials that are the
// same for a seed, and what somebody has to type to call them.
//
// Ownership: SimClouds owns its clouds; stop() before it goes. Loop thread only.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sim/cloud.h"

namespace drover::sim {

struct SimCloudsOptions {
  std::vector<CloudKind> kinds = {CloudKind::kAws, CloudKind::kAzure, CloudKind::kCoreWeave};
  /// The model behind every name; null: an EchoModel.
  std::shared_ptr<Model> source;
  LatencyModel latency;
  uint64_t seed = 1;
  QuotaRules quota;
  std::string bind_ip = "127.0.0.1";
  /// 0: any free ports; otherwise the first cloud's, the others 100 further each.
  uint16_t port = 0;
  /// Regions beside the presets'.
  std::map<CloudKind, std::vector<std::string>> extra_regions;
  /// Model ids served beside the presets, by every cloud.
  std::vector<std::string> extra_models;
};

/// The preset of one cloud: regions, model names and versions, credentials, prompt-cache rules.
SimCloudOptions preset(CloudKind kind, const SimCloudsOptions& options);

class SimClouds {
 public:
  SimClouds(async::Loop& loop, net::Network& network, const SimCloudsOptions& options);
  Result<void> start();
  async::Task<void> stop(async::Context ctx);
  std::vector<std::unique_ptr<SimCloud>>& all() { return clouds_; }
  SimCloud* find(CloudKind kind);
  /// Base URLs and credentials, for machines.
  Json describe() const;
  /// The same, for people.
  std::string describe_text() const;

 private:
  std::vector<std::unique_ptr<SimCloud>> clouds_;
};

/// Starts the clouds. What `drover sim` does before it prints describe_text() and waits.
Result<std::unique_ptr<SimClouds>> run_clouds(async::Loop& loop, net::Network& network,
                                              const SimCloudsOptions& options);

}  // namespace drover::sim
