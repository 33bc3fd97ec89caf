#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "async/scope.h"
#include "async/sim_loop.h"
#include "net/sim_net.h"
#include "sim/mcp_demo_tools.h"
#include "sim/mcp_replay.h"

namespace drover::sim {
namespace {

using async::Context;
using async::Task;

/// Writes lines to a served stream, reads `answers` lines back.
Task<std::vector<Json>> talk(Context ctx, net::SimNetwork* network, std::vector<std::string> lines,
                             size_t answers) {
  std::vector<Json> out;
  net::DialTarget target;
  target.host = "mcp.test";
  target.port = 1;
  auto stream = co_await network->dialer().dial(ctx, target);
  if (!stream) co_return out;
  for (std::string& line : lines) {
    auto written = co_await http::write_line(ctx, **stream, line);
    if (!written) co_return out;
  }
  http::LineReader reader(**stream);
  while (out.size() < answers) {
    auto line = co_await reader.next(ctx);
    if (!line || !line->has_value()) break;
    out.push_back(Json::parse(**line).value_or(Json()));
  }
  (*stream)->close();
  co_return out;
}

Task<void> serve_one(Context ctx, net::Listener* listener, McpTools* tools) {
  auto stream = co_await listener->accept(ctx);
  if (!stream) co_return;
  auto served = co_await serve_mcp(ctx, **stream, *tools);
  (void)served;  // the client closes without ceremony
}

std::vector<Json> ask(McpTools& tools, std::vector<std::string> lines, size_t answers) {
  async::SimLoop loop;
  net::SimNetwork network(loop, 1);
  net::Endpoint local;
  local.ip = "mcp.test";
  local.port = 1;
  auto listener = network.listen(local, net::TlsServerOptions());
  EXPECT_TRUE(listener.has_value());
  Context ctx = Context(loop).with_timeout(30s);
  async::Scope scope(ctx);
  scope.spawn(serve_one(scope.context(), listener->get(), &tools));
  auto out = loop.run_task(talk(ctx, &network, std::move(lines), answers));
  loop.run_task(scope.join());
  return out;
}

std::string modern(int id, std::string_view method, Json params = Json::object()) {
  Json meta = params.find("_meta") == nullptr ? Json::object() : *params.find("_meta");
  meta.set("io.modelcontextprotocol/protocolVersion", "2026-07-28");
  meta.set("io.modelcontextprotocol/clientCapabilities", Json::object());
  params.set("_meta", std::move(meta));
  Json out = Json::object();
  out.set("jsonrpc", "2.0").set("id", id).set("method", method).set("params", std::move(params));
  return out.dump();
}

TEST(McpServer, SpeaksBothErasAndRefusesNeither) {
  DemoTools tools;
  auto got = ask(tools,
                 {R"({"jsonrpc":"2.0","id":0,"method":"tools/list"})", "{broken", "[]",
                  modern(1, "server/discover"), modern(2, "nothing/here"),
                  R"({"jsonrpc":"2.0","id":3,"method":"tools/list","params":{"_meta":)"
                  R"({"io.modelcontextprotocol/protocolVersion":"2030-01-01"}}})"},
                 6);
  ASSERT_EQ(got.size(), 6u);
  EXPECT_EQ(got[0].at("error", "code")->integer(), -32602) << "neither era";
  EXPECT_EQ(got[1].at("error", "code")->integer(), -32700);
  EXPECT_EQ(got[2].at("error", "code")->integer(), -32600);
  EXPECT_EQ(got[3].at("result", "resultType")->dump(), "\"complete\"");
  EXPECT_EQ(got[4].at("error", "code")->integer(), -32601);
  EXPECT_EQ(got[5].at("error", "code")->integer(), -32022);
  EXPECT_EQ(got[5].at("error", "data", "supported")->dump(), "[\"2026-07-28\"]");

  got = ask(
      tools,
      {R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-03-26"}})",
       R"({"jsonrpc":"2.0","method":"notifications/initialized"})",
       R"({"jsonrpc":"2.0","id":1,"method":"tools/list"})",
       R"({"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"get_weather","arguments":{"city":"Lund"}}})"},
      3);
  ASSERT_EQ(got.size(), 3u);
  EXPECT_EQ(got[0].at("result", "protocolVersion")->dump(), "\"2025-03-26\"");
  EXPECT_EQ(got[1].at("result", "tools")->array_items()->size(), 6u);
  EXPECT_EQ(got[1].at("result", "resultType"), nullptr);
  EXPECT_EQ(got[2].find("id")->dump(), "\"x\"");
}

