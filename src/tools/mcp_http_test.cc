// The MCP client over streamable HTTP, on virtual time, against servers in memory; the address
// policy against the simulated network.

#include <gtest/gtest.h>

#include "async/sim_loop.h"
#include "base/limits/road.h"
#include "net/sim_net.h"
#include "tools/fake_mcp.h"
#include "tools/server_tool_set.h"

namespace drover::tools {
namespace {

using async::SimLoop;
using http::ClientRequest;

std::string method_of(const Json& m) { return m.get_text("method"); }
std::string header_of(const ClientRequest& r, std::string_view name) {
  return std::string(r.headers.get(name).value_or("-"));
}
std::string result(const Json& m, std::string_view value) {
  return R"({"jsonrpc":"2.0","id":)" + m.find("id")->dump() + R"(,"result":)" + std::string(value) +
         "}";
}
std::string error(const Json& m, int code, bool with_id = true) {
  return R"({"jsonrpc":"2.0","id":)" + (with_id ? m.find("id")->dump() : "null") +
         R"(,"error":{"code":)" + std::to_string(code) + R"(,"message":"no"}})";
}
constexpr std::string_view kOk = R"({"content":[{"type":"text","text":"ok"}]})";
constexpr std::string_view kModern = R"({"supportedVersions":["2026-07-28"]})";

class HttpTest : public testing::Test {
 protected:
  void start(FakeHttp::Script script) {
    http_ = std::make_unique<FakeHttp>(std::move(script));
    open(*http_);
  }
  void open(http::Client& client) {
    server_.name = "search";
    if (server_.url.empty()) server_.url = "http://tools.example/mcp";
    Environment environment;
    environment.loop = &loop_;
    environment.client = &client;
    std::vector<ToolServer> servers(1, server_);
    set_ = std::make_unique<ServerToolSet>(environment, std::move(servers));
  }
  /// A server of the handshake revisions with sessions.
  void start_legacy(FakeHttp::Script tools) {
    start([this, tools](const ClientRequest& r, const Json& m) {
      if (method_of(m) == "server/discover") return FakeAnswer::json(error(m, -32000, false), 400);
      if (method_of(m) == "initialize") {
        FakeAnswer out = FakeAnswer::json(result(m, R"({"protocolVersion":"2025-06-18"})"));
        out.headers.add("Mcp-Session-Id", "s" + std::to_string(++sessions_));
        return out;
      }
      if (r.method == "DELETE") return FakeAnswer::plain(200);
      if (r.method == "POST" && m.find("id") == nullptr) return FakeAnswer::plain(202);
      return tools(r, m);
    });
  }
  void start_modern(FakeHttp::Script tools) {
    start([tools](const ClientRequest& r, const Json& m) {
      if (method_of(m) == "server/discover") return FakeAnswer::json(result(m, kModern));
      return tools(r, m);
    });
  }
  void TearDown() override {
    if (set_) loop_.run_task(set_->close(Context(loop_)));
  }
  Result<ToolOutcome> call(std::string tool = "t", std::string arguments = "") {
    ToolInvocation invocation;
    invocation.server = "search";
    invocation.tool = std::move(tool);
    invocation.arguments = std::move(arguments);
    return loop_.run_task(set_->call(Context(loop_), std::move(invocation)));
  }
  std::vector<const ClientRequest*> sent(std::string_view method) const {
    std::vector<const ClientRequest*> out;
    for (const ClientRequest& r : http_->requests) {
      if (method_of(Json::parse(r.body).value_or(Json())) == method) out.push_back(&r);
    }
    return out;
  }

