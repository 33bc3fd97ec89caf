// Versions of agents: what is deployed, pinned and drained, over a store in memory.
#include "session/agents.h"

#include <gtest/gtest.h>

#include "async/scope.h"
#include "async/sim_loop.h"
#include "base/limits/session.h"
#include "store/memory/memory_store.h"

namespace drover::session {
namespace {

using async::Context;
using async::SimLoop;

AgentSpec spec_of(std::string version, std::string instructions = "", std::string name = "a") {
  AgentSpec out;
  out.name = std::move(name);
  out.version = std::move(version);
  out.instructions = std::move(instructions);
  out.models = {"m"};
  return out;
}

async::Task<void> keep(AgentRegistry* agents, Context ctx, TenantId tenant, AgentSpec spec,
                       std::vector<Result<AgentRegistry::Deployed>>* out) {
  out->push_back(co_await agents->deploy(ctx, std::move(tenant), std::move(spec)));
}

class AgentsTest : public testing::Test {
 protected:
  Result<AgentRegistry::Deployed> deploy(AgentSpec spec) {
    loop_.run_for(1s);
    return loop_.run_task(agents_->deploy(ctx_, tenant_, std::move(spec)));
  }
  Result<void> pin(std::string version, std::string name = "a") {
    return loop_.run_task(agents_->pin(ctx_, tenant_, std::move(name), std::move(version)));
  }
  Result<void> drain(std::string version, bool on = true) {
    return loop_.run_task(agents_->drain(ctx_, tenant_, "a", std::move(version), on));
  }
  std::string resolve(std::string reference) {
    auto spec = agents_->resolve(tenant_, reference);
    return spec ? spec->name + "@" + spec->version : "! " + spec.error().message;
  }
  void configure(std::vector<AgentSpec> specs) {
    std::map<std::string, AgentSpec> agents;
    for (AgentSpec& s : specs) agents[s.name] = s;
    agents_->set_configured(std::move(agents));
  }
  void restart() {
    agents_ = std::make_unique<AgentRegistry>(store_.documents());
    ASSERT_TRUE(loop_.run_task(agents_->load(ctx_)));
  }

