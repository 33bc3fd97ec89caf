#pragma once
// What tests of sessions share: a manager over a store in memory, a road and tools that do as told,
// on virtual time.

#include <gtest/gtest.h>

#include "async/sim_loop.h"
#include "base/limits/session.h"
#include "session/fakes.h"
#include "session/manager.h"
#include "store/memory/memory_store.h"

namespace drover::session {

using contract::Message;
using contract::Role;

inline Message call_tools(std::vector<std::string> names) {
  Message m;
  m.role = Role::kAssistant;
  for (std::string& name : names) {
    contract::ToolCall call;
    call.id = "call_" + name;
    call.name = std::move(name);
    call.arguments = "{}";
    m.tool_calls.push_back(std::move(call));
  }
  return m;
}

/// One call of one tool with these arguments.
inline Message call_tool(std::string name, std::string arguments) {
  Message m = call_tools({std::move(name)});
  m.tool_calls[0].arguments = std::move(arguments);
  return m;
}

inline Message say(std::string text) { return Message::of_text(Role::kAssistant, std::move(text)); }

struct World {
  async::SimLoop loop;
  Context ctx{loop};
  SeededRandom random{7};
  store::MemoryStore store{random};
  store::MemoryStreamLog streams;
  identity::Audit audit{store.documents(), ctx};
  FakeRoad road;
  policy::PolicyHolder policy;
  road::Effects effects{random, nullptr, nullptr, &policy};
  FakeTools tools;
  FakeAgents agents;
  FakePlanner planner;
  LiveStreams* live = nullptr;
  /// From the next start on.
  size_t active_max = limits::kSessionsActiveMax;
  size_t items_max = limits::kWorkItemsMax;
  std::unique_ptr<SessionManager> manager;
  identity::Principal who = identity::Principal::system(TenantId("ten_a"));

  World() { start(); }
  ~World() {
    loop.run_task(manager->stop());
    loop.run_task(audit.stop());
  }

  Services services() {
    Services s;
    s.loop = &loop;
    s.random = &random;
    s.journal = &store.journal();
    s.road = &road;
    s.tools = &tools;
    s.effects = &effects;
    s.agents = &agents;
    s.planner = &planner;
    s.live = live;
    s.records = {&store.records()};
    s.kept_spans = &store.spans();
    s.streams = &streams;
    s.audit = &audit;
    s.sessions_active_max = active_max;
    s.work_items_max = items_max;
    return s;
  }
  void start() { manager = std::make_unique<SessionManager>(services(), ctx); }
  /// Starts the timekeeper, which recover() does.
  void keep_time() { ASSERT_TRUE(loop.run_task(manager->recover(ctx))); }
  void restart() {
    loop.run_task(manager->stop());
    start();
    auto recovered = loop.run_task(manager->recover(ctx));
    ASSERT_TRUE(recovered) << recovered.error().message;
  }

  SessionId create(std::string_view agent_json, std::string message) {
    NewSession spec;
    auto agent = AgentSpec::from_json(*Json::parse(agent_json));
    EXPECT_TRUE(agent) << agent.error().message;
    spec.agent = *agent;
    spec.message = Message::of_text(Role::kUser, std::move(message));
    auto id = loop.run_task(manager->create(ctx, who, std::move(spec)));
    EXPECT_TRUE(id) << id.error().message;
    return *id;
  }
  /// A person's decision on a budget, which is taken.
  void decide(const SessionId& id, const ExtensionDecision& decision) {
    auto taken = loop.run_task(manager->decide_extension(ctx, who, id, decision));
    EXPECT_TRUE(taken) << taken.error().message;
  }
  std::vector<std::string> kinds(const SessionId& id) {
    std::vector<std::string> out;
    for (const contract::Event& e : events(id)) {
      bool aside = e.kind == contract::kind::kPlacementDecided ||
                   e.kind == contract::kind::kBudgetReserved ||
                   e.kind == contract::kind::kBudgetSettled;
      if (!aside) out.push_back(e.kind);
    }
    return out;
  }
  std::vector<contract::Event> events(const SessionId& id) {
    auto got = loop.run_task(manager->events(ctx, who, id, 1, 1000));
    EXPECT_TRUE(got);
    return got ? *got : std::vector<contract::Event>();
  }
  /// The last event of that kind; fails the test if there is none.
  contract::Event last(const SessionId& id, std::string_view kind) {
    contract::Event found;
    for (contract::Event& e : events(id)) {
      if (e.kind == kind) found = std::move(e);
    }
    EXPECT_EQ(found.kind, kind);
    return found;
  }
  Json payload(const SessionId& id, std::string_view kind) {
    return Json::parse(last(id, kind).payload).value_or(Json());
  }
  size_t count(const SessionId& id, std::string_view kind) {
    size_t n = 0;
    for (const contract::Event& e : events(id)) n += e.kind == kind ? 1 : 0;
    return n;
  }
  /// Drops everything in memory, as a killed process does, and starts again.
  void crash() {
    loop.run_task(manager->stop());
    store.disk().crash();
    start();
    auto recovered = loop.run_task(manager->recover(ctx));
    ASSERT_TRUE(recovered) << recovered.error().message;
  }
  /// Of the index, whoever's it is.
  store::SessionRow row(const SessionId& id) {
    auto got = loop.run_task(store.journal().find(ctx, id));
    EXPECT_TRUE(got) << id.str();
    return got ? *got : store::SessionRow();
  }
  State state(const SessionId& id) {
    auto got = loop.run_task(manager->state(ctx, who, id));
    EXPECT_TRUE(got) << got.error().message;
    return got ? *got : State();
  }
};

inline constexpr std::string_view kAgent =
    R"({"name":"a","instructions":"Be kind.","models":["m"],"tools":["fake"]})";

}  // namespace drover::session
