#pragma once
// What tests of Cedar share: rules, things and questions; skipped by a program without the engine.

#include <gtest/gtest.h>

#include "policy/cedar.h"

namespace drover::policy {

class CedarTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!cedar_built_in()) GTEST_SKIP() << "cargo: this build has no Cedar engine (make cedar)";
  }
  static Result<std::shared_ptr<const Authorizer>> load(std::string_view rules) {
    return load_cedar(rules, "rules.cedar", std::make_shared<const Zones>());
  }
  static Thing thing(const std::string& facts, ThingKind kind = ThingKind::kModel) {
    return make_thing("e", kind, "serverless",
                      *catalog::Facts::from_json(*Json::parse(facts), "test", ""), Zones());
  }
  static Ask ask(std::string_view data, ThingKind kind = ThingKind::kModel,
                 const std::string& tenant = "ten_1") {
    return Ask{kind, tenant, *contract::DataClass::parse(data)};
  }
};

}  // namespace drover::policy
