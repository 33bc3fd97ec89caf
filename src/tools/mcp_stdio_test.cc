// The MCP client over standard streams, on virtual time, against servers in memory.

#include <gtest/gtest.h>

#include "async/scope.h"
#include "async/sim_loop.h"
#include "base/limits/http.h"
#include "base/limits/road.h"
#include "base/limits/tools.h"
#include "tools/fake_mcp.h"
#include "tools/server_tool_set.h"

namespace drover::tools {
namespace {

using async::SimLoop;

std::string method_of_line(const Json& message) { return message.get_text("method"); }
Json text_result(std::string text) {
  Json block = Json::object();
  block.set("type", "text").set("text", std::move(text));
  Json content = Json::array();
  content.push(std::move(block));
  return Json::object().set("content", std::move(content));
}
Json tool_list(std::vector<std::string> names, std::string cursor = "") {
  Json tools = Json::array();
  for (std::string& name : names) {
    Json schema = Json::object();
    schema.set("type", "object");
    Json tool = Json::object();
    tool.set("name", std::move(name)).set("inputSchema", std::move(schema));
    tools.push(std::move(tool));
  }
  Json out = Json::object().set("tools", std::move(tools));
  if (!cursor.empty()) out.set("nextCursor", std::move(cursor));
  return out;
}

/// Answers the handshake with a revision; true if it did.
bool shake_hands(FakeRun& run, const Json& m, std::string version = "2025-11-25") {
  if (method_of_line(m) == "server/discover") {
    run.error(m, -32601);
  } else if (method_of_line(m) == "initialize") {
    run.result(m, Json::object().set("protocolVersion", std::move(version)));
  } else {
    return method_of_line(m).starts_with("notifications/");
  }
  return true;
}

class StdioTest : public testing::Test {
 protected:
  void start(FakeScript script) {
    server_.name = "orders";
    server_.command = "orders-mcp";
    start_with(std::move(script));
  }
  void start_with(FakeScript script) {
    spawner_ = std::make_unique<FakeSpawner>(std::move(script));
    Environment environment;
    environment.loop = &loop_;
    environment.spawner = spawner_.get();
    std::vector<ToolServer> servers(1, server_);
    set_ = std::make_unique<ServerToolSet>(environment, std::move(servers));
  }
  void TearDown() override {
    if (set_) loop_.run_task(set_->close(ctx()));
  }
  Context ctx() { return Context(loop_); }
  Result<ToolOutcome> call(std::string tool = "t", std::string arguments = "") {
    return loop_.run_task(set_->call(ctx(), invocation(std::move(tool), std::move(arguments))));
  }
  static ToolInvocation invocation(std::string tool, std::string arguments = "") {
    ToolInvocation out;
    out.server = "orders";
    out.tool = std::move(tool);
    out.arguments = std::move(arguments);
    out.idempotency_key = "key-1";
    return out;
  }
  Result<std::vector<std::string>> list() {
    std::vector<std::string> servers(1, "orders");
    TRY(auto tools, loop_.run_task(set_->list(ctx(), std::move(servers))));
    std::vector<std::string> names;
    for (const BoundTool& tool : tools) names.push_back(tool.definition.name);
    return names;
  }
  int heard(std::string_view method) const {
    int n = 0;
    for (const Json& m : spawner_->run->heard) n += method_of_line(m) == method;
    return n;
  }
  const Json& last(std::string_view method) const {
    const Json* found = nullptr;
    for (const Json& m : spawner_->run->heard) {
      if (method_of_line(m) == method) found = &m;
    }
    EXPECT_NE(found, nullptr) << method;
    return *found;
  }

