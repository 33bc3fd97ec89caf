// Tools behind plain HTTP: requests and answers as pure functions, the client against a server in
// memory on virtual time, and the address policy against the simulated network.
#include "tools/http_tool.h"

#include <gtest/gtest.h>

#include "async/sim_loop.h"
#include "base/limits/session.h"
#include "net/sim_net.h"
#include "tools/fake_mcp.h"
#include "tools/http_answer.h"
#include "tools/server_tool_set.h"

namespace drover::tools {
namespace {

using async::SimLoop;
using http::ClientRequest;

HttpTool tool_of(std::string_view json) {
  auto out = http_tool_from_json(*Json::parse(json));
  EXPECT_TRUE(out) << out.error().message;
  return out.value_or(HttpTool());
}

Result<ClientRequest> request_of(const HttpTool& tool, std::string arguments,
                                 std::string base = "https://api.example/v1") {
  ToolServer server;
  server.name = "api";
  server.http = std::move(base);
  server.headers["authorization"] = "Bearer x";
  server.headers["drover-attempt"] = "99";
  ToolInvocation invocation;
  invocation.tool = tool.definition.name;
  invocation.arguments = std::move(arguments);
  invocation.idempotency_key = "ses_1/7";
  invocation.attempt = 2;
  invocation.meta.emplace_back("drover/session", Json("ses_1"));
  return http_tool_request(server, *http::Url::parse(server.http), tool, invocation, SpanContext());
}
std::string target_of(std::string_view tool, std::string arguments,
                      std::string base = "https://api.example/v1") {
  auto request = request_of(tool_of(tool), std::move(arguments), std::move(base));
  return request ? request->url.target : "! " + request.error().message;
}
std::string header(const ClientRequest& r, std::string_view name) {
  return std::string(r.headers.get(name).value_or("-"));
}

TEST(HttpToolConfig, NamesWhatIsWrong) {
  for (const char* bad :
       {R"([])", R"({})", R"({"name":""})", R"({"name":"a","methd":"GET"})",
        R"({"name":"a","method":"FETCH"})", R"({"name":"a","path":"x"})",
        R"({"name":"a","path":"/a b"})", R"({"name":"a","path":"/{x"})", R"({"name":"a","path":5})",
        R"({"name":"a","parameters":[]})", R"({"name":"a","timeout_s":0})",
        R"({"name":"a","timeout_s":"5"})", R"({"name":"a","timeout_s":1e9})"}) {
    auto tool = http_tool_from_json(*Json::parse(bad));
    ASSERT_FALSE(tool) << bad;
    EXPECT_EQ(tool.error().code, Code::kInvalidArgument);
  }
  HttpTool tool = tool_of(R"({"name":"find","timeout_s":1.5})");
  EXPECT_EQ(tool.path, "/find");
  EXPECT_EQ(tool.method, "POST");
  EXPECT_EQ(tool.timeout, Duration(1500ms));
  EXPECT_EQ(tool.definition.parameters.dump(), R"({"type":"object"})");
}

TEST(HttpToolRequest, PostsTheArgumentsAsTheyCame) {
  auto request = request_of(tool_of(R"({"name":"find"})"), R"({ "id" : 7.0 })");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->method, "POST");
  EXPECT_EQ(request->url.target, "/v1/find");
  EXPECT_EQ(request->body, R"({ "id" : 7.0 })");
  EXPECT_EQ(header(*request, "content-type"), "application/json");
  EXPECT_EQ(header(*request, "authorization"), "Bearer x");
  EXPECT_EQ(header(*request, "idempotency-key"), "ses_1/7");
  EXPECT_EQ(header(*request, "drover-attempt"), "2") << "not the configuration's";
  EXPECT_EQ(header(*request, "drover-session"), "ses_1");
  EXPECT_EQ(header(*request, "traceparent"), "-") << "no span";
  EXPECT_EQ(request_of(tool_of(R"({"name":"find"})"), "")->body, "{}");
  EXPECT_FALSE(request_of(tool_of(R"({"name":"find"})"), "[1]"));
  EXPECT_FALSE(request_of(tool_of(R"({"name":"find"})"), "{"));
}

TEST(HttpToolRequest, GetsWithAQuery) {
  constexpr std::string_view kGet = R"({"name":"find","method":"GET","path":"/f"})";
  auto request = request_of(tool_of(kGet), R"({"q":"a b&c=é","n":1.50,"yes":true,"no":null,)"
                                           R"("l":[1,"x"],"o":{"a":1}})");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->url.target,
            "/v1/f?q=a%20b%26c%3D%C3%A9&n=1.50&yes=true&l=1&l=x&o=%7B%22a%22%3A1%7D");
  EXPECT_EQ(request->body, "");
  EXPECT_EQ(header(*request, "content-type"), "-");
  EXPECT_EQ(target_of(R"({"name":"d","method":"DELETE","path":"/f?kind=x"})", R"({"a":1})"),
            "/v1/f?kind=x&a=1");
  EXPECT_EQ(target_of(kGet, "", "https://api.example"), "/f");
  EXPECT_EQ(target_of(R"({"name":"d","path":""})", "", "https://api.example/exact"), "/exact");
}

TEST(HttpToolRequest, PathTakesArgumentsAndCannotBeLeft) {
  constexpr std::string_view kPath = R"({"name":"r","path":"/o/{id}/refund/{why}"})";
  auto request = request_of(tool_of(kPath), R"({"id":7,"sum":"1.00","why":"a/b?c"})");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->url.target, "/v1/o/7/refund/a%2Fb%3Fc");
  EXPECT_EQ(request->body, R"({"sum":"1.00"})");
  for (const char* bad : {R"({"id":7})", R"({"id":7,"why":".."})", R"({"id":7,"why":""})",
                          R"({"id":{},"why":"x"})", R"({"id":null,"why":"x"})"}) {
    EXPECT_FALSE(request_of(tool_of(kPath), bad)) << bad;
  }
}

