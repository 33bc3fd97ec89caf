// Who may ask, what they state of their call, and what they are answered.

#include "api/gateway.h"

#include "api/gateway_test_fixture.h"
#include "session/agents.h"
#include "store/memory/memory_store.h"

namespace drover::api {
namespace {

using road::answer;
using road::chat_body;
using road::delta_chunk;
using road::good_stream;
using road::ImposterScript;
using road::role_chunk;
using road::sse;
using road::stream_head;

TEST_F(GatewayTest, AWholeAnswerPassesAsBytes) {
  add("one.test");
  imposter("one.test").script(answer(200, chat_body("hello")));
  Reply reply = chat(false);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.header("x-drover-endpoint"), "one.test");
  EXPECT_EQ(reply.header("x-drover-attempts"), "1");
  EXPECT_EQ(reply.header("x-drover-cost-usd"), "0.00002");
  EXPECT_EQ(reply.header("content-type"), "application/json");
  const Json* choices = nullptr;
  Json body = reply.json();
  choices = body.find("choices");
  ASSERT_NE(choices, nullptr);
  EXPECT_EQ(choices->array_items()->front().find("message")->get_string("content"), "hello");
}

TEST_F(GatewayTest, TheClassIsStatedInAHeaderAndToldInOne) {
  add("one.test");
  imposter("one.test").script(answer(200, chat_body("hello")));
  EXPECT_EQ(chat(false).header("x-drover-service-class"), "fast");
  auto classed = [&](std::string service_class) {
    http::ClientRequest asked =
        request("POST", "/v1/chat/completions", request_body(false), "k-call");
    asked.headers.add("x-drover-service-class", std::move(service_class));
    return call(std::move(asked));
  };
  Reply slow = classed("slow");
  EXPECT_EQ(slow.status, 200) << slow.body;
  EXPECT_EQ(slow.header("x-drover-service-class"), "slow");
  EXPECT_EQ(slow.header("x-drover-queued-ms"), "");
  imposter("one.test").script(good_stream());
  EXPECT_EQ(chat(false).status, 200);
  EXPECT_EQ(chat(true).header("x-drover-service-class"), "fast");
  Reply wrong = classed("quick");
  EXPECT_EQ(wrong.status, 400);
  EXPECT_NE(wrong.body.find("fast, slow or auto"), std::string::npos) << wrong.body;
}

TEST_F(GatewayTest, AnAgentsClassHoldsUnlessTheRequestStatesOne) {
  add("one.test");
  imposter("one.test").script(answer(200, chat_body("hello")));
  auto path = [](const Reply& reply) { return reply.header("x-drover-service-class"); };
  EXPECT_EQ(path(chat_as(true, false, {})), "slow");
  EXPECT_EQ(path(chat_as(false, false, {})), "fast");
  EXPECT_EQ(path(chat_as(true, false, {{"x-drover-service-class", "fast"}})), "fast");
  const std::string tiered =
      R"({"model":"m","messages":[{"role":"user","content":"hi"}],"service_tier":"priority"})";
  EXPECT_EQ(path(chat_as(true, false, {}, tiered)), "fast") << "the tier is the request's word";
}

TEST_F(GatewayTest, AnAgentsCutAnswerIsContinuedUnlessTheRequestSaysNo) {
  add("one.test");
  add("two.test");
  ImposterScript cut = stream_head();
  cut.then(sse(role_chunk()) + sse(delta_chunk("Hel"))).and_close();
  imposter("one.test").script(cut);
  imposter("two.test").script(good_stream());
  auto whole = [](const Reply& reply) { return reply.body.find("[DONE]") != std::string::npos; };
  auto ask = [&](bool agent, std::initializer_list<std::pair<const char*, const char*>> headers) {
    health_ = catalog::Health(loop_);  // its circuit stays closed
    return chat_as(agent, true, headers);
  };
  // Fast, so that the order of the catalog counts.
  Reply agents = ask(true, {{"x-drover-service-class", "fast"}});
  EXPECT_TRUE(whole(agents)) << agents.body;
  EXPECT_NE(agents.body.find(R"("continued")"), std::string::npos) << agents.body;
  Reply no = ask(true, {{"x-drover-service-class", "fast"}, {"x-drover-continue", "false"}});
  EXPECT_FALSE(whole(no)) << no.body;
  EXPECT_NE(no.body.find(R"("error")"), std::string::npos) << no.body;
  EXPECT_FALSE(whole(ask(false, {})));
  EXPECT_TRUE(whole(ask(false, {{"x-drover-continue", "true"}})));
}

TEST_F(GatewayTest, AHeaderThatMeansNothingIsRefused) {
  add("one.test");
  http::ClientRequest asked = request("POST", "/v1/chat/completions", request_body(true), "k-call");
  asked.headers.add("x-drover-continue", "yes");
  Reply wrong = call(std::move(asked));
  EXPECT_EQ(wrong.status, 400);
  EXPECT_NE(wrong.body.find("x-drover-continue must be true or false"), std::string::npos);
  EXPECT_TRUE(imposter("one.test").requests().empty());
}

TEST_F(GatewayTest, AllValuesOfTheDataClassCount) {
  facts_ = *catalog::Facts::from_json(*Json::parse(R"({"cleared_for":"internal"})"), "test", "");
  add("one.test");
  imposter("one.test").script(answer(200, chat_body("hello")));
  using Headers = std::initializer_list<std::pair<const char*, const char*>>;
  auto status = [&](Headers headers) { return chat_as(false, false, headers).status; };
  constexpr const char* kName = "X-Drover-Data-Class";
  EXPECT_EQ(status({{kName, "sensitivity=internal"}, {kName, "retention=unlimited"}}), 200);
  EXPECT_EQ(status({{kName, "sensitivity=internal"}, {kName, "sensitivity=restricted"}}), 403);
  EXPECT_EQ(status({{kName, "sensitivity=restricted"}, {kName, "sensitivity=internal"}}), 403);
  EXPECT_EQ(status({{kName, "sensitivity=restricted;sensitivity=internal"}}), 403);
  EXPECT_EQ(status({{kName, "sensitivity=internal"}, {kName, "secret stuff"}}), 400);
  // As a proxy may write them into one.
  EXPECT_EQ(status({{kName, "sensitivity=internal, sensitivity=restricted"}}), 400);
  EXPECT_EQ(imposter("one.test").requests().size(), 1u);
}

TEST_F(GatewayTest, AClassOrAZoneThatIsNotKnownIsTheCallersMistake) {
  add("one.test");
  for (const auto& [stated, code] : {std::pair{"patientt", "unknown_data_class"},
                                     std::pair{"residency=atlantis", "unknown_zone"}}) {
    Reply reply = chat_as(false, false, {{"x-drover-data-class", stated}});
    EXPECT_EQ(reply.status, 400) << stated;
    EXPECT_EQ(reply.error_member("code"), code) << reply.body;
  }
  EXPECT_EQ(chat_as(false, false, {{"x-drover-data-class", "residency=de"}}).status, 403)
      << "what is known and has no place is another matter";
}

TEST_F(GatewayTest, WhatAClassMeansMayChangeWhileACallWaits) {
  facts_ = *catalog::Facts::from_json(
      *Json::parse(R"({"zone":"us","prompt_cache":"none","calls_in_flight":1})"), "test", "");
  add("us.test");
  ImposterScript slowly;
  slowly.then(answer(200, chat_body("hello")).parts[0].bytes, 5s);
  imposter("us.test").script(std::move(slowly));
  auto patients_are_in = [&](const std::string& zone) {
    policy::PolicySpec spec;
    spec.classes["patient"] = *contract::DataClass::parse("residency=" + zone);
    policy_.replace(*policy::Policy::make(std::move(spec)));
  };
  patients_are_in("us");
  Reply served, queued;
  async::Scope scope{Context(loop_)};
  for (Reply* reply : {&served, &queued}) {
    http::ClientRequest asked =
        request("POST", "/v1/chat/completions", request_body(false), "k-call");
    asked.headers.add("x-drover-data-class", "patient");
    scope.spawn(keep_reply(scope.context(), caller_.get(), std::move(asked), reply));
    loop_.run_for(10ms);
  }
  patients_are_in("de");
  road_->configure(parts_.settings);
  loop_.run_for(20s);
  EXPECT_EQ(served.status, 200) << "it was sent before";
  EXPECT_EQ(queued.status, 403) << queued.body;
  EXPECT_EQ(imposter("us.test").requests().size(), 1u);
  loop_.run_task(scope.join());
}

TEST_F(GatewayTest, AnAgentNamedTwiceIsNobody) {
  add("one.test");
  imposter("one.test").script(answer(200, chat_body("hello")));
  EXPECT_EQ(chat_as(true, false, {{"x-drover-agent", "other"}}).status, 400);
  EXPECT_EQ(chat_as(true, false, {{"x-drover-agent", "patient"}}).status, 200);
}

TEST_F(GatewayTest, AProvidersTooLargeReachesTheCallerAsSuch) {
  struct Case {
    const char* body;
    int status;
    const char* code;
  };
  const Case cases[] = {
      {"<html>413 Request Entity Too Large</html>", 413, "request_too_large"},
      {R"({"error":{"message":"too much","code":"413"}})", 413, "request_too_large"},
      {R"({"error":{"message":"too much","code":"payload_too_big","type":"x"}})", 413,
       "request_too_large"},
      {R"({"error":{"message":"maximum context length is 8 tokens","code":null}})", 400,
       "context_length_exceeded"},
  };
  int n = 0;
  for (const Case& c : cases) {
    std::string host = "c" + std::to_string(n++) + ".test";
    endpoints_.clear();
    add(host);
    imposter(host).script(answer(413, c.body));
    Reply reply = chat(false);
    EXPECT_EQ(reply.status, c.status) << c.body;
    EXPECT_EQ(reply.error_member("code"), c.code) << c.body;
    EXPECT_EQ(reply.error_member("type"), "invalid_request_error");
  }
}

TEST_F(GatewayTest, OurCredentialsFaultIsNotTheCallers) {
  add("one.test");
  imposter("one.test").script(answer(401, R"({"error":{"message":"no","code":"bad_key"}})"));
  Reply reply = chat(false);
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.header("www-authenticate"), "");
}

