#include "session/session_test_world.h"

namespace drover::session {
namespace {

using identity::Principal;

constexpr std::string_view kLead = R"({"name":"lead","planner":{"queue":"none"}})";

/// A lead whose plan spawns children, "mid"s spawn two "kid"s each, and those wait for ever.
struct Family : World {
  Family() {
    agents.known["mid"] = *AgentSpec::from_json(
        *Json::parse(R"({"name":"mid","instructions":"mid","models":["m"],"builtins":["spawn"]})"));
    agents.known["kid"] = *AgentSpec::from_json(*Json::parse(
        R"({"name":"kid","instructions":"kid","models":["m"],"builtins":["wait_for_signal"]})"));
    road.answer = [](const contract::ChatRequest& r) -> Result<Message> {
      if (r.messages[0].text() == "kid") {
        return call_tool("drover_wait_for_signal", R"({"name":"go"})");
      }
      return call_tool("drover_spawn", R"({"tasks":[{"agent":"kid","message":"1"},)"
                                       R"({"agent":"kid","message":"2"}]})");
    };
  }
  SessionId lead(const std::string& agent, size_t children) {
    Json tasks = Json::array();
    for (size_t i = 0; i < children; ++i) {
      tasks.push(Json::object().set("agent", agent).set("message", "go"));
    }
    Json effect = Json::object().set("kind", "spawn").set("tasks", std::move(tasks));
    NewSession spec;
    spec.agent = *AgentSpec::from_json(*Json::parse(kLead));
    spec.plan.set("effects", Json::array().push(std::move(effect)));
    auto id = loop.run_task(manager->create(ctx, who, std::move(spec)));
    EXPECT_TRUE(id) << id.error().message;
    return *id;
  }
  std::vector<store::SessionRow> rows(const SessionId& parent = SessionId()) {
    store::SessionFilter filter;
    filter.parent = parent;
    auto got = loop.run_task(manager->list(ctx, who, filter));
    EXPECT_TRUE(got);
    return got ? *got : std::vector<store::SessionRow>();
  }
  KillReport kill(KillTarget::Kind of, std::string what, std::string version = "") {
    KillTarget target;
    target.kind = of;
    target.what = std::move(what);
    target.version = std::move(version);
    auto report = loop.run_task(manager->kill(ctx, who, target, "runaway"));
    EXPECT_TRUE(report) << report.error().message;
    return report ? *report : KillReport();
  }
  size_t open() {
    size_t n = 0;
    for (const store::SessionRow& row : rows()) n += row.status != "ended" ? 1 : 0;
    return n;
  }
};

std::set<SessionId> ids_of(const KillReport& report) {
  std::set<SessionId> out;
  for (const Killed& k : report.stopped) out.insert(k.id);
  EXPECT_EQ(out.size(), report.stopped.size()) << "one is named twice";
  return out;
}

TEST(Kill, ATreeEndsFromItsTopAndSideBySide) {
  Family w;
  SessionId id = w.lead("kid", 10);
  w.loop.run_for(60s);
  ASSERT_EQ(w.open(), 11u);
  w.store.disk().sync_time = 10ms;
  const MonoTime began = w.loop.mono();
  KillReport report = w.kill(KillTarget::Kind::kTree, w.rows(id).front().id.str());
  EXPECT_LT(w.loop.mono() - began, 40ms) << "eleven syncs one after another";
  EXPECT_EQ(ids_of(report).size(), 11u);
  EXPECT_TRUE(report.failed.empty());
  ASSERT_FALSE(report.stopped.empty());
  EXPECT_EQ(report.stopped[0].id, id);
  EXPECT_EQ(report.stopped[0].was, "waiting for children");
  EXPECT_EQ(w.open(), 0u);
  for (const store::SessionRow& row : w.rows(id)) {
    EXPECT_EQ(row.end_reason, "killed");
    EXPECT_GE(row.updated, w.last(id, contract::kind::kSessionEnded).time);
  }
}

TEST(Kill, ASessionGoesWithAllBelowItAndNobodyElse) {
  Family w;
  SessionId id = w.lead("mid", 2);
  w.loop.run_for(60s);
  ASSERT_EQ(w.open(), 7u);
  SessionId mid = w.rows(id).front().id;
  std::set<SessionId> expected = {mid};
  for (const store::SessionRow& row : w.rows(mid)) expected.insert(row.id);
  ASSERT_EQ(expected.size(), 3u);
  KillReport report = w.kill(KillTarget::Kind::kSession, mid.str());
  EXPECT_EQ(ids_of(report), expected);
  EXPECT_EQ(report.stopped[0].id, mid);
  w.loop.run_for(60s);
  EXPECT_EQ(w.open(), 4u);
  EXPECT_EQ(w.state(id).reason, "children");
  EXPECT_TRUE(w.kill(KillTarget::Kind::kSession, mid.str()).stopped.empty());
}

TEST(Kill, AnAgentsSessionsGoWithTheirChildrenOfOtherAgents) {
  Family w;
  w.lead("mid", 1);
  SessionId other = w.lead("kid", 1);
  w.loop.run_for(60s);
  ASSERT_EQ(w.open(), 6u);
  EXPECT_EQ(ids_of(w.kill(KillTarget::Kind::kAgent, "mid")).size(), 3u);
  w.loop.run_for(60s);
  EXPECT_EQ(w.open(), 3u);
  EXPECT_EQ(ids_of(w.kill(KillTarget::Kind::kAgent, "lead")).count(other), 1u);
  EXPECT_EQ(w.open(), 0u);
}

TEST(Kill, AnAgentIsItsWholeNameAndOneOfItsVersionsIsNamedApart) {
  Family w;
  auto one = [&](const std::string& name, const std::string& version) {
    return w.create(R"({"name":")" + name + R"(","version":")" + version +
                        R"(","instructions":"kid","models":["m"],"builtins":["wait_for_signal"]})",
                    "go");
  };
  using Ids = std::set<SessionId>;
  const SessionId first = one("team", "x");
  const SessionId second = one("team", "y");
  const SessionId other = one("team@x", "1");
  w.loop.run_for(60s);
  ASSERT_EQ(w.open(), 3u);
  EXPECT_EQ(ids_of(w.kill(KillTarget::Kind::kAgent, "team@x")), Ids{other});
  EXPECT_EQ(ids_of(w.kill(KillTarget::Kind::kAgent, "team", "x")), Ids{first});
  EXPECT_EQ(ids_of(w.kill(KillTarget::Kind::kAgent, "team")), Ids{second});
}

