// What an external authoriser says of tools and stores, of which those that nobody states anything
// of are known only by who uses them.
#include "base/limits/policy.h"
#include "road/effects.h"
#include "road/opa_test_fixture.h"

namespace drover::road {
namespace {

TEST_F(OpaTest, ToolsAreAskedAboutToo) {
  Effects effects(random_, nullptr, nullptr, &policy_);
  std::map<std::string, ThingSpec> things;
  things["files"].facts = facts_;
  things["mail"].facts = facts_;
  effects.guard().set_things(std::move(things));
  effects.set_external(opa_.get());
  auto judged = [&](const std::string& name) {
    TenantId tenant("ten_1");
    loop_.run_task(
        effects.guard().prepare(Context(loop_), policy::ThingKind::kTool, name, tenant, ""));
    return effects.guard().check(policy::ThingKind::kTool, name, tenant, "").has_value();
  };
  says(R"({"result":["files"]})");
  EXPECT_TRUE(judged("files"));
  EXPECT_FALSE(judged("mail"));
  EXPECT_EQ(asked(), 1u);
  says(R"({"result":["files","new"]})");
  EXPECT_TRUE(judged("new")) << "of which nobody states anything: another question";
  EXPECT_EQ(asked(), 2u);
}

TEST_F(OpaTest, WhatNobodyStatesAnythingOfTakesNobodyElsesAnswer) {
  Effects effects(random_, nullptr, nullptr, &policy_);
  effects.set_external(opa_.get());
  const TenantId tenant("ten_1");
  async::Scope scope{Context(loop_)};
  auto ask = [&](const char* name) {
    scope.spawn(
        effects.guard().prepare(scope.context(), policy::ThingKind::kTool, name, tenant, ""));
    loop_.run_for(100ms);
  };
  auto no = [&](const char* name) {
    auto seen = effects.guard().check(policy::ThingKind::kTool, name, tenant, "");
    return seen ? std::string() : seen.error().reason;
  };
  says(R"({"result":["q1","q2"]})");
  ask("q1");
  EXPECT_EQ(no("q1"), "");
  EXPECT_EQ(no("q2"), policy::kUnasked) << "nobody has asked about it";
  says(R"({"result":["q1","q2"]})");
  ask("q2");
  EXPECT_EQ(no("q1") + no("q2"), "");
  says("", 503);
  ask("q3");
  EXPECT_EQ(no("q1") + no("q2"), "") << "what it said of them holds";
  EXPECT_EQ(no("q3"), policy::kUnasked);
  ask("q3");
  EXPECT_EQ(asked(), 3u) << "no sooner than in a second";
  loop_.run_for(limits::kUnaskedRetry);
  says(R"({"result":["q1","q4"]})", 200, 500ms);
  imposter("opa.test").script(answer(200, R"({"result":["q1","q4"]})"));
  ask("q3");
  ask("q4");  // while the other is being asked about
  loop_.run_for(1s);
  EXPECT_EQ(no("q3"), policy::kNoPlace);
  EXPECT_EQ(no("q1") + no("q4"), "");
  EXPECT_EQ(asked(), 5u);
  loop_.run_task(scope.join());
}

TEST_F(OpaTest, StoresAreAskedAboutTooAndFailClosed) {
  Effects effects(random_, nullptr, nullptr, &policy_);
  effects.set_external(opa_.get());
  auto judged = [&](const std::string& data) {
    TenantId tenant("ten_1");
    loop_.run_task(effects.guard().prepare(Context(loop_), policy::ThingKind::kStore, kOwnStore,
                                           tenant, data));
    auto checked = effects.guard().check(policy::ThingKind::kStore, kOwnStore, tenant, data);
    return checked ? std::string() : checked.error().message;
  };
  says(R"({"result":["this server"]})");
  EXPECT_EQ(judged(""), "");
  policy::Ask same{policy::ThingKind::kStore, "ten_1", {}};
  policy::Thing other;
  other.id = "another store";
  EXPECT_TRUE(opa_->prepared(same, {}));
  EXPECT_FALSE(opa_->prepared(same, {&other}));
  EXPECT_NE(imposter("opa.test").last_body().find(R"("action":"store")"), std::string::npos)
      << imposter("opa.test").last_body();
  says(R"({"result":{"allow":[],"why":{"this server":"not on this machine"}}})");
  EXPECT_NE(judged("retention=30d").find("opa: not on this machine"), std::string::npos);
  says(R"({"result":["this server"]})", 200, 10s);
  const MonoTime began = loop_.mono();
  EXPECT_NE(judged("retention=31d").find("gave no answer"), std::string::npos);
  EXPECT_EQ(loop_.mono() - began, 2s) << "its deadline";
}

}  // namespace
}  // namespace drover::road