  SimLoop loop_;
  Context ctx_{loop_};
  SeededRandom random_{1};
  store::MemoryStore store_{random_};
  TenantId tenant_{"ten_a"};
  std::unique_ptr<AgentRegistry> agents_ = std::make_unique<AgentRegistry>(store_.documents());
};

TEST_F(AgentsTest, TheNewestIsCurrentAndTheSameContentIsTheSameVersion) {
  EXPECT_EQ(resolve("a"), "! no agent is named 'a'; none is configured or deployed");
  auto first = deploy(spec_of("1"));
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_TRUE(first->fresh);
  EXPECT_EQ(first->current, "1");
  EXPECT_EQ(deploy(spec_of("2", "x"))->current, "2");
  auto again = deploy(spec_of("1"));
  EXPECT_FALSE(again->fresh);
  EXPECT_EQ(again->current, "2") << "deploying an old version again does not bring it back";
  auto other = deploy(spec_of("1", "changed"));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::kAlreadyExists);
  EXPECT_EQ(resolve("a"), "a@2");
  EXPECT_EQ(resolve("a@1"), "a@1");
  EXPECT_EQ(resolve("a@9"), "! agent 'a' has no version '9'; there are: 2, 1");
  EXPECT_EQ(resolve("b@1"), "! no agent is named 'b' (did you mean 'a'?); there are: a");
  EXPECT_EQ(resolve("other"), "! no agent is named 'other'; there are: a");
  restart();
  EXPECT_EQ(resolve("a"), "a@2");
  EXPECT_EQ(agents_->resolve(tenant_, "a")->instructions, "x");
  EXPECT_FALSE(agents_->resolve(TenantId("ten_b"), "a")) << "another tenant's";
}

TEST_F(AgentsTest, PinsAndDrainsOutlastARestart) {
  for (const char* v : {"1", "2", "3"}) ASSERT_TRUE(deploy(spec_of(v, v)));
  ASSERT_TRUE(pin("1"));
  EXPECT_EQ(deploy(spec_of("4", "4"))->current, "1");
  EXPECT_FALSE(pin("9"));
  EXPECT_EQ(drain("1").error().code, Code::kFailedPrecondition) << "it is pinned";
  ASSERT_TRUE(pin(""));
  ASSERT_TRUE(drain("4"));
  ASSERT_TRUE(drain("4")) << "twice is once";
  restart();
  EXPECT_EQ(resolve("a"), "a@3");
  EXPECT_EQ(resolve("a@4"),
            "! version '4' of agent 'a' is draining and takes no new sessions; 'a' gives version "
            "'3'");
  EXPECT_FALSE(pin("4"));
  ASSERT_TRUE(drain("4", false));
  EXPECT_EQ(resolve("a"), "a@4");
  EXPECT_TRUE(agents_->version(tenant_, "a", "2"));
}

TEST_F(AgentsTest, WithoutAReplacementNewSessionsAreRefused) {
  ASSERT_TRUE(deploy(spec_of("1")));
  ASSERT_TRUE(drain("1"));
  EXPECT_EQ(resolve("a"),
            "! agent 'a' takes no new sessions: its only version '1' is draining; deploy another");
  EXPECT_EQ(agents_->info(tenant_, "a")->current, "");
  EXPECT_EQ(deploy(spec_of("1"))->current, "") << "deployed again it still drains";
  ASSERT_TRUE(deploy(spec_of("2", "x")));
  EXPECT_EQ(resolve("a"), "a@2");
  ASSERT_TRUE(drain("2"));
  EXPECT_NE(resolve("a").find("every version of it is draining"), std::string::npos);
}

TEST_F(AgentsTest, TheConfigurationsAgentsAreTheOldestVersionOfEachTenant) {
  configure({spec_of("c1"), spec_of("x", "", "other@home")});
  EXPECT_EQ(resolve("a"), "a@c1");
  EXPECT_EQ(resolve("a@c1"), "a@c1");
  EXPECT_EQ(resolve("other@home"), "other@home@x") << "a name may hold an '@'";
  EXPECT_EQ(resolve("other@home@x"), "other@home@x");
  ASSERT_TRUE(deploy(spec_of("2", "x")));
  EXPECT_EQ(resolve("a"), "a@2");
  EXPECT_EQ(agents_->resolve(TenantId("ten_b"), "a")->version, "c1");
  ASSERT_TRUE(drain("2"));
  EXPECT_EQ(resolve("a"), "a@c1");
  ASSERT_TRUE(drain("c1"));
  EXPECT_NE(resolve("a").find("takes no new sessions"), std::string::npos);
  auto info = agents_->info(tenant_, "a");
  ASSERT_EQ(info->versions.size(), 2u);
  EXPECT_TRUE(info->versions[1].configured);
  EXPECT_FALSE(info->versions[0].configured);
  // Deployed as it is configured: one version.
  EXPECT_FALSE(deploy(spec_of("c1"))->fresh);
  ASSERT_TRUE(drain("c1", false));
  ASSERT_TRUE(pin("c1"));
  configure({});
  EXPECT_NE(resolve("a").find("gone from the configuration"), std::string::npos);
  EXPECT_EQ(agents_->list(tenant_).size(), 1u);
}

TEST_F(AgentsTest, DeploysSideBySideAreAllKept) {
  std::vector<Result<AgentRegistry::Deployed>> results;
  async::Scope scope(ctx_);
  for (int i = 0; i < 20; ++i) {
    scope.spawn(keep(agents_.get(), ctx_, tenant_, spec_of(std::to_string(i), "x"), &results));
  }
  loop_.run_task(scope.join());
  restart();
  EXPECT_EQ(agents_->info(tenant_, "a")->versions.size(), 20u);
  for (const auto& r : results) EXPECT_TRUE(r && r->fresh);
}

TEST_F(AgentsTest, TooManyVersionsAreRefused) {
  for (size_t i = 0; i < limits::kAgentVersionsMax; ++i) {
    ASSERT_TRUE(loop_.run_task(agents_->deploy(ctx_, tenant_, spec_of(std::to_string(i)))));
  }
  EXPECT_EQ(deploy(spec_of("more")).error().code, Code::kResourceExhausted);
}

TEST_F(AgentsTest, OpenSessionsAreCountedByVersion) {
  int n = 0;
  auto add = [&](std::string version, std::string status, std::string tenant = "ten_a",
                 std::string agent = "a") {
    store::SessionRow row;
    row.id = SessionId("ses_" + std::to_string(++n));
    row.tenant = TenantId(tenant);
    row.agent = agent;
    row.agent_version = version;
    row.status = status;
    contract::Event event;
    event.id = EventId("evt_" + std::to_string(n));
    event.session = row.id;
    event.sequence = 1;
    event.kind = "observation";
    std::vector<contract::Event> events(1, event);
    ASSERT_TRUE(loop_.run_task(store_.journal().append(ctx_, row, 0, std::move(events))));
  };
  add("1", "waiting");
  add("1", "running");
  add("1", "ended");
  add("2", "waiting");
  add("2", "waiting", "ten_b");
  add("2", "waiting", "ten_a", "b");
  auto open = loop_.run_task(open_sessions_by_version(ctx_, &store_.journal(), tenant_, "a"));
  ASSERT_TRUE(open) << open.error().message;
  EXPECT_EQ(*open, (std::map<std::string, uint64_t>{{"1", 2}, {"2", 1}}));
}

}  // namespace
}  // namespace drover::session
