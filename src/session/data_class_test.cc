// Data classes in sessions: where they come from, and what inherits them.
#include "session/session_test_world.h"

namespace drover::session {
namespace {

namespace kind = contract::kind;

constexpr std::string_view kWard =
    R"({"name":"ward","instructions":"Be kind.","models":["m"],"tools":["fake"],)"
    R"("data":{"residency":"eu"}})";

struct Classed : World {
  Classed() {
    tools.latency["look"] = 1ms;
    road.answer = [](const contract::ChatRequest& r) -> Result<Message> {
      if (r.messages.back().role == Role::kUser) return call_tools({"look"});
      return say("done");
    };
  }
  void thing(const std::string& name, const std::string& facts, const std::string& brings) {
    road::ThingSpec spec;
    if (name == road::kOwnStore) spec.kind = policy::ThingKind::kStore;
    auto read = catalog::Facts::from_json(*Json::parse(facts), "test", "");
    EXPECT_TRUE(read);
    spec.facts = *read;
    spec.data_class = brings;
    things[name] = spec;
    effects.guard().set_things(things);
  }
  uint64_t post(const SessionId& id, std::string text, std::string data_class) {
    auto sent = loop.run_task(manager->post_message(
        ctx, who, id, Message::of_text(Role::kUser, std::move(text)), std::move(data_class)));
    EXPECT_TRUE(sent) << sent.error().message;
    return sent.value_or(0);
  }
  std::map<std::string, road::ThingSpec> things;
};

TEST(DataClasses, ACallHasTheClassOfItsAgentAndOfWhatWasSaid) {
  Classed w;
  w.thing("fake", R"({"zone":"de"})", "");
  SessionId id = w.create(kWard, "hello");
  w.loop.run_for(1s);
  EXPECT_EQ(w.road.classes.front(), "residency=eu");
  w.post(id, "and this is private", "residency=de;sensitivity=confidential");
  w.loop.run_for(1s);
  EXPECT_EQ(w.road.classes.back(), "residency=de&eu;sensitivity=confidential");
  EXPECT_EQ(w.last(id, kind::kObservation).data_class, "residency=de;sensitivity=confidential");
  w.post(id, "and this is not", "");
  w.loop.run_for(1s);
  EXPECT_EQ(w.road.classes.back(), "residency=de&eu;sensitivity=confidential")
      << "the prompt still holds what was private";
  EXPECT_EQ(w.state(id).data_class, w.road.classes.back());
  Json placed = w.payload(id, kind::kPlacementDecided);
  EXPECT_EQ(placed.get_string("data_class"), w.road.classes.back());
}

TEST(DataClasses, AToolsResultBringsItsOwn) {
  Classed w;
  w.thing("fake", R"({"zone":"de","cleared_for":"restricted"})", "sensitivity=confidential");
  w.thing(road::kOwnStore, R"({"zone":"de","cleared_for":"restricted"})", "");
  SessionId id = w.create(kWard, "hello");
  w.loop.run_for(1s);
  ASSERT_EQ(w.road.classes.size(), 2u);
  EXPECT_EQ(w.road.classes[0], "residency=eu");
  EXPECT_EQ(w.road.classes[1], "residency=eu;sensitivity=confidential");
  EXPECT_EQ(w.last(id, kind::kToolResult).data_class, "sensitivity=confidential");
  // The journal gives the same again, and so does a snapshot.
  w.restart();
  EXPECT_EQ(w.state(id).data_class, "residency=eu;sensitivity=confidential");
  EXPECT_TRUE(verify_chain(id, w.events(id)));
}

TEST(DataClasses, APlannersAnswerBringsItsOwn) {
  Classed w;
  w.thing("http://127.0.0.1:9", R"({"zone":"de","cleared_for":"restricted"})",
          "sensitivity=confidential");
  w.thing("fake", R"({"zone":"de","cleared_for":"restricted"})", "");
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("done"); };
  int asked = 0;
  w.planner.answer = [&asked](const Json&) -> Result<Json> {
    if (++asked == 1) return fail(Code::kUnavailable, "away", Retry::kSameTarget);
    return Json::parse(asked == 2 ? R"({"effects":[{"kind":"model_call"}]})"
                                  : R"({"effects":[{"kind":"end"}]})");
  };
  SessionId id = w.create(R"({"name":"p","models":["m"],"data":"residency=eu",)"
                          R"("planner":{"url":"http://127.0.0.1:9/plan"}})",
                          "go");
  w.loop.run_for(60s);
  std::vector<std::string> plans;
  for (const contract::Event& e : w.events(id)) {
    if (e.kind == kind::kPlan) plans.push_back(e.data_class);
  }
  EXPECT_EQ(plans,
            (std::vector<std::string>{"", "sensitivity=confidential", "sensitivity=confidential"}))
      << "nothing came of the first";
  ASSERT_EQ(w.road.classes.size(), 1u);
  EXPECT_EQ(w.road.classes[0], "residency=eu;sensitivity=confidential");
}

TEST(DataClasses, AToolOutsideTheZoneIsNotCalledAndTheModelIsToldWhy) {
  for (const char* facts : {R"({"zone":"us"})", "{}"}) {
    Classed w;
    w.thing("fake", facts, "");
    SessionId id = w.create(kWard, "hello");
    w.loop.run_for(10s);
    EXPECT_TRUE(w.tools.calls.empty()) << facts;
    Json result = w.payload(id, kind::kToolResult);
    EXPECT_EQ(result.get_bool("is_error"), true);
    std::string content(result.get_string("content").value_or(""));
    EXPECT_NE(content.find("tool 'fake' may not see this data (residency=eu): residency: "),
              std::string::npos)
        << content;
    EXPECT_EQ(w.road.calls, 2) << "the turn goes on";
  }
}

TEST(DataClasses, AToolWhoseResultsTheJournalMayNotHoldIsNotCalled) {
  Classed w;
  w.thing(road::kOwnStore, R"({"zone":"de"})", "");
  w.thing("fake", R"({"zone":"us"})", "residency=us");
  SessionId id = w.create(kAgent, "hello");
  w.loop.run_for(10s);
  EXPECT_TRUE(w.tools.calls.empty());
  Json result = w.payload(id, kind::kToolResult);
  EXPECT_EQ(result.get_bool("is_error"), true);
  EXPECT_NE(result.get_text("content").find(
                "store 'this server' may not see this data (residency=us): residency: "),
            std::string::npos)
      << result.dump();
  EXPECT_EQ(w.state(id).data_class, "") << "nothing was learnt";
}

TEST(DataClasses, NorIsAChildBegunOrASessionMovedOrImportedThatItMayNotHold) {
  Classed w;
  constexpr const char* kAbroad =
      R"({"name":"worker","instructions":"work","models":["m"],"data":"residency=us"})";
  w.agents.known["worker"] = *AgentSpec::from_json(*Json::parse(kAbroad));
  SessionId abroad = w.create(kAbroad, "hello");
  w.loop.run_for(5s);
  const std::vector<contract::Event> exported = w.events(abroad);

  Classed here;
  here.agents.known = w.agents.known;
  here.thing(road::kOwnStore, R"({"zone":"de"})", "");
  auto imported = here.loop.run_task(here.manager->import(here.ctx, here.who, exported));
  ASSERT_FALSE(imported);
  EXPECT_EQ(imported.error().reason, "no_place") << imported.error().message;

  here.road.answer = [](const contract::ChatRequest& r) -> Result<Message> {
    if (r.messages.back().role == Role::kUser) {
      return call_tool("drover_spawn", R"({"tasks":[{"agent":"worker","message":"one"}]})");
    }
    return say("done");
  };
  SessionId lead = here.create(
      R"({"name":"lead","instructions":"lead","models":["m"],"builtins":["spawn"]})", "go");
  here.loop.run_for(60s);
  Json ended = here.payload(lead, kind::kChildEnded);
  EXPECT_EQ(ended.get_string("reason"), "failed");
  EXPECT_NE(ended.get_text("result").find("may not see this data (residency=us)"),
            std::string::npos)
      << ended.dump();

  AgentSpec next = *AgentSpec::from_json(*Json::parse(
      R"({"name":"lead","instructions":"lead","models":["m"],"data":"residency=us"})"));
  auto moved = here.loop.run_task(here.manager->move(here.ctx, here.who, lead, next, ""));
  ASSERT_FALSE(moved);
  EXPECT_EQ(moved.error().reason, "no_place") << moved.error().message;
  EXPECT_EQ(here.state(lead).data_class, "");
}

TEST(DataClasses, AToolOfAnUnclassifiedSessionNeedsNoFacts) {
  Classed w;
  w.create(kAgent, "hello");
  w.loop.run_for(1s);
  EXPECT_EQ(w.tools.calls.size(), 1u);
}

TEST(DataClasses, ChildrenInheritAndWhatTheyLearntComesBack) {
  Classed w;
  w.thing(road::kOwnStore, R"({"zone":"de"})", "");
  w.agents.known["worker"] = *AgentSpec::from_json(*Json::parse(
      R"({"name":"worker","instructions":"work","models":["m"],"data":"retention=none"})"));
  w.road.answer = [](const contract::ChatRequest& r) -> Result<Message> {
    if (r.messages[0].text() == "work") return say("found");
    if (r.messages.back().role == Role::kUser) {
      return call_tool("drover_spawn", R"({"tasks":[{"agent":"worker","message":"one"}]})");
    }
    return say("done");
  };
  SessionId id = w.create(R"({"name":"lead","instructions":"lead","models":["m"],)"
                          R"("builtins":["spawn"],"data":"residency=eu"})",
                          "go");
  w.loop.run_for(60s);
  ASSERT_EQ(w.road.classes.size(), 3u);
  EXPECT_EQ(w.road.classes[0], "residency=eu");
  EXPECT_EQ(w.road.classes[1], "residency=eu;retention=none") << "the child's";
  EXPECT_EQ(w.road.classes[2], "residency=eu;retention=none") << "its answer is in the prompt";
  EXPECT_EQ(w.last(id, kind::kChildEnded).data_class, "residency=eu;retention=none");
}

TEST(DataClasses, APlannerIsAskedOnlyIfItMaySeeTheData) {
  Classed w;
  w.planner.answer = [](const Json&) -> Result<Json> {
    return *Json::parse(R"({"effects":[{"kind":"end","result":"ok"}]})");
  };
  constexpr std::string_view kPlanned =
      R"({"name":"p","planner":{"url":"https://plan.example/v1/plan"},"data":"residency=eu"})";
  SessionId refused = w.create(kPlanned, "go");
  w.loop.run_for(5s);
  EXPECT_TRUE(w.planner.questions.empty());
  w.thing("https://plan.example", R"({"zone":"fr"})", "");
  SessionId id = w.create(kPlanned, "go");
  w.loop.run_for(5s);
  EXPECT_EQ(w.planner.questions.size(), 1u);
}

TEST(DataClasses, AnAgentsDataIsChecked) {
  auto wrong = AgentSpec::from_json(
      *Json::parse(R"({"name":"a","models":["m"],"data":{"residency":"DE"}})"));
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message.find("data class: residency 'DE'"), std::string::npos)
      << wrong.error().message;
  auto agent = AgentSpec::from_json(
      *Json::parse(R"({"name":"a","models":["m"],"data":"patient","prefer":"cheapest"})"));
  ASSERT_TRUE(agent);
  EXPECT_EQ(AgentSpec::from_json(agent->to_json())->data_class, "patient");
  EXPECT_EQ(agent->prefer, road::Preference::kCheapest);
  EXPECT_FALSE(
      AgentSpec::from_json(*Json::parse(R"({"name":"a","models":["m"],"prefer":"prettiest"})")));
}

}  // namespace
}  // namespace drover::session
