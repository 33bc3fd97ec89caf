// Why a step was placed as it was, asked later: the reasons are made again for what it asked then.

#include "api/placement.h"

#include "api/routes_test_fixture.h"

namespace drover::api {
namespace {

class PlacementRoutesTest : public RoutesFixture {
 protected:
  PlacementRoutesTest() {
    PlacementServices placement;
    placement.road = road_.get();
    placement.sessions = sessions_.get();
    placement.agents = &agents_;
    add_placement_routes(*router_, placement);
  }
  void with(const std::string& host, const std::string& facts, const std::string& model = "m") {
    facts_ = *catalog::Facts::from_json(*Json::parse(facts), "test", "");
    add(host, "env:GOOD_KEY", model);
    imposter(host).script(road::answer(200, road::chat_body("ok")));
  }
  static session::AgentSpec agent(const std::string& json) {
    return *session::AgentSpec::from_json(*Json::parse(json));
  }
  SessionId begin(const std::string& json) {
    session::NewSession spec;
    spec.agent = agent(json);
    spec.message = contract::Message::of_text(contract::Role::kUser, "look at this");
    auto id =
        loop_.run_task(sessions_->create(Context(loop_), principals_["k-all"], std::move(spec)));
    EXPECT_TRUE(id);
    loop_.run_for(5s);
    return *id;
  }
  /// The placement.decided events of a session, each with its sequence.
  std::vector<std::pair<uint64_t, Json>> placed(const SessionId& id) {
    std::vector<std::pair<uint64_t, Json>> out;
    auto events =
        loop_.run_task(sessions_->events(Context(loop_), principals_["k-all"], id, 1, 1000));
    for (const contract::Event& e : *events) {
      if (e.kind != contract::kind::kPlacementDecided) continue;
      out.emplace_back(e.sequence, *Json::parse(e.payload));
    }
    return out;
  }
  Json explained(const SessionId& id, uint64_t sequence) {
    return call("GET",
                "/v1/sessions/" + id.str() + "/placement?sequence=" + std::to_string(sequence))
        .json();
  }
  static std::string endpoints(const Json& answer) {
    std::string out;
    for (const Json& r : *answer.find("ranked")->array_items()) out += r.get_text("endpoint") + " ";
    return out;
  }
};

TEST_F(PlacementRoutesTest, AStepsReasonsAreThoseOfWhatItAskedForThen) {
  with("blind.test", R"({"vision":false})");
  with("sees.test", R"({"vision":true})");
  SessionId id = begin(R"({"name":"viewer","models":["m"],"needs":{"vision":true}})");
  ASSERT_EQ(placed(id).size(), 1u);
  const auto [sequence, then] = placed(id).front();
  EXPECT_EQ(then.find("rejected")->array_items()->size(), 1u) << then.dump();
  // Another version of the agent needs nothing and asks for another model.
  with("other.test", "{}", "n");
  auto moved = loop_.run_task(
      sessions_->move(Context(loop_), principals_["k-all"], id,
                      agent(R"({"name":"viewer","version":"2","models":["n","m"]})"), ""));
  ASSERT_TRUE(moved) << moved.error().message;
  Json next = call("GET", "/v1/sessions/" + id.str() + "/placement").json();
  EXPECT_EQ(endpoints(next), "other.test blind.test sees.test ");
  Json again = explained(id, sequence);
  EXPECT_EQ(endpoints(again), "sees.test ") << again.dump();
  EXPECT_EQ(again.find("rejected")->dump(), then.find("rejected")->dump());
  EXPECT_EQ(again.get_string("needs"), "vision");
  EXPECT_EQ(again.get_bool("facts_changed"), true) << "an endpoint came";
  endpoints_.pop_back();
  ASSERT_TRUE(catalog_.replace(endpoints_));
  EXPECT_EQ(explained(id, sequence).get_bool("facts_changed"), false);
  // A pool is a fact that rules see.
  endpoints_[0].pool = "reserved";
  ASSERT_TRUE(catalog_.replace(endpoints_));
  EXPECT_EQ(explained(id, sequence).get_bool("facts_changed"), true);
}

TEST_F(PlacementRoutesTest, WhatTheRequestShowedIsRememberedToo) {
  with("short.test", R"({"context_window":1000})");
  with("long.test", R"({"context_window":100000})");
  session::NewSession spec;
  spec.agent = agent(R"({"name":"reader","models":["m"]})");
  spec.message = contract::Message::of_text(contract::Role::kUser, std::string(20'000, 'a'));
  auto id =
      loop_.run_task(sessions_->create(Context(loop_), principals_["k-all"], std::move(spec)));
  ASSERT_TRUE(id);
  loop_.run_for(5s);
  const auto [sequence, then] = placed(*id).front();
  ASSERT_NE(then.find("request"), nullptr) << then.dump();
  Json again = explained(*id, sequence);
  EXPECT_EQ(endpoints(again), "long.test ") << again.dump();
  EXPECT_EQ(again.find("rejected")->dump(), then.find("rejected")->dump());
}

TEST_F(PlacementRoutesTest, AndTheRungThatItWasMadeOn) {
  with("large.test", "{}");
  with("small.test", "{}", "small");
  imposter("large.test").only(road::answer(429, R"({"error":{"message":"slow down"}})"));
  SessionId id = begin(R"({"name":"ward","models":["m"],"downgrade":[{"model":"small"}]})");
  loop_.run_for(120s);
  auto all = placed(id);
  ASSERT_GT(all.size(), 1u);
  auto asked = [&](size_t i) { return explained(id, all[i].first); };
  EXPECT_EQ(endpoints(asked(all.size() - 1)), "small.test ") << asked(all.size() - 1).dump();
  EXPECT_EQ(asked(all.size() - 1).get_int("downgrade_level"), 1);
  // The first was on top, wherever the agent's calls are now.
  EXPECT_EQ(asked(0).get_int("downgrade_level"), std::nullopt) << asked(0).dump();
}

TEST_F(PlacementRoutesTest, NamesTheModelsThatNoEndpointServes) {
  with("fits.test", "{}");
  Json answer = call("POST", "/v1/placement", R"({"models":["m","nots"]})").json();
  EXPECT_EQ(endpoints(answer), "fits.test ");
  ASSERT_NE(answer.find("unserved_models"), nullptr) << answer.dump();
  EXPECT_EQ(answer.find("unserved_models")->dump(), R"(["nots"])");
  EXPECT_EQ(answer.find("rejected")->array_items()->size(), 1u);
}

TEST_F(PlacementRoutesTest, AnAgentWithoutModelsNeedsNoEndpoint) {
  with("fits.test", "{}");
  auto reply =
      call("POST", "/v1/placement", R"({"agent":{"name":"ward","planner":{"queue":"wards"}}})");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(endpoints(reply.json()), "");
  EXPECT_EQ(reply.json().find("rejected")->dump(), "[]");
  EXPECT_EQ(call("POST", "/v1/placement", "{}").status, 400);
}

/// The API says why a session goes no further, where it shows it and where it may go.
class RefusedSessionTest : public PlacementRoutesTest {
 protected:
  RefusedSessionTest() {
    road::ThingSpec store;
    store.kind = policy::ThingKind::kStore;
    store.facts = *catalog::Facts::from_json(*Json::parse(R"({"zone":"de"})"), "test", "");
    effects_.guard().set_things({{road::kOwnStore, store}});
  }
  SessionId begin_bound(const std::string& json) {
    session::NewSession spec;
    spec.agent = agent(json);
    spec.data_class = "residency=de";
    spec.message = contract::Message::of_text(contract::Role::kUser, "look at this");
    auto id =
        loop_.run_task(sessions_->create(Context(loop_), principals_["k-all"], std::move(spec)));
    EXPECT_TRUE(id) << id.error().message;
    loop_.run_for(5s);
    return *id;
  }
  /// Of the session, and of its placement.
  std::pair<Json, Json> failures(const SessionId& id) {
    const std::string path = "/v1/sessions/" + id.str();
    Json session = call("GET", path).json();
    Json placement = call("GET", path + "/placement").json();
    const Json* shown = session.find("failure");
    const Json* explained = placement.find("failure");
    return {shown == nullptr ? Json() : *shown, explained == nullptr ? Json() : *explained};
  }
};

TEST_F(RefusedSessionTest, AtItsPlannerThoughAnEndpointMayBeUsed) {
  with("fits.test", R"({"zone":"de","prompt_cache":"none"})");
  SessionId id = begin_bound(R"({"name":"ward","models":["m"],"planner":{"queue":"wards"}})");
  auto [shown, explained] = failures(id);
  ASSERT_EQ(shown.get_text("of"), "planner") << shown.dump();
  EXPECT_EQ(shown.find("error")->get_text("reason"), "no_place");
  EXPECT_NE(shown.find("error")->get_text("message").find("queue:wards"), std::string::npos)
      << shown.dump();
  EXPECT_NE(shown.find("error")->get_text("message").find("residency"), std::string::npos);
  EXPECT_EQ(explained.dump(), shown.dump());
}

TEST_F(RefusedSessionTest, AtEveryEndpointOfItsModel) {
  with("abroad.test", R"({"zone":"us"})");
  SessionId id = begin_bound(R"({"name":"ward","models":["m"]})");
  auto [shown, explained] = failures(id);
  ASSERT_EQ(shown.get_text("of"), "model") << shown.dump();
  EXPECT_NE(shown.find("error")->get_text("message").find("residency"), std::string::npos)
      << shown.dump();
  EXPECT_EQ(explained.dump(), shown.dump());
}

TEST_F(RefusedSessionTest, NotWhereItWasAnswered) {
  with("fits.test", R"({"zone":"de","prompt_cache":"none"})");
  auto [shown, explained] = failures(begin_bound(R"({"name":"ward","models":["m"]})"));
  EXPECT_TRUE(shown.is_null()) << shown.dump();
  EXPECT_TRUE(explained.is_null()) << explained.dump();
}

}  // namespace
}  // namespace drover::api