  SimLoop loop_;
  ToolServer server_;
  int sessions_ = 0;
  std::unique_ptr<FakeHttp> http_;
  std::unique_ptr<ServerToolSet> set_;
};

TEST_F(HttpTest, RefusedProbesMeanLegacy) {
  for (int status : {400, 404, 405, 406}) {
    for (bool rpc : {true, false}) {
      start([&](const ClientRequest& r, const Json& m) {
        if (method_of(m) == "server/discover") {
          return rpc ? FakeAnswer::json(error(m, -32601), status) : FakeAnswer::plain(status);
        }
        if (method_of(m) == "initialize") {
          return FakeAnswer::json(result(m, R"({"protocolVersion":"2025-03-26"})"));
        }
        if (m.find("id") == nullptr) return FakeAnswer::plain(202);
        return FakeAnswer::json(result(m, kOk));
      });
      auto outcome = call();
      ASSERT_TRUE(outcome) << status << rpc << outcome.error().to_string();
      EXPECT_EQ(set_->version("search"), "2025-03-26");
      EXPECT_EQ(header_of(*sent("tools/call")[0], "mcp-protocol-version"), "2025-03-26");
      EXPECT_EQ(header_of(*sent("tools/call")[0], "mcp-method"), "-");
    }
  }
}

TEST_F(HttpTest, WallsAndTroubleAreNoSignOfAnEra) {
  struct Case {
    int status;
    Code code;
    Retry retry;
  };
  for (Case c : {Case{401, Code::kUnauthenticated, Retry::kNever},
                 Case{403, Code::kPermissionDenied, Retry::kNever},
                 Case{429, Code::kResourceExhausted, Retry::kAfter},
                 Case{500, Code::kInternal, Retry::kNever},
                 Case{502, Code::kUnavailable, Retry::kSameTarget}}) {
    start([&](const ClientRequest& r, const Json& m) {
      return FakeAnswer::json(error(m, -32000), c.status);
    });
    auto outcome = call();
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, c.code) << c.status;
    EXPECT_EQ(outcome.error().retry, c.retry) << c.status;
    EXPECT_TRUE(sent("initialize").empty()) << c.status;
  }
}

TEST_F(HttpTest, RedirectsAreNotFollowed) {
  start_modern([](const ClientRequest& r, const Json& m) {
    FakeAnswer out = FakeAnswer::plain(307);
    out.headers.add("location", "http://169.254.169.254/");
    return out;
  });
  auto outcome = call();
  ASSERT_FALSE(outcome);
  EXPECT_NE(outcome.error().message.find("redirects are not followed"), std::string::npos);
  for (const ClientRequest& r : http_->requests) EXPECT_EQ(r.url.host, "tools.example");
}

TEST_F(HttpTest, ModernHeadersRepeatTheBody) {
  start_modern([](const ClientRequest& r, const Json& m) {
    return FakeAnswer::json(result(m, method_of(m) == "tools/list" ? R"({"tools":[]})" : kOk));
  });
  for (std::string tool : {"plain", "größe", " spaced ", "=?base64?QQ==?=", "a\r\nx: y"}) {
    ASSERT_TRUE(call(tool)) << tool;
    const ClientRequest& r = *sent("tools/call").back();
    EXPECT_EQ(header_of(r, "mcp-method"), "tools/call");
    EXPECT_EQ(header_of(r, "mcp-protocol-version"), "2026-07-28");
    EXPECT_EQ(*Json::parse(r.body)->at("params")->get_string("name"), tool);
    EXPECT_TRUE(r.headers.check());
  }
  EXPECT_EQ(header_of(*sent("tools/call")[0], "mcp-name"), "plain");
  EXPECT_EQ(header_of(*sent("tools/call")[1], "mcp-name"), "=?base64?Z3LDtsOfZQ==?=");
  EXPECT_EQ(header_of(*sent("tools/call")[2], "mcp-name"), "=?base64?IHNwYWNlZCA=?=");
  EXPECT_EQ(header_of(*sent("tools/call")[3], "mcp-name"), "=?base64?PT9iYXNlNjQ/UVE9PT89?=");
}

TEST_F(HttpTest, MarkedArgumentsTravelAsHeadersAndAChangedSchemaIsReadAgain) {
  int lists = 0;
  start_modern([&](const ClientRequest& r, const Json& m) {
    if (method_of(m) == "tools/list") {
      std::string mark = ++lists == 1 ? "Old" : "Tenant";
      return FakeAnswer::json(result(
          m,
          R"({"tools":[{"name":"t","inputSchema":{"type":"object","properties":{"a":{"type":"object",)"
          R"("properties":{"n":{"type":"integer","x-mcp-header":")" +
              mark + R"("}}}}}}]})"));
    }
    if (header_of(r, "mcp-param-tenant") == "-") return FakeAnswer::json(error(m, -32020), 400);
    return FakeAnswer::json(result(m, kOk));
  });
  auto outcome = call("t", R"({"a":{"n":42}})");
  ASSERT_TRUE(outcome) << outcome.error().to_string();
  EXPECT_EQ(lists, 2);
  EXPECT_EQ(header_of(*sent("tools/call")[0], "mcp-param-old"), "42");
  EXPECT_EQ(header_of(*sent("tools/call")[1], "mcp-param-tenant"), "42");
  EXPECT_EQ(header_of(*sent("tools/call")[1], "mcp-param-old"), "-");
}

