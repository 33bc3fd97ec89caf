#pragma once
// Runs scenarios against a gateway: asks as its client, looks at what the upstreams saw, judges.
// Several at once, each bounded in time. Loop thread only; all that is handed in outlives the
// tasks.

#include <functional>
#include <string>
#include <vector>

#include "app/wall/judge.h"
#include "http/client.h"
#include "sim/wall/upstreams.h"

namespace drover::app::wall {

using async::Context;
using async::Task;

/// The gateway under test.
struct Target {
  std::string url;   // with "/v1"
  std::string key;   // may be empty
  std::string kind;  // see gateways.h; empty: nothing special
};

struct RunOptions {
  size_t at_once = 8;
  /// How long an upstream may stay in use after its client had its answer.
  Duration let_go_within = 8s;
  /// Called after each scenario.
  std::function<void()> on_done;
};

/// In the order of `wanted`.
Task<std::vector<Verdict>> run_scenarios(Context ctx, http::Client* client,
                                         sim::wall::Upstreams* upstreams, Target target,
                                         std::vector<const sim::wall::Scenario*> wanted,
                                         RunOptions options);

}  // namespace drover::app::wall