TEST_F(GatewayTest, RefusesWhatItCannotRead) {
  add("one.test");
  EXPECT_EQ(call("POST", "/v1/chat/completions", "{").status, 400);
  EXPECT_EQ(call("POST", "/v1/chat/completions", R"({"messages":[]})").status, 400);
  Reply unknown = call("POST", "/v1/chat/completions",
                       R"({"model":"nope","messages":[{"role":"user","content":"hi"}]})");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(unknown.error_member("code"), "model_not_found");
  EXPECT_TRUE(imposter("one.test").requests().empty());
  EXPECT_EQ(chat(false, "k-sessions").status, 403) << "a key without the scope";
  EXPECT_EQ(chat(false, "").status, 401);
}

/// A gateway that knows an agent which reads pictures.
class AgentGatewayTest : public ApiFixture {
 protected:
  AgentGatewayTest() {
    agents_.set_configured({{"viewer", *session::AgentSpec::from_json(
                                           *Json::parse(R"({"name":"viewer","models":["m"],)"
                                                        R"("needs":{"vision":true}})"))}});
    GatewayServices services;
    services.road = road_.get();
    services.clock = &loop_;
    services.agents = &agents_;
    add_gateway_routes(*router_, services);
    serve();
  }
  ~AgentGatewayTest() override { stop_serving(); }