TEST_F(HttpTest, SessionIsCarriedAndBegunAnewWhenForgotten) {
  start_legacy([&](const ClientRequest& r, const Json& m) {
    if (header_of(r, "mcp-session-id") == "s1" && sessions_ == 1 &&
        sent("tools/call").size() == 2) {
      return FakeAnswer::json(error(m, -32001, false), 404);
    }
    return FakeAnswer::json(result(m, kOk));
  });
  ASSERT_TRUE(call());
  EXPECT_EQ(header_of(*sent("tools/call")[0], "mcp-session-id"), "s1");
  EXPECT_EQ(header_of(*sent("notifications/initialized")[0], "mcp-session-id"), "s1");
  auto outcome = call();
  ASSERT_TRUE(outcome) << outcome.error().to_string();
  EXPECT_EQ(sessions_, 2);
  EXPECT_EQ(header_of(*sent("tools/call")[2], "mcp-session-id"), "s2");
  EXPECT_EQ(header_of(*sent("initialize")[1], "mcp-session-id"), "-");
  loop_.run_task(set_->close(Context(loop_)));
  EXPECT_EQ(http_->requests.back().method, "DELETE");
  EXPECT_EQ(header_of(http_->requests.back(), "mcp-session-id"), "s2");
}

TEST_F(HttpTest, StreamWithOtherMessagesBeforeTheAnswer) {
  start_legacy([](const ClientRequest& r, const Json& m) {
    return FakeAnswer::events(
        ": hello\n\n"
        "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{}}\n\n"
        "data: {\"jsonrpc\":\"2.0\",\"id\":\"q\",\"method\":\"ping\"}\n\n"
        "data: {\"jsonrpc\":\"2.0\",\"id\":4711,\"result\":{}}\n\n"
        "data: not json\n\n"
        "event: message\ndata: " +
        result(m, kOk) + "\n\n");
  });
  auto outcome = call();
  ASSERT_TRUE(outcome) << outcome.error().to_string();
  EXPECT_EQ(outcome->content, "ok");
  EXPECT_EQ(http_->requests.back().body, R"({"jsonrpc":"2.0","id":"q","result":{}})");
}

TEST_F(HttpTest, BrokenStreamIsResumedWithoutAskingAgain) {
  int gets = 0;
  Json asked;
  start_legacy([&](const ClientRequest& r, const Json& m) {
    if (r.method == "GET") {
      ++gets;
      EXPECT_EQ(header_of(r, "last-event-id"), "e7");
      EXPECT_EQ(header_of(r, "mcp-session-id"), "s1");
      return FakeAnswer::events("id: e8\ndata: " + result(asked, kOk) + "\n\n");
    }
    asked = m;
    return FakeAnswer::events("id: e7\nretry: 300\ndata:\n\n");
  });
  MonoTime began = loop_.mono();
  auto outcome = call();
  ASSERT_TRUE(outcome) << outcome.error().to_string();
  EXPECT_EQ(loop_.mono() - began, 300ms);
  EXPECT_EQ(gets, 1);
  EXPECT_EQ(sent("tools/call").size(), 1u);
}

TEST_F(HttpTest, StreamWithoutAnswerIsAskedOnceMore) {
  start_modern([](const ClientRequest& r, const Json& m) {
    return FakeAnswer::events("data: {\"jsonrpc\":\"2.0\",\"method\":\"x\"}\n\n");
  });
  auto outcome = call();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().reason, "no_answer");
  EXPECT_EQ(sent("tools/call").size(), 2u);
}

