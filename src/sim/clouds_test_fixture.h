#pragma once
// Simulated clouds and the real providers over them, on the simulated network and virtual time.

#include <gtest/gtest.h>

#include <map>

#include "async/sim_loop.h"
#include "catalog/health.h"
#include "net/sim_net.h"
#include "providers/test_environment.h"
#include "road/road.h"
#include "sim/clouds.h"
#include "trace/ring_sink.h"

namespace drover::sim {

class CloudsTest : public testing::Test {
 protected:
  explicit CloudsTest(SimCloudsOptions options = SimCloudsOptions()) {
    clouds_ = std::make_unique<SimClouds>(loop_, network_, std::move(options));
    Result<void> started = clouds_->start();
    EXPECT_TRUE(started) << started.error().to_string();
    client_ = http::make_client(loop_, network_.dialer());
    table_ = std::make_unique<providers::ProviderTable>(
        providers::test_environment(*client_, random_, environment_));
  }
  /// Whoever asks the clouds is closed before.
  ~CloudsTest() override {
    client_->clear_idle();
    loop_.run_task(clouds_->stop(async::Context(loop_)));
    loop_.run_for(1ms);  // the watchers of idle connections end
  }

  road::RoadParts road_parts() {
    road::RoadParts parts;
    parts.loop = &loop_;
    parts.random = &random_;
    parts.catalog = &catalog_;
    parts.health = &health_;
    parts.providers = table_.get();
    parts.spans = &spans_;
    return parts;
  }

  async::SimLoop loop_;
  net::SimNetwork network_{loop_, 1};
  SeededRandom random_{7};
  std::unique_ptr<SimClouds> clouds_;
  std::unique_ptr<http::Client> client_;
  /// What credentials by environment find.
  std::map<std::string, std::string> environment_;
  std::unique_ptr<providers::ProviderTable> table_;
  catalog::CatalogHolder catalog_;
  catalog::Health health_{loop_};
  trace::RingSink spans_;
};

}  // namespace drover::sim