  SimLoop loop_;
  ToolServer server_;
  std::unique_ptr<FakeSpawner> spawner_;
  std::unique_ptr<ServerToolSet> set_;
};

TEST_F(StdioTest, ModernServerIsAskedWithoutHandshake) {
  start([](FakeRun& run, const Json& m) {
    if (method_of_line(m) == "server/discover") {
      Json versions = Json::array();
      versions.push("2026-07-28");
      run.result(m, Json::object().set("supportedVersions", std::move(versions)));
    } else {
      run.result(m, text_result("ok"));
    }
  });
  auto outcome = call();
  ASSERT_TRUE(outcome) << outcome.error().to_string();
  EXPECT_EQ(set_->version("orders"), "2026-07-28");
  EXPECT_EQ(heard("initialize"), 0);
  const Json* params = last("tools/call").find("params");
  EXPECT_EQ(params->at("_meta")->get_string("io.modelcontextprotocol/protocolVersion"),
            "2026-07-28");
  EXPECT_TRUE(params->at("_meta", "io.modelcontextprotocol/clientCapabilities")->is_object());
}

TEST_F(StdioTest, EachLegacyRevisionIsAccepted) {
  for (std::string version : {"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"}) {
    start([version](FakeRun& run, const Json& m) {
      if (!shake_hands(run, m, version)) run.result(m, text_result("ok"));
    });
    ASSERT_TRUE(call()) << version;
    EXPECT_EQ(set_->version("orders"), version);
    EXPECT_EQ(heard("notifications/initialized"), 1);
    EXPECT_EQ(last("tools/call").at("params", "_meta", "io.modelcontextprotocol/protocolVersion"),
              nullptr);
    loop_.run_task(set_->close(ctx()));
  }
}

TEST_F(StdioTest, UnknownRevisionIsRefused) {
  start([](FakeRun& run, const Json& m) { shake_hands(run, m, "2031-01-01"); });
  auto outcome = call();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Code::kUnimplemented);
}

TEST_F(StdioTest, ServerThatIgnoresTheProbeIsTakenAsLegacy) {
  start([](FakeRun& run, const Json& m) {
    if (method_of_line(m) == "server/discover") return;
    if (!shake_hands(run, m)) run.result(m, text_result("ok"));
  });
  MonoTime began = loop_.mono();
  ASSERT_TRUE(call());
  EXPECT_EQ(loop_.mono() - began, limits::kMcpProbeTimeout);
}

TEST_F(StdioTest, OtherRefusalsOfTheProbeMeanLegacy) {
  for (int64_t code : {-32602, -32600, -32000, -32022}) {
    start([code](FakeRun& run, const Json& m) {
      if (method_of_line(m) == "server/discover") return run.error(m, code);
      if (!shake_hands(run, m)) run.result(m, text_result("ok"));
    });
    EXPECT_TRUE(call()) << code;
    EXPECT_EQ(set_->version("orders"), "2025-11-25");
    loop_.run_task(set_->close(ctx()));
  }
}

TEST_F(StdioTest, ServerThatEndsAtTheProbeIsStartedAgainAsLegacy) {
  start([](FakeRun& run, const Json& m) {
    if (method_of_line(m) == "server/discover") return run.die();
    if (!shake_hands(run, m)) run.result(m, text_result("ok"));
  });
  ASSERT_TRUE(call());
  EXPECT_EQ(spawner_->spawned, 2);
  EXPECT_EQ(heard("server/discover"), 0);
}

TEST_F(StdioTest, PinnedModernDoesNotFallBack) {
  server_.protocol = "2026-07-28";
  start([](FakeRun& run, const Json& m) { shake_hands(run, m); });
  auto outcome = call();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Code::kUnimplemented);
  EXPECT_EQ(heard("initialize"), 0);
}

TEST_F(StdioTest, PagesAreReadToTheEndAndOnlyTheWantedToolsKept) {
  server_.only = {"a", "c"};
  start([](FakeRun& run, const Json& m) {
    if (shake_hands(run, m)) return;
    const Json* cursor = m.at("params", "cursor");
    run.result(m, cursor == nullptr ? tool_list({"a", "b"}, "p2") : tool_list({"c", "a"}));
  });
  auto names = list();
  ASSERT_TRUE(names) << names.error().to_string();
  EXPECT_EQ(*names, (std::vector<std::string>{"a", "c"}));
  EXPECT_EQ(heard("tools/list"), 2);
  EXPECT_EQ(call("b").error().code, Code::kPermissionDenied);
}

TEST_F(StdioTest, EndlessPagesAreRefused) {
  start([](FakeRun& run, const Json& m) {
    if (!shake_hands(run, m)) run.result(m, tool_list({"a"}, "again"));
  });
  EXPECT_EQ(list().error().code, Code::kResourceExhausted);
}