http::ResponseHead head_of(int status, std::string type) {
  http::ResponseHead head;
  head.status = status;
  if (!type.empty()) head.headers.add("Content-Type", std::move(type));
  return head;
}

TEST(HttpToolOutcome, TextAndJsonAsTheyCame) {
  ToolOutcome json = http_tool_outcome(head_of(200, "application/problem+json"), R"({ "a":1 })");
  EXPECT_EQ(json.content, R"({ "a":1 })");
  EXPECT_EQ(json.structured.dump(), R"({"a":1})");
  EXPECT_FALSE(json.is_error);
  ToolOutcome text = http_tool_outcome(head_of(201, "text/plain"), " x\n");
  EXPECT_EQ(text.content, " x\n");
  EXPECT_TRUE(text.structured.is_null());
  EXPECT_EQ(http_tool_outcome(head_of(204, ""), "").content, "");
  ToolOutcome broken = http_tool_outcome(head_of(200, "application/json"), "{");
  EXPECT_EQ(broken.content, "{");
  EXPECT_FALSE(broken.is_error);
}

TEST(HttpToolOutcome, ErrorsAreReadByTheModel) {
  ToolOutcome out = http_tool_outcome(head_of(422, "text/plain"), "no such order");
  EXPECT_TRUE(out.is_error);
  EXPECT_EQ(out.content, "HTTP 422: no such order");
  EXPECT_EQ(http_tool_outcome(head_of(500, ""), "").content, "HTTP 500");
  for (int status : {400, 403, 404, 409, 422, 500, 501}) EXPECT_FALSE(is_no_answer(status));
  for (int status : {302, 401, 407, 408, 425, 429, 502, 503, 504})
    EXPECT_TRUE(is_no_answer(status));
}

TEST(HttpToolOutcome, WhatIsNoTextOrTooLong) {
  ToolOutcome image = http_tool_outcome(head_of(200, "image/png"), "\x89PNG\xff");
  EXPECT_EQ(image.content, "[5 bytes of image/png that are no text]");
  std::string text = "é";
  while (text.size() <= limits::kToolResultBytesMax) text += text;
  std::string odd = "a" + text.substr(0, limits::kToolResultBytesMax);
  ToolOutcome cut = http_tool_outcome(head_of(200, "text/plain"), odd);
  EXPECT_NE(cut.content.find("\n[cut: "), std::string::npos);
  EXPECT_LT(cut.content.size(), limits::kToolResultBytesMax + 100);
  EXPECT_TRUE(cut.content.starts_with("aé"));
}

TEST(CutUtf8, NeverInsideACharacter) {
  for (size_t n = 0; n <= 8; ++n) {
    std::string text = "aé🦊b";
    cut_utf8(text, n);
    EXPECT_LE(text.size(), n);
    EXPECT_TRUE(text.empty() || Json::parse(Json(text).dump())) << n;
    EXPECT_EQ(std::string("aé🦊b").substr(0, text.size()), text);
  }
  std::string whole = "aé🦊b";
  cut_utf8(whole, 7);
  EXPECT_EQ(whole, "aé🦊");
}

class HttpToolTest : public testing::Test {
 protected:
  void start(FakeHttp::Script script) {
    http_ = std::make_unique<FakeHttp>(std::move(script));
    open(*http_);
  }
  void open(http::Client& client) {
    server_.name = "api";
    if (server_.http.empty()) server_.http = "http://api.example";
    server_.http_tools.clear();
    server_.http_tools.push_back(tool_of(R"({"name":"find","description":"Finds"})"));
    server_.http_tools.push_back(tool_of(R"({"name":"slow","timeout_s":2})"));
    Environment environment;
    environment.loop = &loop_;
    environment.client = &client;
    std::vector<ToolServer> servers(1, server_);
    set_ = std::make_unique<ServerToolSet>(environment, std::move(servers));
  }
  Result<ToolOutcome> call(std::string tool) {
    ToolInvocation invocation;
    invocation.tool = std::move(tool);
    invocation.idempotency_key = "ses_1/7";
    Context ctx(loop_);
    SeededRandom random(1);
    return loop_.run_task(
        set_->call(ctx.with_span(SpanContext::make_root(random)), std::move(invocation)));
  }