TEST_F(HttpTest, GivingUpIsToldInTheLegacyEraOnly) {
  server_.call_timeout = 3s;
  start_legacy([](const ClientRequest& r, const Json& m) {
    FakeAnswer out = FakeAnswer::events("");
    out.open = true;
    return out;
  });
  EXPECT_EQ(call().error().code, Code::kDeadlineExceeded);
  ASSERT_EQ(sent("notifications/cancelled").size(), 1u);
  start_modern([](const ClientRequest& r, const Json& m) {
    FakeAnswer out;
    out.hangs = true;
    return out;
  });
  EXPECT_EQ(call().error().code, Code::kDeadlineExceeded);
  EXPECT_TRUE(sent("notifications/cancelled").empty());
}

TEST_F(HttpTest, ShortPauseIsWaitedForAndALongOneIsNot) {
  int calls = 0;
  std::string seconds = "2";
  start_modern([&](const ClientRequest& r, const Json& m) {
    if (method_of(m) == "tools/list") return FakeAnswer::json(result(m, R"({"tools":[]})"));
    if (++calls % 2 == 0) return FakeAnswer::json(result(m, kOk));
    FakeAnswer out = FakeAnswer::plain(429);
    out.headers.add("retry-after", seconds);
    return out;
  });
  MonoTime began = loop_.mono();
  EXPECT_TRUE(call());
  EXPECT_EQ(loop_.mono() - began, 2s);
  seconds = "3600";
  auto refused = call();
  ASSERT_FALSE(refused);
  EXPECT_EQ(*refused.error().retry_after, limits::kRetryAfterMax);
  EXPECT_TRUE(
      refused.error().message.ends_with("answered HTTP 429 (it may be asked again in 5 min)"))
      << refused.error().message;
  EXPECT_EQ(calls, 3);
}

TEST_F(HttpTest, CallsCarryTheirTraceKeyAndAttempt) {
  start_modern([](const ClientRequest& r, const Json& m) {
    return FakeAnswer::json(result(m, method_of(m) == "tools/list" ? R"({"tools":[]})" : kOk));
  });
  ToolInvocation invocation;
  invocation.server = "search";
  invocation.tool = "t";
  invocation.idempotency_key = "ses_1/4";
  invocation.attempt = 3;
  SeededRandom random(1);
  SpanContext span = SpanContext::make_root(random);
  auto outcome = loop_.run_task(set_->call(Context(loop_).with_span(span), std::move(invocation)));
  ASSERT_TRUE(outcome) << outcome.error().to_string();
  Json sent_body = *Json::parse(sent("tools/call")[0]->body);
  const Json* meta = sent_body.at("params", "_meta");
  ASSERT_NE(meta, nullptr);
  EXPECT_EQ(meta->get_string("traceparent"), span.traceparent());
  EXPECT_EQ(meta->get_string("drover/idempotency_key"), "ses_1/4");
  EXPECT_EQ(meta->get_int("drover/attempt"), 3);
}

TEST_F(HttpTest, AnswerToAnotherRequestIsNotTaken) {
  start_modern([](const ClientRequest& r, const Json& m) {
    return FakeAnswer::json(R"({"jsonrpc":"2.0","id":99999,"result":{}})");
  });
  EXPECT_EQ(call().error().reason, "no_answer");
}

TEST_F(HttpTest, PrivateAddressesNeedToBeAllowed) {
  net::SimNetwork net(loop_, 1);
  for (std::string ip : {"169.254.169.254", "10.0.0.7", "127.0.0.1", "192.168.1.1"}) {
    net.set_host("inside.example", std::vector<std::string>(1, ip));
    auto client = http::make_client(loop_, net.dialer());
    server_.url = "http://inside.example/mcp";
    server_.allow_private.clear();
    open(*client);
    auto refused = call();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kPermissionDenied) << ip;
    EXPECT_NE(refused.error().message.find("allow_private"), std::string::npos);
    loop_.run_task(set_->close(Context(loop_)));
    server_.allow_private = {"inside.example"};
    open(*client);
    auto reached = call();
    EXPECT_EQ(reached.error().code, Code::kUnavailable) << "nobody listens, but it was dialled";
    loop_.run_task(set_->close(Context(loop_)));
    set_.reset();
  }
}

}  // namespace
}  // namespace drover::tools