TEST_F(StdioTest, ListIsKeptUntilTheServerSaysItChanged) {
  start([](FakeRun& run, const Json& m) {
    if (!shake_hands(run, m)) run.result(m, tool_list({"a" + std::to_string(run.heard.size())}));
  });
  auto first = list();
  ASSERT_TRUE(first);
  EXPECT_EQ(*list(), *first);
  EXPECT_EQ(heard("tools/list"), 1);
  spawner_->run->say(R"({"jsonrpc":"2.0","method":"notifications/tools/list_changed"})");
  loop_.run_for(1ms);
  EXPECT_NE(*list(), *first);
  EXPECT_EQ(heard("tools/list"), 2);
}

TEST_F(StdioTest, ServerThatIsGoneKeepsItsLastList) {
  start([](FakeRun& run, const Json& m) {
    if (!shake_hands(run, m)) run.result(m, tool_list({"a"}));
  });
  ASSERT_TRUE(list());
  spawner_->run->die();
  spawner_->fails = true;
  loop_.run_for(1s);
  EXPECT_EQ(list().value(), std::vector<std::string>{"a"});
  EXPECT_FALSE(call("a"));
}

TEST_F(StdioTest, DeathInACallIsTriedAgainWithTheSameKey) {
  start([](FakeRun& run, const Json& m) {
    if (shake_hands(run, m)) return;
    if (run.generation == 1) return run.die();
    run.result(m, text_result(m.at("params", "_meta")->dump()));
  });
  auto outcome = call();
  ASSERT_TRUE(outcome) << outcome.error().to_string();
  EXPECT_EQ(spawner_->spawned, 2);
  EXPECT_EQ(outcome->content, R"({"drover/idempotency_key":"key-1","drover/attempt":2})");
  EXPECT_EQ(heard("server/discover"), 0) << "the era is known by now";
}

TEST_F(StdioTest, LastWordsAreKeptFromTheModelAndHoldNoSecret) {
  server_.environment["TOKEN"] = "canary-5151";
  start([](FakeRun& run, const Json& m) {
    if (!shake_hands(run, m)) run.die();
  });
  spawner_->stderr_words = "fatal: bad token canary-5151\n";
  auto outcome = call();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message, "tool server 'orders' has ended (exit code 7)");
  EXPECT_EQ(outcome.error().to_string().find("canary"), std::string::npos);
  EXPECT_NE(outcome.error().to_string().find("bad token [redacted]"), std::string::npos);
}

TEST_F(StdioTest, FailedStartsPauseLongerAndLonger) {
  start([](FakeRun& run, const Json& m) {});
  spawner_->fails = true;
  for (int i = 0; i < 12; ++i) EXPECT_FALSE(call());
  int tried = spawner_->spawned;
  EXPECT_LT(tried, 12);
  auto refused = call();
  EXPECT_EQ(spawner_->spawned, tried);
  EXPECT_EQ(refused.error().retry, Retry::kAfter);
  EXPECT_GT(*refused.error().retry_after, limits::kRetryWaitMax);
  loop_.run_for(limits::kMcpPauseMax);
  EXPECT_FALSE(call());
  EXPECT_GT(spawner_->spawned, tried);
}

TEST_F(StdioTest, AnswersInAnyOrderReachTheirCallers) {
  std::vector<Json> waiting;
  start([&](FakeRun& run, const Json& m) {
    if (shake_hands(run, m)) return;
    waiting.push_back(m);
    if (waiting.size() < 3) return;
    for (auto it = waiting.rbegin(); it != waiting.rend(); ++it) {
      run.result(*it, text_result(std::string(*it->at("params")->get_string("name"))));
    }
  });
  std::vector<Task<Result<ToolOutcome>>> calls;
  for (const char* name : {"a", "b", "c"}) calls.push_back(set_->call(ctx(), invocation(name)));
  auto all = loop_.run_task(async::when_all<Result<ToolOutcome>>(ctx(), std::move(calls)));
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0]->content + all[1]->content + all[2]->content, "abc");
}

