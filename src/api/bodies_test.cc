// A misspelt member of a body is refused by every route, and so is one that stands twice: silence
// would be taken for consent, and a class of data that nobody reads is none.
#include "api/routes_test_fixture.h"

namespace drover::api {
namespace {

class BodiesTest : public RoutesFixture {};

TEST_F(BodiesTest, AMisspeltMemberIsRefusedEverywhere) {
  add("one.test");
  Reply made = call("POST", "/v1/sessions", R"({"agent":"helper"})");
  const std::string id(made.json().get_string("id").value_or(""));
  const std::string session = "/v1/sessions/" + id;
  const auto events = call("GET", session).json().get_int("events");
  const std::string lease = "/v1/work/" + id + ".2.1";
  Reply key = call("POST", "/v1/keys", R"({"label":"x","scopes":["call"]})", "k-operator");
  ASSERT_EQ(key.status, 201) << key.body;
  const std::string limited = "/v1/keys/" + key.json().get_text("id") + "/budgets";
  struct Case {
    std::string path;
    const char* body;
    const char* says;
    const char* key = "k-all";
  };
  const Case cases[] = {
      {session + "/rewards", R"({"name":"x","value":1,"stp":3})", "'stp': did you mean 'step'?"},
      {session + "/cancel", R"({"raeson":"x"})", "'raeson': did you mean 'reason'?"},
      {session + "/cancel", R"({"reason":7})", "'reason' must be a text"},
      {session + "/purge", R"({"raeson":"x"})", "'raeson'"},
      {"/v1/sessions", R"({"agent":"helper","lease":{"lease":1}})", "'lease'"},
      {"/v1/sessions", R"({"agent":"helper","lease":true})", "must be a JSON object"},
      {"/v1/sessions", R"({"agent":"helper","data_class":"","data_class":"residency=de"})",
       "the member 'data_class' stands twice"},
      {"/v1/agents", R"({"name":"x","models":["m"],"data":"","data":"residency=de"})",
       "field 'data' stands twice"},
      {"/v1/work/lease", R"({"queues":["q"],"wait":5})", "'wait'"},
      {"/v1/work/lease", R"({"queues":["q"],"max":0})", "'max' must be a whole number above 0"},
      {"/v1/work/lease", R"({"queues":["q"],"wait_ms":-1})", "'wait_ms' must be a number of milli"},
      {"/v1/work/lease", R"({"queues":["q"],"lease_ms":9e18})", "'lease_ms' must be a number of"},
      {lease + "/heartbeat", R"({"leese_ms":5})", "'leese_ms': did you mean 'lease_ms'?"},
      {lease + "/result", R"({"content":"x","dataclass":"residency=de"})", "'dataclass'"},
      {"/v1/memory/notes/search", R"({"query":"x","limits":1})", "'limits'"},
      {"/v1/keys", R"({"label":"x","scopes":["call"],"budget":"money=1/day"})",
       "'budget': did you mean 'budgets'?", "k-operator"},
      {limited, R"({"budget":"money=1/day"})", "'budget'", "k-operator"},
      {"/v1/tenants", R"({"name":"b","label":"x"})", "'label'", "k-operator"},
      {"/v1/agents/helper/pin", R"({"version":null,"why":"x"})", "'why'"},
      {"/v1/agents/helper/drain", R"({"version":"1","drain":false})", "'drain'"},
      {"/v1/admin/backup", R"({"path":"/b","compress":true})", "'compress'", "k-operator"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.path + " " + c.body);
    std::string method = c.path == limited ? "PUT" : "POST";
    expect_error(call(std::move(method), c.path, c.body, c.key), 400, c.says);
  }
  EXPECT_TRUE(backups_.empty());
  EXPECT_EQ(call("GET", session).json().get_int("events"), events) << "nothing was done";
}

TEST_F(BodiesTest, ARaiseBeyondWhatCountsIsRefusedAndSaysHowMuchDoes) {
  add_key("k-approver", "ten_a", {identity::Scope::kApprove});
  const std::string id =
      call("POST", "/v1/sessions", R"({"agent":"helper"})").json().get_text("id");
  const std::string budget = "/v1/sessions/" + id + "/budget";
  expect_error(call("POST", budget, R"({"cost_usd":1000000000001})", "k-approver"), 400,
               "at most 1000000000000 dollars at once");
  expect_error(call("POST", budget, R"({"time_s":1000000001})", "k-approver"), 400,
               "'time_s' must be at most 1000000000");
  expect_error(call("POST", budget, R"({"cost_usd":1e300})", "k-approver"), 400,
               "'cost_usd' must be at most 1000000000000");
  expect_error(call("POST", budget, R"({"tokens":99999999999999999999})", "k-approver"), 400,
               "'tokens' is too large");
  EXPECT_EQ(call("POST", budget, R"({"cost_usd":1000000000000})", "k-approver").status, 202);
}

}  // namespace
}  // namespace drover::api
