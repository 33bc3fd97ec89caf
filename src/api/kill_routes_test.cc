// A kill of what is not known is an error: in an emergency a slip must not look like a success.
// And of what was killed and purged is told that it was.
#include "api/routes_test_fixture.h"

namespace drover::api {
namespace {

class KillRoutesTest : public RoutesFixture {
 protected:
  Reply kill(const std::string& target, const std::string& what, std::string key = "k-all") {
    Json body = Json::object().set("target", target).set("what", what);
    return call("POST", "/v1/kill", body.dump(), std::move(key));
  }
  /// A session of an agent that is in no registry.
  void begin(const std::string& agent, const std::string& version) {
    Json spec = Json::object().set("name", agent).set("version", version);
    spec.set("models", Json::array().push("m"));
    Reply made = call("POST", "/v1/sessions", Json::object().set("agent", std::move(spec)).dump());
    EXPECT_EQ(made.status, 201) << made.body;
  }
  /// Whose sessions a kill stopped, one after another.
  std::string stopped(const Reply& reply) {
    EXPECT_EQ(reply.status, 200) << reply.body;
    std::string out;
    const Json json = reply.json();
    const Json* list = json.find("stopped");
    if (list == nullptr || list->array_items() == nullptr) return "no list";
    for (const Json& one : *list->array_items()) out += one.get_text("agent") + " ";
    return out;
  }
  void expect_nothing(const Reply& reply) {
    EXPECT_EQ(reply.status, 200) << reply.body;
    EXPECT_TRUE(reply.json().find("stopped")->array_items()->empty()) << reply.body;
  }
};

TEST_F(KillRoutesTest, AnAgentThatIsNotKnownIsNotFound) {
  expect_error(kill("agent", "helpr"), 404, "no agent is named 'helpr' (did you mean 'helper'?)");
  expect_error(kill("agent", "nope@2"), 404, "no agent is named 'nope'; there are: helper");
  expect_error(kill("agent", "helper@9"), 404, "agent 'helper' has no version '9'");
  expect_nothing(kill("agent", "helper"));
  const std::string version = agents_.info(TenantId("ten_a"), "helper")->current;
  expect_nothing(kill("agent", "helper@" + version));
}

TEST_F(KillRoutesTest, AnAgentThatOnlySessionsNameIsKnown) {
  add("one.test");
  Reply made = call("POST", "/v1/sessions", R"({"agent":{"name":"passer","models":["m"]}})");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(kill("agent", "passer", "k-other").status, 404) << "another tenant's";
  Reply stopped = kill("agent", "passer");
  EXPECT_EQ(stopped.json().find("stopped")->array_items()->size(), 1u) << stopped.body;
  expect_nothing(kill("agent", "passer"));
}

TEST_F(KillRoutesTest, AnEmptyNameOrVersionStopsNobody) {
  ASSERT_EQ(call("POST", "/v1/sessions", R"({"agent":"helper"})").status, 201);
  for (const char* what : {"@", "@1"}) {
    expect_error(kill("agent", what), 400, "names no agent before the '@'");
  }
  expect_error(kill("agent", "helper@"), 400,
               "'helper@' names no version after the '@': write 'helper' for all versions");
  expect_error(kill("agent", ""), 400, "'what' is missing");
  EXPECT_EQ(stopped(kill("agent", "helper")), "helper ");
}

TEST_F(KillRoutesTest, AnAgentWhoseNameHoldsAnAtIsMeantByIt) {
  std::map<std::string, session::AgentSpec> known;
  for (const char* name : {"ops@home", "ops"}) {
    known[name].name = name;
    known[name].version = "2";
    known[name].models = {"m"};
  }
  agents_.set_configured(std::move(known));
  for (const char* name : {"ops@home", "ops"}) {
    Json body = Json::object().set("agent", name);
    ASSERT_EQ(call("POST", "/v1/sessions", body.dump()).status, 201) << name;
  }
  expect_error(kill("agent", "ops@home@9"), 404, "agent 'ops@home' has no version '9'");
  EXPECT_EQ(stopped(kill("agent", "ops@home@2")), "ops@home ");
  expect_nothing(kill("agent", "ops@home"));
  EXPECT_EQ(stopped(kill("agent", "ops@2")), "ops ");
}

TEST_F(KillRoutesTest, SoIsOneThatOnlySessionsName) {
  add("one.test");
  begin("team@x", "1");
  begin("team", "x");
  EXPECT_EQ(stopped(kill("agent", "team@x")), "team@x ");
  expect_nothing(kill("agent", "team@x"));
  EXPECT_EQ(stopped(kill("agent", "team")), "team ");
  begin("crew", "x");
  begin("crew", "y");
  EXPECT_EQ(stopped(kill("agent", "crew@x")), "crew ");
  EXPECT_EQ(stopped(kill("agent", "crew")), "crew ");
}

TEST_F(KillRoutesTest, ATenantThatIsNotKnownIsNamedToTheOperatorAlone) {
  expect_error(kill("tenant", "defalt", "k-operator"), 404,
               "no tenant 'defalt': did you mean 'default'?");
  Reply other = kill("tenant", "defalt");
  EXPECT_EQ(other.status, 404);
  EXPECT_EQ(other.error_member("message"), "not found");
  expect_nothing(kill("tenant", "default", "k-operator"));
}

TEST_F(KillRoutesTest, ToAKeyThatMayNotTheNearTenantIsNotTold) {
  add_key("k-caller", "ten_default", {identity::Scope::kCall});
  for (const Reply& reply : {kill("tenant", "defalt", "k-caller"),
                             call("GET", "/v1/keys?tenant=defalt", "", "k-caller")}) {
    expect_error(reply, 403, "lacks the scope 'admin'");
    EXPECT_EQ(reply.body.find("did you mean"), std::string::npos) << reply.body;
  }
  EXPECT_EQ(kill("tenant", "default", "k-caller").status, 403) << "it looks the same";
  expect_error(call("GET", "/v1/keys?tenant=defalt", "", "k-operator"), 404, "did you mean");
}

TEST_F(KillRoutesTest, ASessionThatHasEndedIsKnown) {
  Reply made = call("POST", "/v1/sessions", R"({"agent":"helper"})");
  const std::string id = made.json().get_text("id");
  for (const char* target : {"session", "tree"}) {
    EXPECT_EQ(kill(target, "ses_01KAR0000000000000000000").status, 404) << target;
  }
  EXPECT_EQ(kill("session", id).json().find("stopped")->array_items()->size(), 1u);
  expect_nothing(kill("session", id));
  expect_nothing(kill("tree", id));
}

TEST_F(KillRoutesTest, OfAPurgedSessionTheTraceSaysThatItWas) {
  Reply made = call("POST", "/v1/sessions", R"({"agent":"helper"})");
  const std::string session = "/v1/sessions/" + made.json().get_text("id");
  EXPECT_EQ(kill("session", made.json().get_text("id")).status, 200);
  EXPECT_EQ(call("GET", session + "/trace").status, 200);
  Reply purged = call("POST", session + "/purge");
  ASSERT_EQ(purged.status, 200) << purged.body;
  Reply trace = call("GET", session + "/trace");
  EXPECT_EQ(trace.error_member("code"), "purged") << trace.body;
  EXPECT_NE(trace.error_member("message").find("was purged"), std::string::npos) << trace.body;
}

}  // namespace
}  // namespace drover::api
