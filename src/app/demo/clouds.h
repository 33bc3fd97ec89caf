#pragma once
// The simulated clouds of the demo, and what a configuration needs to know of them: endpoints,
// and the made-up secrets behind their credential references.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "app/config.h"
#include "app/runtime.h"
#include "sim/clouds.h"

namespace drover::app {

/// Which wire form an endpoint of the demo is called in.
struct DemoEndpoint {
  sim::CloudKind cloud = sim::CloudKind::kAws;
  std::string model;           // what agents say
  std::string upstream_model;  // what the cloud says
  std::string dialect;         // empty: the cloud's own
  std::string price_input;     // US dollars per million tokens; empty: unknown
  std::string price_output;
  std::string price_cached;
  int64_t calls_in_flight = 0;  // at each place; 0: any
};

class DemoClouds {
 public:
  DemoClouds(net::AsioLoop& loop, net::Network& network, sim::SimCloudsOptions options)
      : clouds_(loop, network, options) {}
  Result<void> start() { return clouds_.start(); }
  Task<void> stop(Context ctx) { return clouds_.stop(ctx); }
  sim::SimCloud& cloud(sim::CloudKind kind) { return *clouds_.find(kind); }

  /// One endpoint in each region of its cloud.
  std::vector<catalog::Endpoint> endpoints(const DemoEndpoint& wanted);
  /// Values of the credential references in endpoints().
  std::map<std::string, std::string> secrets();

 private:
  sim::SimClouds clouds_;
};

/// As endpoints of that cloud name it.
std::string provider_of(sim::CloudKind kind);
/// "AWS", "Azure", "CoreWeave": for people.
std::string cloud_title(sim::CloudKind kind);

/// The tool server that this very program offers: `drover sim <arguments>`.
tools::ToolServer own_tool_server(std::string name, std::vector<std::string> arguments);

}  // namespace drover::app