TEST(McpServer, CallsRunSideBySide) {
  DemoToolsOptions options;
  options.latency = 1s;
  options.jitter = 0;
  DemoTools tools(options);
  std::vector<std::string> lines;
  for (int i = 0; i < 20; ++i) {
    Json params = Json::object();
    params.set("name", "get_weather").set("arguments", Json::object().set("city", "Graz"));
    lines.push_back(modern(i, "tools/call", std::move(params)));
  }
  // 20 calls of a second each fit into the 30 seconds that ask() gives only side by side.
  options.latency = 20s;
  DemoTools slow(options);
  EXPECT_EQ(ask(slow, lines, 20).size(), 20u);
  EXPECT_EQ(ask(tools, lines, 20).size(), 20u);
}

McpCall replayed(std::string name, std::string_view arguments, std::string key,
                 std::string_view session = "s") {
  McpCall out;
  out.name = std::move(name);
  out.arguments = *Json::parse(arguments);
  out.meta = Json::object();
  out.meta.set("drover/labels", Json::object().set("recording", "t/0"));
  out.meta.set("drover/session", session).set("drover/idempotency_key", std::move(key));
  return out;
}

std::vector<Recording> recording() {
  constexpr std::string_view kText =
      R"({"task_id":"t","trial":0,"messages":[{"role":"user","content":"u"},)"
      R"({"role":"assistant","content":null,"tool_calls":[)"
      R"({"id":"1","type":"function","function":{"name":"a","arguments":"{ \"x\": 1 }"}},)"
      R"({"id":"1","type":"function","function":{"name":"a","arguments":"{\"x\":2}"}}]},)"
      R"({"role":"tool","tool_call_id":"1","content":"first"},)"
      R"({"role":"tool","tool_call_id":"1","content":""},)"
      R"({"role":"assistant","content":null,"tool_calls":[)"
      R"({"id":"2","type":"function","function":{"name":"a","arguments":"{\"x\":1.0}"}}]},)"
      R"({"role":"tool","tool_call_id":"2","content":"again"}]})";
  auto out = parse_recordings(kText);
  EXPECT_TRUE(out.has_value());
  return std::move(*out);
}

Result<McpResult> call(ReplayTools& tools, McpCall call) {
  async::SimLoop loop;
  return loop.run_task(tools.call(Context(loop), std::move(call)));
}

TEST(ReplayTools, FindsResultsByPlaceAndRepeatsByKey) {
  ReplayTools tools(recording());
  // The turn's second call comes first; both have the same id.
  EXPECT_EQ(call(tools, replayed("a", R"({"x":2})", "k1"))->text, "");
  EXPECT_EQ(call(tools, replayed("a", R"({"x":1})", "k0"))->text, "first");
  EXPECT_EQ(call(tools, replayed("a", R"({"x":1})", "k0"))->text, "first") << "the same key";
  EXPECT_EQ(call(tools, replayed("a", R"({"x":1})", "k2"))->text, "again") << "the same arguments";
  EXPECT_EQ(tools.repeats(), 1u);
  auto over = call(tools, replayed("a", R"({"x":1})", "k3"));
  ASSERT_FALSE(over.has_value());
  EXPECT_EQ(over.error().reason, "recording_mismatch");
  EXPECT_EQ(call(tools, replayed("a", R"({"x":1})", "k0", "other"))->text, "first")
      << "another session begins anew";
}