TEST_F(StdioTest, GarbageAndQuestionsDoNotDisturb) {
  start([](FakeRun& run, const Json& m) {
    if (shake_hands(run, m) || m.find("method") == nullptr) return;
    run.say("Debug: listening");
    run.say("{\"jsonrpc\":\"2.0\",\"id\":999,\"result\":{}}");
    run.say("{\"jsonrpc\":\"2.0\",\"id\":\"q\",\"method\":\"ping\"}");
    run.say("{\"jsonrpc\":\"2.0\",\"id\":\"r\",\"method\":\"roots/list\"}");
    run.say("{broken");
    run.say("\xff\xfe");
    run.result(m, text_result("ok"));
  });
  ASSERT_EQ(call()->content, "ok");
  loop_.run_for(1ms);
  ASSERT_GE(spawner_->run->heard.size(), 2u);
  size_t n = spawner_->run->heard.size();
  EXPECT_EQ(spawner_->run->heard[n - 2].dump(), R"({"jsonrpc":"2.0","id":"q","result":{}})");
  EXPECT_EQ(spawner_->run->heard[n - 1].at("error")->get_int("code"), -32601);
}

TEST_F(StdioTest, LineWithoutEndIsNotTriedAgain) {
  start([](FakeRun& run, const Json& m) {
    if (shake_hands(run, m)) return;
    for (size_t n = 0; n <= limits::kJsonRpcLineBytesMax; n += 16 << 10) {
      run.output.emplace_back(16 << 10, 'x');
    }
    run.readable.wake_all();
  });
  auto outcome = call();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Code::kResourceExhausted);
  EXPECT_EQ(spawner_->spawned, 1);
}

TEST_F(StdioTest, CallerThatGivesUpIsToldToTheServer) {
  server_.call_timeout = 2s;
  start([](FakeRun& run, const Json& m) { shake_hands(run, m); });
  MonoTime began = loop_.mono();
  auto outcome = call();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Code::kDeadlineExceeded);
  EXPECT_NE(outcome.error().message.find("did not answer within"), std::string::npos);
  EXPECT_EQ(loop_.mono() - began, 2s);
  loop_.run_for(1ms);
  EXPECT_TRUE(last("notifications/cancelled")
                  .at("params", "requestId")
                  ->same_value(*last("tools/call").find("id")));
}

TEST_F(StdioTest, ArgumentsAreAnObjectAndNothingElse) {
  start([](FakeRun& run, const Json& m) {
    if (!shake_hands(run, m)) run.result(m, text_result(m.at("params", "arguments")->dump()));
  });
  EXPECT_EQ(call("t", "")->content, "{}");
  EXPECT_EQ(call("t", R"({"n": 1.50})")->content, R"({"n":1.50})");
  EXPECT_EQ(call("t", "[1]").error().code, Code::kInvalidArgument);
  EXPECT_EQ(call("t", "{").error().code, Code::kInvalidArgument);
}

TEST_F(StdioTest, AnsweredErrorIsNotTriedAgain) {
  start([](FakeRun& run, const Json& m) {
    if (!shake_hands(run, m)) run.error(m, -32603, "boom");
  });
  auto outcome = call();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().retry, Retry::kNever);
  EXPECT_EQ(heard("tools/call"), 1);
}

TEST_F(StdioTest, TwoServersWithOneToolAreRefusedByName) {
  start([](FakeRun& run, const Json& m) {
    if (!shake_hands(run, m)) run.result(m, tool_list({"a"}));
  });
  std::vector<ToolServer> two(2, server_);
  two[1].name = "other";
  loop_.run_task(set_->reload(ctx(), two));
  std::vector<std::string> names = {"orders", "other"};
  auto listed = loop_.run_task(set_->list(ctx(), names));
  ASSERT_FALSE(listed);
  EXPECT_NE(listed.error().message.find("'orders' and 'other'"), std::string::npos);
}

TEST_F(StdioTest, ReloadLetsACallUnderWayEndAndTakesNoNewOne) {
  Json asked;
  start([&](FakeRun& run, const Json& m) {
    if (!shake_hands(run, m)) asked = m;
  });
  std::optional<Result<ToolOutcome>> outcome;
  async::Scope scope(ctx());
  scope.spawn(async::detail::store_into(set_->call(ctx(), invocation("t")), &outcome));
  loop_.run_for(1ms);
  scope.spawn(set_->reload(ctx(), std::vector<ToolServer>()));
  loop_.run_for(1s);
  EXPECT_FALSE(outcome);
  EXPECT_EQ(call().error().code, Code::kNotFound);
  spawner_->run->result(asked, text_result("late"));
  loop_.run_task(scope.join());
  ASSERT_TRUE(outcome && *outcome);
  EXPECT_EQ((*outcome)->content, "late");
  EXPECT_TRUE(spawner_->run->ended);
}

}  // namespace
}  // namespace drover::tools
