// Servers that tell of changes of their tools, in both eras, and calls beyond the limit. Virtual
// time, servers in memory.

#include <gtest/gtest.h>

#include "async/scope.h"
#include "async/sim_loop.h"
#include "base/limits/tool_calls.h"
#include "base/limits/tools.h"
#include "tools/fake_mcp.h"
#include "tools/server_tool_set.h"

namespace drover::tools {
namespace {

using http::ClientRequest;

std::string listened_method(const Json& m) { return m.get_text("method"); }
std::string answer_of(const Json& m, std::string_view value) {
  return R"({"jsonrpc":"2.0","id":)" + m.find("id")->dump() + R"(,"result":)" + std::string(value) +
         "}";
}
std::string event(const std::string& message) {
  return "event: message\ndata: " + message + "\n\n";
}

constexpr const char* kChanged = R"({"jsonrpc":"2.0","method":"notifications/tools/list_changed"})";
constexpr const char* kCapabilities = R"("capabilities":{"tools":{"listChanged":true}})";

class ListenTest : public testing::Test {
 protected:
  void TearDown() override {
    if (set_) loop_.run_task(set_->close(Context(loop_)));
    for (auto& feed : feeds_) EXPECT_TRUE(feed->dropped) << "a stream was left open";
  }
  void open(Environment environment, ToolServer server) {
    server.name = "search";
    std::vector<ToolServer> servers(1, std::move(server));
    set_ = std::make_unique<ServerToolSet>(environment, std::move(servers));
  }
  /// `script` answers what is not the handshake.
  void start_http(bool modern, FakeHttp::Script script, std::string capabilities = kCapabilities) {
    http_ = std::make_unique<FakeHttp>(
        [this, modern, script, capabilities](const ClientRequest& r, const Json& m) {
          if (listened_method(m) == "server/discover") {
            if (!modern) return FakeAnswer::plain(400);
            return FakeAnswer::json(
                answer_of(m, R"({"supportedVersions":["2026-07-28"],)" + capabilities + "}"));
          }
          if (listened_method(m) == "initialize") {
            FakeAnswer out = FakeAnswer::json(
                answer_of(m, R"({"protocolVersion":"2025-11-25",)" + capabilities + "}"));
            out.headers.add("Mcp-Session-Id", "s1");
            return out;
          }
          if (listened_method(m) == "tools/list") {
            ++lists_;
            return FakeAnswer::json(
                answer_of(m, R"({"tools":[{"name":")" + tool_ + R"("}],"ttlMs":3600000})"));
          }
          if (r.method == "DELETE") return FakeAnswer::plain(200);
          if (r.method == "POST" && m.find("id") == nullptr) return FakeAnswer::plain(202);
          return script(r, m);
        });
    ToolServer server;
    server.url = "http://tools.example/mcp";
    Environment environment;
    environment.loop = &loop_;
    environment.client = http_.get();
    open(environment, std::move(server));
  }
  /// A stream that stays open.
  FakeAnswer feed() {
    feeds_.push_back(std::make_shared<FakeFeed>());
    return FakeAnswer::stream(feeds_.back());
  }
  static std::string acknowledged(const Json& m, bool honoured = true) {
    return event(R"({"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged",)"
                 R"("params":{"notifications":)" +
                 std::string(honoured ? R"({"toolsListChanged":true})" : "{}") +
                 R"(,"_meta":{"io.modelcontextprotocol/subscriptionId":)" + m.find("id")->dump() +
                 "}}}");
  }
  std::string tools() {
    auto list = loop_.run_task(set_->list(Context(loop_), {"search"}));
    if (!list) return list.error().to_string();
    std::string out;
    for (const BoundTool& t : *list) out += (out.empty() ? "" : ",") + t.definition.name;
    return out;
  }
  int asked(std::string_view http_method, std::string_view rpc_method = "") const {
    int n = 0;
    for (const ClientRequest& r : http_->requests) {
      std::string method = listened_method(Json::parse(r.body).value_or(Json()));
      if (r.method == http_method && method == rpc_method) ++n;
    }
    return n;
  }