TEST(ReplayTools, WhatWasNotRecordedFails) {
  ReplayTools tools(recording());
  EXPECT_FALSE(call(tools, replayed("b", R"({"x":1})", "k")).has_value());
  EXPECT_FALSE(call(tools, replayed("a", R"({"x":3})", "k")).has_value());
  McpCall nameless = replayed("a", R"({"x":1})", "k");
  nameless.meta = Json();
  EXPECT_FALSE(call(tools, std::move(nameless)).has_value());
  McpCall placed = replayed("a", R"({"x":1})", "k");
  placed.meta.set("drover/position", 2);
  EXPECT_EQ(call(tools, placed)->text, "again");
  placed.meta.set("drover/position", 1);
  placed.meta.set("drover/idempotency_key", "k'");
  EXPECT_FALSE(call(tools, placed).has_value());
  EXPECT_EQ(tools.mismatches(), 4u);
}

TEST(ReplayTools, GoesOnFromItsLog) {
  std::string path = testing::TempDir() + "/replay_log_" + std::to_string(::getpid()) + ".jsonl";
  std::filesystem::remove(path);
  {
    ReplayTools tools(recording());
    ASSERT_TRUE(tools.log_to(path).has_value());
    EXPECT_TRUE(call(tools, replayed("a", R"({"x":1})", "k0")).has_value());
    EXPECT_TRUE(call(tools, replayed("a", R"({"x":2})", "k1")).has_value());
  }
  {
    std::ofstream torn(path, std::ios::app);
    torn << "{\"session\":\"s\",\"posi";  // killed while it wrote
  }
  ReplayTools tools(recording());
  ASSERT_TRUE(tools.log_to(path).has_value());
  EXPECT_EQ(call(tools, replayed("a", R"({"x":2})", "k1"))->text, "");
  EXPECT_EQ(tools.repeats(), 1u);
  EXPECT_EQ(call(tools, replayed("a", R"({"x":1})", "k2"))->text, "again");
  std::filesystem::remove(path);
}

TEST(DemoTools, AnswerTheSameForTheSameSeed) {
  async::SimLoop loop;
  DemoTools one;
  DemoTools two;
  auto ask_one = [&](DemoTools& tools, std::string name, std::string_view arguments) {
    McpCall wish;
    wish.name = std::move(name);
    wish.arguments = *Json::parse(arguments);
    return loop.run_task(tools.call(Context(loop), std::move(wish)));
  };
  for (auto [name, arguments] :
       {std::pair{"lookup_order", R"({"order_id":"A-1"})"},
        {"search_flights", R"({"from":"GRZ","to":"LUN","date":"2026-12-01"})"},
        {"search_web", R"({"query":"night trains in Europe"})"},
        {"convert_currency", R"({"amount":10,"from":"EUR","to":"USD"})"}}) {
    auto first = ask_one(one, name, arguments);
    ASSERT_TRUE(first.has_value());
    EXPECT_FALSE(first->is_error) << first->text;
    EXPECT_TRUE(Json::parse(first->text).has_value());
    EXPECT_EQ(first->text, ask_one(two, name, arguments)->text);
  }
  auto page = Json::parse(ask_one(one, "search_web", R"({"query":"night trains"})")->text);
  EXPECT_EQ(page->find("results")->array_items()->at(0).get_string("title"),
            "Night trains in Europe");
  EXPECT_TRUE(ask_one(one, "lookup_order", "{}")->is_error);
  auto refund = ask_one(one, "refund_order", R"({"order_id":"A-1"})");
  EXPECT_EQ(ask_one(one, "refund_order", R"({"order_id":"A-1"})")->text, refund->text);
  EXPECT_EQ(one.refunds(), 1u);
  EXPECT_EQ(one.refund_repeats(), 1u);
}

}  // namespace
}  // namespace drover::sim