  SimLoop loop_;
  ToolServer server_;
  std::unique_ptr<FakeHttp> http_;
  std::unique_ptr<ServerToolSet> set_;
};

TEST_F(HttpToolTest, ListsWhatTheConfigurationSays) {
  server_.only = {"find"};
  start([](const ClientRequest&, const Json&) { return FakeAnswer::plain(200); });
  auto tools = loop_.run_task(set_->list(Context(loop_), std::vector<std::string>(1, "api")));
  ASSERT_TRUE(tools);
  ASSERT_EQ(tools->size(), 1u);
  EXPECT_EQ((*tools)[0].definition.description, "Finds");
  EXPECT_EQ((*tools)[0].server, "api");
  EXPECT_TRUE(http_->requests.empty());
  EXPECT_EQ(set_->version("api"), "HTTP");
  EXPECT_EQ(call("slow").error().code, Code::kNotFound);
  ToolInvocation refused;
  refused.server = "api";
  refused.tool = "slow";
  auto outcome = loop_.run_task(set_->call(Context(loop_), std::move(refused)));
  EXPECT_EQ(outcome.error().code, Code::kPermissionDenied);
}

TEST_F(HttpToolTest, SameKeyAndTheNextAttemptAfterAPause) {
  int calls = 0;
  start([&](const ClientRequest&, const Json&) {
    if (++calls == 2) return FakeAnswer::json(R"({"ok":true})");
    FakeAnswer out = FakeAnswer::plain(503);
    out.headers.add("retry-after", "2");
    return out;
  });
  MonoTime began = loop_.mono();
  auto outcome = call("find");
  ASSERT_TRUE(outcome) << outcome.error().to_string();
  EXPECT_EQ(outcome->content, R"({"ok":true})");
  EXPECT_EQ(loop_.mono() - began, 2s);
  ASSERT_EQ(http_->requests.size(), 2u);
  EXPECT_EQ(header(http_->requests[0], "idempotency-key"), "ses_1/7");
  EXPECT_EQ(header(http_->requests[1], "idempotency-key"), "ses_1/7");
  EXPECT_EQ(header(http_->requests[0], "drover-attempt"), "1");
  EXPECT_EQ(header(http_->requests[1], "drover-attempt"), "2");
  EXPECT_TRUE(header(http_->requests[0], "traceparent").starts_with("00-"));
}

TEST_F(HttpToolTest, StatusesThatSayNothingOfTheCall) {
  struct Case {
    int status;
    Code code;
    Retry retry;
  };
  for (Case c :
       {Case{401, Code::kUnauthenticated, Retry::kNever}, Case{302, Code::kInternal, Retry::kNever},
        Case{429, Code::kResourceExhausted, Retry::kAfter},
        Case{504, Code::kUnavailable, Retry::kSameTarget}}) {
    start([&](const ClientRequest&, const Json&) {
      FakeAnswer out = FakeAnswer::plain(c.status);
      out.headers.add("retry-after", "100");
      out.body = "secret";
      return out;
    });
    auto outcome = call("find");
    ASSERT_FALSE(outcome) << c.status;
    EXPECT_EQ(outcome.error().code, c.code) << c.status;
    EXPECT_EQ(outcome.error().retry, c.retry) << c.status;
    EXPECT_EQ(outcome.error().reason, "http_" + std::to_string(c.status));
    EXPECT_EQ(outcome.error().message.find("secret"), std::string::npos);
  }
}

TEST_F(HttpToolTest, ToolsOwnTimeLimit) {
  start([](const ClientRequest&, const Json&) {
    FakeAnswer out;
    out.hangs = true;
    return out;
  });
  MonoTime began = loop_.mono();
  auto outcome = call("slow");
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Code::kDeadlineExceeded);
  EXPECT_NE(outcome.error().message.find("within " + format_duration(2s)), std::string::npos)
      << outcome.error().message;
  EXPECT_EQ(loop_.mono() - began, 2s);
}

TEST_F(HttpToolTest, PrivateAddressesNeedToBeAllowed) {
  net::SimNetwork net(loop_, 1);
  for (std::string ip : {"169.254.169.254", "10.0.0.7", "127.0.0.1"}) {
    net.set_host("inside.example", std::vector<std::string>(1, ip));
    auto client = http::make_client(loop_, net.dialer());
    server_.http = "http://inside.example";
    server_.allow_private.clear();
    open(*client);
    auto refused = call("find");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kPermissionDenied) << ip;
    EXPECT_NE(refused.error().message.find("allow_private"), std::string::npos);
    server_.allow_private = {"inside.example"};
    open(*client);
    EXPECT_EQ(call("find").error().code, Code::kUnavailable)
        << "nobody listens, but it was dialled";
    set_.reset();
  }
}

}  // namespace
}  // namespace drover::tools
