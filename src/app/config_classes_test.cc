#include "app/config_classes.h"

#include "app/config_test_util.h"

namespace drover::app {
namespace {

using road::ServiceClass;

TEST(ConfigClasses, AllOfIt) {
  ConfigOutcome out = parse_drover_yaml(R"(
classes:
  default: slow
  calls: 500
  kept_for_fast: 0.5
  queue: {calls: 20, fast: 2s, slow: 1m}
  load: {heavy: 0.9, light: 0.4, dwell: 1s}
  fast: {first_token: 1500ms, hedge_after: 700ms, tier: priority}
  slow: {tier: none}
  tenants: {research: {default: fast, at_most: auto, weight: 2.5}}
  keys: {nightly: {default: slow}}
)");
  ASSERT_TRUE(out.faults.empty()) << out.faults.front().to_string();
  const road::ClassSettings& c = out.config.road.classes;
  EXPECT_EQ(c.otherwise, ServiceClass::kSlow);
  EXPECT_EQ(c.calls, 500u);
  EXPECT_EQ(c.kept_for_fast, 0.5);
  EXPECT_EQ(c.waiting, 20u);
  EXPECT_EQ(c.fast_wait, Duration(2s));
  EXPECT_EQ(c.slow_wait, Duration(1min));
  EXPECT_EQ(c.heavy_above, 0.9);
  EXPECT_EQ(c.light_below, 0.4);
  EXPECT_EQ(c.dwell, Duration(1s));
  EXPECT_EQ(c.fast_target, Duration(1500ms));
  EXPECT_EQ(c.fast_hedge_after, Duration(700ms));
  EXPECT_EQ(c.fast_tier, "priority");
  EXPECT_EQ(c.slow_tier, "");
  ASSERT_EQ(c.tenants.count("research"), 1u);
  EXPECT_EQ(c.tenants.at("research").weight, 2.5);
  EXPECT_EQ(c.tenants.at("research").at_most, ServiceClass::kAuto);
  EXPECT_EQ(c.keys.at("nightly").otherwise, ServiceClass::kSlow);
}

TEST(ConfigClasses, EachFaultHasItsLineAndItsRemedy) {
  ConfigOutcome out = parse_drover_yaml(R"(classes:
  default: quick
  calls: 0
  kept_for_fast: 2
  queue: {slow: soon}
  load: {heavy: 0.4, light: 0.5}
  fast: {tier: 3, hedge: 2s}
  tenants: {research: {weight: 0}}
  keys: {nightly: {weight: 2}}
)");
  std::map<int, std::string> lines;
  for (const ConfigFault& fault : out.faults) lines[fault.line] += fault.to_string();
  for (int line = 2; line <= 9; ++line) EXPECT_EQ(lines.count(line), 1u) << "line " << line;
  EXPECT_NE(lines[2].find("fast, slow or auto"), std::string::npos) << lines[2];
  EXPECT_NE(lines[6].find("below heavy"), std::string::npos) << lines[6];
  EXPECT_NE(lines[7].find("hedge_after"), std::string::npos) << lines[7];
}

}  // namespace
}  // namespace drover::app
