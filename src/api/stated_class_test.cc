// What a request states of its data where the statement is wrong: data whose class is empty or not
// known goes nowhere.
#include "api/gateway.h"
#include "api/placement.h"
#include "api/routes_test_fixture.h"

namespace drover::api {
namespace {

class StatedClassTest : public RoutesFixture {
 protected:
  StatedClassTest() {
    GatewayServices gateway;
    gateway.agents = &agents_;
    gateway.road = road_.get();
    gateway.clock = &loop_;
    gateway.check_class = [this](const contract::DataClass& data) { return check(data); };
    add_gateway_routes(*router_, gateway);
    PlacementServices placement;
    placement.road = road_.get();
    placement.sessions = sessions_.get();
    placement.agents = &agents_;
    placement.check_class = gateway.check_class;
    add_placement_routes(*router_, placement);
    add("one.test");
  }
  Result<void> check(const contract::DataClass& data) {
    TRY_VOID(policy_.get()->resolve(data));
    return {};
  }
  void expect_unknown_class(const Reply& reply, const std::string& says) {
    expect_error(reply, 400, says);
    EXPECT_EQ(reply.error_member("code"), "unknown_data_class") << reply.body;
  }
};

TEST_F(StatedClassTest, AnEmptyOneIsRefusedOnEveryRoad) {
  Reply made = call("POST", "/v1/sessions", R"({"agent":"helper"})");
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string id = made.json().get_text("id");
  const auto events = call("GET", "/v1/sessions/" + id).json().get_int("events");
  struct Case {
    const char* method;
    std::string path;
    const char* body;  // without its last brace
  };
  const Case cases[] = {
      {"POST", "/v1/sessions", R"({"agent":"helper")"},
      {"POST", "/v1/sessions/" + id + "/messages", R"({"content":"hello")"},
      {"PUT", "/v1/memory/notes/k", R"({"text":"tea")"},
      {"POST", "/v1/placement", R"({"models":["m"])"},
      {"POST", "/v1/work/" + id + ".2.1/result", R"({"content":"done")"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.path);
    const std::string body = c.body;
    for (const char* stated : {R"("")", R"(" ")", R"({"class":""})"}) {
      expect_unknown_class(call(c.method, c.path, body + R"(,"data_class":)" + stated + "}"),
                           "an empty text is no class");
    }
    for (const char* stated : {"", " "}) {
      http::ClientRequest asked = request(c.method, c.path, body + "}");
      asked.headers.add("X-Drover-Data-Class", stated);
      expect_unknown_class(call(std::move(asked)), "leave the header");
    }
  }
  http::ClientRequest asked = request("POST", "/v1/chat/completions", request_body(false));
  asked.headers.add("X-Drover-Data-Class", "sensitivity=internal");
  asked.headers.add("X-Drover-Data-Class", "");
  expect_unknown_class(call(std::move(asked)), "leave the header");
  EXPECT_TRUE(imposter("one.test").requests().empty());
  EXPECT_EQ(call("GET", "/v1/sessions/" + id).json().get_int("events"), events);
  EXPECT_EQ(call("GET", "/v1/memory/notes/k").status, 404) << "nothing was written";
  Reply deployed = call("POST", "/v1/agents", R"({"name":"ward","models":["m"],"data":""})");
  expect_error(deployed, 400, "an empty text is no class");
}

TEST_F(StatedClassTest, ThePlacementOfAClassThatIsNotKnownIsRefused) {
  policy::PolicySpec spec;
  spec.classes["patient"] = *contract::DataClass::parse("residency=de");
  policy_.replace(*policy::Policy::make(std::move(spec)));
  auto ask = [&](const std::string& body) { return call("POST", "/v1/placement", body); };
  constexpr const char* kSays = "there is no data class 'patien' (there are: patient)";
  expect_unknown_class(ask(R"({"models":["m"],"data_class":"patien"})"), kSays);
  expect_unknown_class(ask(R"({"agent":{"name":"x","models":["m"],"data":"patien"}})"), kSays);
  EXPECT_EQ(ask(R"({"models":["m"],"data_class":"residency=atlantis"})").error_member("code"),
            "unknown_zone");
  Reply known = ask(R"({"models":["m"],"data_class":"patient"})");
  EXPECT_EQ(known.status, 200) << known.body;
  EXPECT_TRUE(known.json().find("ranked")->array_items()->empty()) << known.body;
}

}  // namespace
}  // namespace drover::api