TEST(Kill, AnAgentWithoutANameIsNotEveryAgent) {
  Family w;
  w.lead("kid", 1);
  w.loop.run_for(60s);
  ASSERT_EQ(w.open(), 2u);
  KillTarget target;
  target.kind = KillTarget::Kind::kAgent;
  for (const char* version : {"", "1"}) {
    target.version = version;
    auto report = w.loop.run_task(w.manager->kill(w.ctx, w.who, target, "a slip"));
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, Code::kInvalidArgument);
  }
  EXPECT_EQ(w.open(), 2u);
}

/// Rules that keep kids from being killed; says what was asked.
struct NotTheKids final : identity::Gate {
  bool has_rules() const override { return true; }
  Result<void> judge(const Principal&, identity::Action action,
                     const identity::Subject& subject) const override {
    asked.push_back(std::string(identity::verb_of(action)) + " " + subject.session);
    if (subject.agent != "kid") return {};
    return fail(Error(Code::kPermissionDenied, "not the kids").with_reason("policy"));
  }
  void denied(const Principal&, identity::Action action, const identity::Subject& subject,
              const Error&) const override {
    told.push_back(std::string(identity::verb_of(action)) + " " + subject.session);
  }
  mutable std::vector<std::string> asked, told;
};

TEST(Kill, ACancelIsAskedForAsAKillIsAndGoesDownwardsUnasked) {
  using Texts = std::vector<std::string>;
  NotTheKids gate;
  Family w;
  SessionId id = w.lead("kid", 2);
  w.loop.run_for(60s);
  ASSERT_EQ(w.open(), 3u);
  SessionId kid = w.rows(id).front().id;
  w.who.gate = &gate;
  auto refused = w.loop.run_task(w.manager->cancel(w.ctx, w.who, kid, "enough"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kPermissionDenied);
  EXPECT_EQ(gate.told, Texts{"kill " + kid.str()});
  EXPECT_EQ(w.open(), 3u);
  gate.asked.clear();
  auto cancelled = w.loop.run_task(w.manager->cancel(w.ctx, w.who, id, "enough"));
  ASSERT_TRUE(cancelled) << cancelled.error().message;
  w.loop.run_for(60s);
  EXPECT_EQ(w.open(), 0u) << "a parent takes its children along";
  EXPECT_EQ(gate.asked, Texts{"kill " + id.str()});
  EXPECT_EQ(gate.told.size(), 1u);
  for (const store::SessionRow& row : w.rows()) EXPECT_EQ(row.end_reason, "cancelled");
}

/// A tree that grows while it is killed: at each moment of its beginning.
TEST(Kill, WhoComesToLifeMeanwhileIsStoppedAndNamed) {
  for (int step = 0; step < 30; ++step) {
    Family w;
    w.road.think = 10ms;
    w.store.disk().sync_time = 20ms;
    SessionId id = w.lead("mid", 2);
    w.loop.run_for(Duration(step * 5'000'000));
    KillReport report = w.kill(KillTarget::Kind::kTree, id.str());
    w.loop.run_for(60s);
    std::set<SessionId> all;
    for (const store::SessionRow& row : w.rows()) {
      EXPECT_EQ(row.status, "ended") << step;
      all.insert(row.id);
    }
    EXPECT_EQ(ids_of(report), all) << "killed after " << step * 5 << " ms";
    EXPECT_TRUE(report.failed.empty());
  }
}

}  // namespace
}  // namespace drover::session
