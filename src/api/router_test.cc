#include "api/router.h"

#include "api/api_test_fixture.h"
#include "api/health.h"
#include "base/limits/http.h"

namespace drover::api {
namespace {

/// Says which route was taken, with what parameters, for whom.
Task<void> tell(Context ctx, Exchange& exchange, std::string name) {
  Json out = Json::object().set("route", std::move(name));
  out.set("tenant", exchange.principal->tenant.str());
  for (const auto& [key, value] : exchange.params) out.set("param_" + key, value);
  co_await respond_json(ctx, exchange, 200, std::move(out));
}

Task<void> fail_with(Context ctx, Exchange& exchange, Error error) {
  co_await respond_error(ctx, exchange, std::move(error));
}

Task<void> echo_json(Context ctx, Exchange& exchange) {
  auto body = co_await read_json(ctx, exchange);
  if (body) {
    co_await respond_json(ctx, exchange, 201, std::move(*body));
  } else {
    co_await respond_error(ctx, exchange, std::move(body).error());
  }
}

class RouterTest : public ApiFixture {
 protected:
  void add_named(const std::string& method, const std::string& pattern) {
    router_->add(method, pattern, [name = method + " " + pattern](Context ctx, Exchange& exchange) {
      return tell(std::move(ctx), exchange, name);
    });
  }
  std::string route_of(const std::string& method, const std::string& target) {
    Reply reply = call(method, target);
    return std::string(reply.json().get_string("route").value_or(std::to_string(reply.status)));
  }
};

TEST_F(RouterTest, PatternsMatchWholePathsOnly) {
  add_named("GET", "/v1/things");
  add_named("GET", "/v1/things/{id}");
  add_named("GET", "/v1/things/{id}/parts/{part}");
  add_named("GET", "/v1/things/{id}/all");
  serve();
  EXPECT_EQ(route_of("GET", "/v1/things"), "GET /v1/things");
  EXPECT_EQ(route_of("GET", "/v1/things?x=1"), "GET /v1/things");
  EXPECT_EQ(route_of("GET", "/v1/things/7"), "GET /v1/things/{id}");
  EXPECT_EQ(route_of("GET", "/v1/things/7/all"), "GET /v1/things/{id}/all");
  EXPECT_EQ(route_of("GET", "/v1/things/7/parts/8"), "GET /v1/things/{id}/parts/{part}");
  for (const char* none : {"/", "/v1", "/v1/thing", "/v1/things/", "/v1/things//all", "//v1/things",
                           "/v1/things/7/parts", "/v1/things/7/parts/8/9", "/V1/things"}) {
    EXPECT_EQ(route_of("GET", none), "404") << none;
  }
}

TEST_F(RouterTest, ParametersAreDecoded) {
  add_named("GET", "/v1/memory/{namespace}/{key}");
  serve();
  Json got = call("GET", "/v1/memory/user%3Aanna/a%2Fb%20c").json();
  EXPECT_EQ(got.get_string("param_namespace"), "user:anna");
  EXPECT_EQ(got.get_string("param_key"), "a/b c") << "an encoded slash is no separator";
  // What cannot be decoded is nobody's path.
  EXPECT_EQ(call("GET", "/v1/memory/a/%zz").status, 404);
  EXPECT_EQ(call("GET", "/v1/memory/a/%2").status, 404);
}

TEST_F(RouterTest, TheFirstRouteThatFitsIsTaken) {
  add_named("POST", "/v1/things/import");
  add_named("POST", "/v1/things/{id}");
  serve();
  EXPECT_EQ(route_of("POST", "/v1/things/import"), "POST /v1/things/import");
  EXPECT_EQ(route_of("POST", "/v1/things/other"), "POST /v1/things/{id}");
}

TEST_F(RouterTest, TheFirstThatFitsIsTakenWhateverItsSecondPart) {
  add_named("GET", "/v1/before");
  add_named("GET", "/v1/{kind}");
  add_named("GET", "/v1/after");
  add_named("GET", "/v1/after/{id}");
  add_named("GET", "/{version}/{kind}/{id}");
  serve();
  EXPECT_EQ(route_of("GET", "/v1/before"), "GET /v1/before");
  EXPECT_EQ(route_of("GET", "/v1/after"), "GET /v1/{kind}");
  EXPECT_EQ(route_of("GET", "/v1/other"), "GET /v1/{kind}");
  EXPECT_EQ(route_of("GET", "/v1/after/7"), "GET /v1/after/{id}");
  EXPECT_EQ(route_of("GET", "/v1/before/7"), "GET /{version}/{kind}/{id}");
  EXPECT_EQ(route_of("GET", "/v2/other/7"), "GET /{version}/{kind}/{id}");
}

TEST_F(RouterTest, AnotherMethodIsAnsweredWithThoseThereAre) {
  add_named("GET", "/v1/things/{id}");
  add_named("DELETE", "/v1/things/{id}");
  serve();
  Reply reply = call("PUT", "/v1/things/7", "{}");
  EXPECT_EQ(reply.status, 405);
  EXPECT_EQ(reply.header("allow"), "GET, DELETE");
  EXPECT_EQ(reply.error_member("code"), "method_not_allowed");
  EXPECT_EQ(reply.error_member("type"), "invalid_request_error");
  EXPECT_EQ(route_of("DELETE", "/v1/things/7"), "DELETE /v1/things/{id}");
}

TEST_F(RouterTest, MethodsOfAPathWithoutParametersAreThoseOfAllItsRoutes) {
  add_named("GET", "/v1/alone");
  add_named("POST", "/v1/alone");
  add_named("GET", "/v1/things/mine");
  add_named("PUT", "/v1/things/{id}");
  add_named("DELETE", "/v1/things/mine");
  serve();
  EXPECT_EQ(route_of("GET", "/v1/alone?x=1"), "GET /v1/alone");
  EXPECT_EQ(route_of("POST", "/v1/alone"), "POST /v1/alone");
  EXPECT_EQ(call("DELETE", "/v1/alone").header("allow"), "GET, POST");
  // A pattern has that path too.
  EXPECT_EQ(route_of("GET", "/v1/things/mine"), "GET /v1/things/mine");
  EXPECT_EQ(route_of("PUT", "/v1/things/mine"), "PUT /v1/things/{id}");
  EXPECT_EQ(route_of("DELETE", "/v1/things/mine"), "DELETE /v1/things/mine");
  EXPECT_EQ(call("POST", "/v1/things/mine").header("allow"), "GET, PUT, DELETE");
}

TEST_F(RouterTest, UnknownPathsNameThePathAndNothingElse) {
  serve();
  Reply reply = call("GET", "/v2/nothing?key=sk-secret");
  EXPECT_EQ(reply.status, 404);
  EXPECT_EQ(reply.error_member("message"), "no such path: /v2/nothing");
  EXPECT_EQ(reply.header("content-type"), "application/json");
  EXPECT_TRUE(reply.header("x-request-id").starts_with("call_")) << reply.header("x-request-id");
  EXPECT_EQ(reply.header("allow"), "");
}

TEST_F(RouterTest, KeysComeInTheHeadersOfEverySdk) {
  add_named("GET", "/v1/things");
  serve();
  struct Case {
    const char* header;
    const char* value;
    int status;
  };
  const Case cases[] = {
      {"Authorization", "Bearer k-all", 200},
      {"authorization", "bearer k-all", 200},
      {"Authorization", "Bearer  k-all", 200},
      {"api-key", "k-all", 200},
      {"x-api-key", "k-all", 200},
      {"Authorization", "Basic k-all", 401},
      {"Authorization", "k-all", 401},
      {"Authorization", "Bearer ", 401},
      {"Authorization", "Bearer k-al", 401},
      {"Cookie", "k-all", 401},
  };
  for (const Case& c : cases) {
    http::ClientRequest asked = request("GET", "/v1/things", "", "");
    asked.headers.add(c.header, c.value);
    Reply reply = call(std::move(asked));
    EXPECT_EQ(reply.status, c.status) << c.header << ": " << c.value;
    if (c.status != 401) continue;
    EXPECT_EQ(reply.header("www-authenticate"), "Bearer");
    EXPECT_EQ(reply.error_member("type"), "authentication_error");
    EXPECT_EQ(reply.error_member("code"), "invalid_api_key");
  }
  EXPECT_EQ(call("GET", "/v1/things", "", "k-other").json().get_string("tenant"), "ten_b");
}

TEST_F(RouterTest, AHeaderThatContradictsItselfIsRefused) {
  add_named("GET", "/v1/things");
  serve();
  auto asked = [&](std::initializer_list<std::pair<const char*, const char*>> headers) {
    http::ClientRequest out = request("GET", "/v1/things", "", "k-all");
    for (const auto& [name, value] : headers) out.headers.add(name, value);
    return call(std::move(out));
  };
  for (const char* name :
       {"X-Drover-Agent", "x-drover-service-class", "x-drover-continue", "if-match", "x-api-key"}) {
    Reply reply = asked({{name, "one"}, {"accept", "*/*"}, {name, "two"}});
    EXPECT_EQ(reply.status, 400) << name;
    EXPECT_EQ(reply.error_member("code"), "repeated_header") << reply.body;
    EXPECT_EQ(asked({{name, "one"}, {name, "one"}}).status, 200) << name;
  }
  EXPECT_EQ(asked({{"Authorization", "Bearer k-other"}}).status, 400) << "whose is it?";
  EXPECT_EQ(asked({{"accept", "text/plain"}, {"accept", "*/*"}}).status, 200);
}

TEST_F(RouterTest, AMisspeltHeaderIsRefusedAndOneThatNobodyReads) {
  add_named("GET", "/v1/things");
  add_named("POST", "/v1/things");
  add_named("POST", "/v1/data");
  router_->reads_data_class();
  router_->add_open("GET", "/health", [](Context ctx, Exchange& exchange) {
    return tell(std::move(ctx), exchange, "health");
  });
  serve();
  auto asked = [&](const char* method, const char* path, const char* header) {
    http::ClientRequest out = request(method, path, "", "k-all");
    out.headers.add(header, "residency=de");
    return call(std::move(out));
  };
  Reply misspelt = asked("GET", "/v1/things", "X-Drover-DataClass");
  EXPECT_EQ(misspelt.status, 400);
  EXPECT_EQ(misspelt.error_member("code"), "unknown_header");
  EXPECT_NE(misspelt.error_member("message").find(
                "'x-drover-dataclass': did you mean 'x-drover-data-class'?"),
            std::string::npos)
      << misspelt.body;
  EXPECT_EQ(asked("POST", "/v1/data", "x-drover-data_class").status, 400);
  EXPECT_EQ(asked("GET", "/health", "x-drover-nothing").status, 200) << "it reads none";
  // What one Drover sends another, and what clients of the simulated clouds send.
  EXPECT_EQ(asked("POST", "/v1/things", "x-drover-attempt").status, 200);
  EXPECT_EQ(asked("POST", "/v1/things", "x-drover-session").status, 200);
  EXPECT_EQ(asked("POST", "/v1/data", "x-drover-data-class").status, 200);
  EXPECT_EQ(asked("GET", "/v1/things", "x-drover-data-class").status, 200) << "it brings no data";
  Reply unread = asked("POST", "/v1/things", "x-drover-data-class");
  EXPECT_EQ(unread.status, 400);
  EXPECT_EQ(unread.error_member("code"), "header_not_read") << unread.body;
}

TEST_F(RouterTest, OnlyOpenRoutesNeedNoKey) {
  bool draining = false;
  HealthServices health;
  health.draining = [&] { return draining; };
  health.metrics = [] { return std::string("drover_up 1\n"); };
  add_health_routes(*router_, std::move(health));
  serve();
  EXPECT_EQ(call("GET", "/healthz", "", "").body, "ok\n");
  EXPECT_EQ(call("HEAD", "/healthz", "", "").status, 200);
  EXPECT_EQ(call("GET", "/healthz", "", "no-such-key").status, 200) << "not even looked at";
  EXPECT_EQ(call("GET", "/readyz", "", "").status, 200);
  draining = true;
  EXPECT_EQ(call("GET", "/readyz", "", "").status, 503);
  EXPECT_EQ(call("GET", "/healthz", "", "").status, 200);
  // Metrics tell of every tenant.
  EXPECT_EQ(call("GET", "/metrics", "", "").status, 401);
  EXPECT_EQ(call("GET", "/metrics", "", "k-call").status, 403);
  EXPECT_EQ(call("GET", "/metrics", "", "k-all").status, 403) << "an admin of another tenant";
  EXPECT_EQ(call("GET", "/metrics", "", "k-operator").body, "drover_up 1\n");
}

TEST_F(RouterTest, BodiesMustBeJsonObjects) {
  router_->add("POST", "/v1/things", echo_json);
  serve();
  EXPECT_EQ(call("POST", "/v1/things", R"({"a":[1,2]})").body, R"({"a":[1,2]})");
  EXPECT_EQ(call("POST", "/v1/things", "").body, "{}") << "nothing is an empty object";
  EXPECT_EQ(call("POST", "/v1/things", " \n ").body, "{}");
  struct Case {
    std::string body;
    const char* code;
    const char* says;
  };
  const Case cases[] = {
      {"{", "invalid_json", "JSON"},
      {R"({"a":1}x)", "invalid_json", "JSON"},
      {"[]", "invalid_value", "object, not array"},
      {"\"x\"", "invalid_value", "object, not string"},
      {"{\"a\":\"\xff\"}", "invalid_json", "UTF-8"},
      {std::string(500, '[') + std::string(500, ']'), "invalid_json", "deep"},
  };
  for (const Case& c : cases) {
    Reply reply = call("POST", "/v1/things", c.body);
    EXPECT_EQ(reply.status, 400) << c.body;
    EXPECT_EQ(reply.error_member("code"), c.code) << c.body;
    EXPECT_NE(reply.error_member("message").find(c.says), std::string::npos)
        << reply.error_member("message");
  }
}

TEST_F(RouterTest, BodiesHaveALimit) {
  router_->add("POST", "/v1/things", echo_json);
  serve();
  std::string padding(limits::kHttpBodyBytesMax - 8, ' ');
  EXPECT_EQ(call("POST", "/v1/things", R"({"a":1})" + padding).status, 201) << "just under";
  Reply reply = call("POST", "/v1/things", R"({"a":1})" + padding + "xx");
  EXPECT_EQ(reply.status, 413);
  EXPECT_EQ(reply.error_member("code"), "body_too_large");
  EXPECT_EQ(reply.error_member("type"), "invalid_request_error");
  EXPECT_NE(reply.error_member("message").find(std::to_string(limits::kHttpBodyBytesMax)),
            std::string::npos)
      << "the limit is said";
  // The next request, on a new connection, is served.
  EXPECT_EQ(call("POST", "/v1/things", "{}").status, 201);
}

TEST_F(RouterTest, ErrorsBecomeStatusesAndAdvice) {
  struct Case {
    const char* path;
    Code code;
    const char* reason;
    Retry retry;
    int status;
    const char* answer_code;
    const char* should_retry;
  };
  const Case cases[] = {
      {"/a", Code::kInvalidArgument, "", Retry::kNever, 400, "invalid_value", ""},
      {"/b", Code::kFailedPrecondition, "content_filter", Retry::kNever, 400, "content_filter", ""},
      {"/c", Code::kFailedPrecondition, "", Retry::kNever, 409, "failed_precondition", "false"},
      {"/d", Code::kAborted, "", Retry::kSameTarget, 409, "aborted", ""},
      {"/e", Code::kNotFound, "", Retry::kNever, 404, "not_found", ""},
      {"/f", Code::kResourceExhausted, "", Retry::kAfter, 429, "rate_limit_exceeded", ""},
      {"/g", Code::kResourceExhausted, "disk_full", Retry::kAfter, 507, "disk_full", ""},
      {"/h", Code::kInvalidArgument, "request_too_large", Retry::kOtherTarget, 413,
       "request_too_large", ""},
      {"/i", Code::kInvalidArgument, "context_length_exceeded", Retry::kOtherTarget, 400,
       "context_length_exceeded", ""},
      {"/j", Code::kUnavailable, "", Retry::kNever, 503, "unavailable", "false"},
      {"/k", Code::kDeadlineExceeded, "", Retry::kNever, 504, "timeout", "false"},
      {"/l", Code::kDataLoss, "malformed_response", Retry::kOtherTarget, 502, "malformed_response",
       ""},
      {"/m", Code::kDataLoss, "", Retry::kNever, 500, "data_loss", "false"},
      {"/n", Code::kInternal, "", Retry::kNever, 500, "internal_error", "false"},
  };
  for (const Case& c : cases) {
    Error error(c.code, "as it is", c.retry);
    error.reason = c.reason;
    router_->add("GET", c.path, [error](Context ctx, Exchange& exchange) {
      return fail_with(std::move(ctx), exchange, error);
    });
  }
  serve();
  for (const Case& c : cases) {
    Reply reply = call("GET", c.path);
    EXPECT_EQ(reply.status, c.status) << c.path;
    EXPECT_EQ(reply.error_member("code"), c.answer_code) << c.path;
    EXPECT_EQ(reply.error_member("message"), "as it is");
    EXPECT_EQ(reply.header("x-should-retry"), c.should_retry) << c.path;
  }
}

TEST_F(RouterTest, AWaitIsRoundedUp) {
  Error error(Code::kResourceExhausted, "slow down", Retry::kAfter);
  error.retry_after = 1200ms + std::chrono::nanoseconds(1);
  router_->add("GET", "/busy", [error](Context ctx, Exchange& exchange) {
    return fail_with(std::move(ctx), exchange, error);
  });
  serve();
  Reply reply = call("GET", "/busy");
  EXPECT_EQ(reply.header("retry-after"), "2");
  EXPECT_EQ(reply.header("retry-after-ms"), "1201");
}

}  // namespace
}  // namespace drover::api