  async::SimLoop loop_;
  std::string tool_ = "one";
  int lists_ = 0;
  std::unique_ptr<FakeHttp> http_;
  std::unique_ptr<FakeSpawner> spawner_;
  std::unique_ptr<ServerToolSet> set_;
  std::vector<std::shared_ptr<FakeFeed>> feeds_;
};

TEST_F(ListenTest, LegacyServersTellByTheGetStream) {
  start_http(false, [this](const ClientRequest& r, const Json& m) {
    EXPECT_EQ(r.method, "GET");
    EXPECT_EQ(r.headers.get("accept").value_or(""), "text/event-stream");
    EXPECT_EQ(r.headers.get("mcp-session-id").value_or(""), "s1");
    EXPECT_EQ(r.headers.get("mcp-protocol-version").value_or(""), "2025-11-25");
    return feed();
  });
  EXPECT_EQ(tools(), "one");
  loop_.run_for(1s);
  EXPECT_EQ(tools(), "one");
  int before = lists_;
  EXPECT_EQ(tools(), "one");
  EXPECT_EQ(lists_, before) << "the list is kept while nothing changes";
  tool_ = "two";
  EXPECT_EQ(tools(), "one") << "nobody has said so yet";
  feeds_.at(0)->say(event(kChanged));
  loop_.run_for(1ms);
  EXPECT_EQ(tools(), "two");
  EXPECT_EQ(asked("GET"), 1);
}

TEST_F(ListenTest, ModernServersTellBySubscription) {
  start_http(true, [this](const ClientRequest& r, const Json& m) {
    EXPECT_EQ(listened_method(m), "subscriptions/listen");
    EXPECT_EQ(r.headers.get("mcp-method").value_or(""), "subscriptions/listen");
    const Json* wanted = m.find("params")->find("notifications");
    EXPECT_EQ(wanted->get_bool("toolsListChanged"), true);
    EXPECT_NE(m.find("params")->find("_meta"), nullptr);
    FakeAnswer out = feed();
    feeds_.back()->say(acknowledged(m));
    return out;
  });
  EXPECT_EQ(tools(), "one");
  loop_.run_for(1s);
  EXPECT_EQ(tools(), "one");
  tool_ = "two";
  EXPECT_EQ(tools(), "one");
  feeds_.at(0)->say(": keepalive\n\n");
  feeds_.at(0)->say(event(kChanged));
  loop_.run_for(1ms);
  EXPECT_EQ(tools(), "two");
  EXPECT_EQ(asked("POST", "subscriptions/listen"), 1);
}

TEST_F(ListenTest, AStreamThatEndsIsOpenedAgainAndWhatWasMissedIsFound) {
  for (bool modern : {false, true}) {
    feeds_.clear();
    tool_ = "one";
    start_http(modern, [this, modern](const ClientRequest& r, const Json& m) {
      FakeAnswer out = feed();
      if (modern) feeds_.back()->say(acknowledged(m));
      return out;
    });
    EXPECT_EQ(tools(), "one");
    loop_.run_for(10min);
    EXPECT_EQ(tools(), "one");
    ASSERT_EQ(feeds_.size(), 1u);
    feeds_[0]->end();
    tool_ = "two";
    loop_.run_for(limits::kMcpListenPause + 1ms);
    ASSERT_EQ(feeds_.size(), 2u) << modern;
    EXPECT_EQ(tools(), "two") << "nobody heard it, so it was asked";
    loop_.run_task(set_->close(Context(loop_)));
    set_.reset();
  }
}

TEST_F(ListenTest, ServersThatDoNotTellAreNotAskedAgain) {
  struct Case {
    bool modern;
    FakeAnswer answer;
  };
  const std::vector<Case> cases = {{false, FakeAnswer::plain(405)},
                                   {true, FakeAnswer::plain(404)},
                                   {true, FakeAnswer::plain(405)}};
  for (const Case& c : cases) {
    start_http(c.modern, [&](const ClientRequest& r, const Json& m) { return c.answer; });
    EXPECT_EQ(tools(), "one");
    loop_.run_for(10min);
    EXPECT_EQ(asked("GET") + asked("POST", "subscriptions/listen"), 1);
    loop_.run_task(set_->close(Context(loop_)));
  }
  // One that answers, but will not tell of tools.
  start_http(true, [this](const ClientRequest& r, const Json& m) {
    FakeAnswer out = feed();
    feeds_.back()->say(acknowledged(m, false) +
                       event(answer_of(m, R"({"resultType":"complete"})")));
    return out;
  });
  EXPECT_EQ(tools(), "one");
  loop_.run_for(10min);
  EXPECT_EQ(asked("POST", "subscriptions/listen"), 1);
}

TEST_F(ListenTest, ServersThatPromiseNothingAreNotListenedTo) {
  for (bool modern : {false, true}) {
    start_http(
        modern, [](const ClientRequest& r, const Json& m) { return FakeAnswer::plain(500); },
        R"("capabilities":{"tools":{}})");
    EXPECT_EQ(tools(), "one");
    loop_.run_for(1min);
    EXPECT_EQ(asked("GET") + asked("POST", "subscriptions/listen"), 0);
    loop_.run_task(set_->close(Context(loop_)));
  }
}

TEST_F(ListenTest, ABrokenStreamIsTriedAtGrowingPauses) {
  start_http(false, [](const ClientRequest& r, const Json& m) { return FakeAnswer::plain(500); });
  EXPECT_EQ(tools(), "one");
  loop_.run_for(1h);
  EXPECT_GE(asked("GET"), 60);
  EXPECT_LE(asked("GET"), 70) << "once a minute in the end";
}

TEST_F(ListenTest, APingOnTheGetStreamIsAnswered) {
  start_http(false, [this](const ClientRequest& r, const Json& m) { return feed(); });
  EXPECT_EQ(tools(), "one");
  feeds_.at(0)->say(event(R"({"jsonrpc":"2.0","id":"p1","method":"ping"})"));
  loop_.run_for(1ms);
  EXPECT_EQ(Json::parse(http_->requests.back().body)->get_string("id"), "p1");
}

TEST_F(ListenTest, ModernStdioServersTellBySubscriptionToo) {
  spawner_ = std::make_unique<FakeSpawner>([this](FakeRun& run, const Json& m) {
    std::string method = listened_method(m);
    if (method == "server/discover") {
      run.result(m, *Json::parse(R"({"supportedVersions":["2026-07-28"],)" +
                                 std::string(kCapabilities) + "}"));
    } else if (method == "tools/list") {
      ++lists_;
      run.result(m, *Json::parse(R"({"tools":[{"name":")" + tool_ + R"("}],"ttlMs":3600000})"));
    } else if (method == "subscriptions/listen") {
      run.say(R"({"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged",)"
              R"("params":{"notifications":{"toolsListChanged":true}}})");
    }
  });
  ToolServer server;
  server.command = "tool";
  Environment environment;
  environment.loop = &loop_;
  environment.spawner = spawner_.get();
  open(environment, std::move(server));
  EXPECT_EQ(tools(), "one");
  loop_.run_for(1s);
  EXPECT_EQ(tools(), "one");
  tool_ = "two";
  EXPECT_EQ(tools(), "one");
  spawner_->run->say(kChanged);
  loop_.run_for(1ms);
  EXPECT_EQ(tools(), "two");
}

Task<void> listen_into(Context ctx, ServerToolSet* set, int n, std::vector<std::string>* out) {
  ToolInvocation invocation;
  invocation.server = "search";
  invocation.tool = "one";
  invocation.arguments = R"({"n":)" + std::to_string(n) + "}";
  auto outcome = co_await set->call(ctx, std::move(invocation));
  out->push_back(outcome ? outcome->content : outcome.error().to_string());
}

std::vector<std::string> numbers(size_t n) {
  std::vector<std::string> out;
  for (size_t i = 0; i < n; ++i) out.push_back(std::to_string(i));
  return out;
}

TEST_F(ListenTest, StdioCallsBeyondTheLimitQueueInOrder) {
  size_t pending = 0;
  size_t most = 0;
  std::deque<Json> waiting;
  spawner_ = std::make_unique<FakeSpawner>([&](FakeRun& run, const Json& m) {
    std::string method = listened_method(m);
    if (method == "server/discover") {
      run.result(m, *Json::parse(R"({"supportedVersions":["2026-07-28"]})"));
    } else if (method == "tools/call") {
      most = std::max(most, ++pending);
      waiting.push_back(m);
    }
  });
  ToolServer server;
  server.command = "tool";
  Environment environment;
  environment.loop = &loop_;
  environment.spawner = spawner_.get();
  open(environment, std::move(server));
  const size_t calls = limits::kMcpPendingMax + 500;
  std::vector<std::string> answers;
  async::Scope scope{Context(loop_)};
  for (size_t i = 0; i < calls; ++i) {
    scope.spawn(listen_into(scope.context(), set_.get(), static_cast<int>(i), &answers));
  }
  for (size_t i = 0; i < calls; ++i) {
    loop_.run_for(1ms);
    ASSERT_FALSE(waiting.empty());
    Json m = std::move(waiting.front());
    waiting.pop_front();
    --pending;
    std::string n = m.find("params")->find("arguments")->find("n")->dump();
    spawner_->run->result(m,
                          *Json::parse(R"({"content":[{"type":"text","text":")" + n + R"("}]})"));
  }
  loop_.run_task(scope.join());
  EXPECT_EQ(answers, numbers(calls));
  EXPECT_EQ(most, limits::kMcpPendingMax);
}

TEST_F(ListenTest, HttpCallsBeyondTheLimitQueue) {
  std::deque<std::pair<Json, std::shared_ptr<FakeFeed>>> waiting;
  size_t most = 0;
  size_t pending = 0;
  start_http(
      true,
      [&](const ClientRequest& r, const Json& m) {
        most = std::max(most, ++pending);
        FakeAnswer out = feed();
        waiting.emplace_back(m, feeds_.back());
        return out;
      },
      R"("capabilities":{})");
  EXPECT_EQ(tools(), "one");
  const size_t calls = limits::kMcpHttpPendingMax + 50;
  std::vector<std::string> answers;
  async::Scope scope{Context(loop_)};
  for (size_t i = 0; i < calls; ++i) {
    scope.spawn(listen_into(scope.context(), set_.get(), static_cast<int>(i), &answers));
  }
  for (size_t i = 0; i < calls; ++i) {
    loop_.run_for(1ms);
    ASSERT_FALSE(waiting.empty());
    Json m = std::move(waiting.front().first);
    std::shared_ptr<FakeFeed> to = waiting.front().second;
    waiting.pop_front();
    --pending;
    std::string n = m.find("params")->find("arguments")->find("n")->dump();
    to->say(event(answer_of(m, R"({"content":[{"type":"text","text":")" + n + R"("}]})")));
  }
  loop_.run_task(scope.join());
  EXPECT_EQ(answers, numbers(calls));
  EXPECT_GE(most, static_cast<size_t>(limits::kToolWindowStart));
  EXPECT_LT(most, limits::kMcpHttpPendingMax) << "more go together as answers come";
}

}  // namespace
}  // namespace drover::tools