  store::MemoryStore store_{random_};
  session::AgentRegistry agents_{store_.documents()};
};

TEST_F(AgentGatewayTest, AnAgentsNeedsHoldForItsCall) {
  facts_ = *catalog::Facts::from_json(*Json::parse(R"({"vision":false})"), "test", "");
  add("blind.test");
  facts_ = *catalog::Facts::from_json(*Json::parse(R"({"vision":true})"), "test", "");
  add("sees.test");
  imposter("blind.test").script(answer(200, chat_body("hello")));
  imposter("sees.test").script(answer(200, chat_body("hello")));
  auto asked = [&](const char* agent) {
    http::ClientRequest out =
        request("POST", "/v1/chat/completions", request_body(false), "k-call");
    if (agent != nullptr) out.headers.add("X-Drover-Agent", agent);
    return call(std::move(out));
  };
  EXPECT_EQ(asked(nullptr).header("x-drover-endpoint"), "blind.test");
  EXPECT_EQ(asked("viewer").header("x-drover-endpoint"), "sees.test");
}

TEST_F(GatewayTest, ListsModels) {
  add("one.test");
  add("two.test", "env:OTHER_KEY", "n/with slash");
  Reply list = call("GET", "/v1/models");
  Json body = list.json();
  ASSERT_NE(body.find("data"), nullptr);
  EXPECT_EQ(body.find("data")->array_items()->size(), 2u);
  EXPECT_EQ(call("GET", "/v1/models/m").json().get_string("id"), "m");
  EXPECT_EQ(call("GET", "/v1/models/n%2Fwith%20slash").json().get_string("id"), "n/with slash");
  Reply none = call("GET", "/v1/models/x");
  EXPECT_EQ(none.status, 404);
  EXPECT_EQ(none.error_member("code"), "model_not_found");
}

}  // namespace
}  // namespace drover::api
