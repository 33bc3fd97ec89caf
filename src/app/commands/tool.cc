// drover tool ls, drover tool call: the configured tool servers asked directly, without an agent,
// so that somebody who writes or configures one sees what agents will see.

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "app/commands.h"
#include "app/files.h"
#include "app/tool_servers.h"
#include "async/scope.h"
#include "async/worker_pool.h"
#include "base/random.h"
#include "http/client.h"
#include "net/asio_loop.h"
#include "tools/server_tool_set.h"

namespace drover::app {
namespace {

using async::Context;
using async::Task;

int complain_of_tool(const Error& error) {
  std::fprintf(stderr, "drover: %s\n", error.message.c_str());
  for (const std::string& note : error.notes) std::fprintf(stderr, "  while %s\n", note.c_str());
  if (error.code == Code::kInvalidArgument || error.code == Code::kNotFound) return kExitUsage;
  return error.code == Code::kUnavailable ? kExitUnreachable : kExitFailed;
}

/// Everything a tool call needs, for the time of one command.
struct Bench {
  async::WorkerPool pool{"blocking", 1};
  net::AsioLoop loop;
  std::unique_ptr<net::Network> network = net::make_asio_network(loop, pool);
  std::unique_ptr<net::ProcessSpawner> spawner = net::make_process_spawner(loop);
  std::unique_ptr<http::Client> client = http::make_client(loop, network->dialer());
  SystemRandom random;
  std::vector<std::string> names;
  std::unique_ptr<tools::ServerToolSet> set;

  Result<void> open(const Arguments& arguments) {
    std::string path = arguments.get("config");
    ConfigOutcome outcome = read_config(path, read_small_file);
    if (!outcome.faults.empty()) {
      return fail(Code::kInvalidArgument, outcome.faults.front().to_string());
    }
    TRY(auto servers, resolve_tool_servers(outcome.config, read_small_file));
    if (servers.empty()) return fail(Code::kNotFound, path + " configures no tool servers");
    for (const tools::ToolServer& server : servers) names.push_back(server.name);
    tools::Environment environment;
    environment.loop = &loop;
    environment.random = &random;
    environment.spawner = spawner.get();
    environment.client = client.get();
    set = std::make_unique<tools::ServerToolSet>(environment, std::move(servers));
    return {};
  }
};

Json to_json(const tools::BoundTool& tool) {
  Json out = Json::object();
  out.set("server", tool.server);
  out.set("name", tool.definition.name);
  out.set("description", tool.definition.description);
  out.set("parameters", tool.definition.parameters);
  return out;
}

Json to_json(const tools::ToolOutcome& outcome) {
  Json out = Json::object();
  out.set("content", outcome.content);
  out.set("is_error", outcome.is_error);
  if (!outcome.structured.is_null()) out.set("structured", outcome.structured);
  if (!outcome.other_content.empty()) out.set("other_content", outcome.other_content);
  return out;
}

Task<int> list_tools(Bench* bench, std::vector<std::string> servers, bool json) {
  Context ctx(bench->loop);
  int code = kExitOk;
  Json all = Json::array();
  for (const std::string& server : servers) {
    std::vector<std::string> one(1, server);
    auto tools = co_await bench->set->list(ctx, std::move(one));
    if (!tools) {
      code = complain_of_tool(tools.error());
      continue;
    }
    if (!json) {
      std::string version = bench->set->version(server);
      if (version != "HTTP") version = "MCP " + version;
      std::printf("%s (%s), %zu tools\n", server.c_str(), version.c_str(), tools->size());
    }
    for (const tools::BoundTool& tool : *tools) {
      if (json) {
        all.push(to_json(tool));
        continue;
      }
      std::string text = tool.definition.description;
      std::printf("  %-28s %s\n", tool.definition.name.c_str(),
                  text.substr(0, text.find('\n')).c_str());
    }
  }
  if (json) std::printf("%s\n", all.dump().c_str());
  co_await bench->set->close(ctx);
  co_return code;
}

int run_tool_ls(const Arguments& arguments) {
  Bench bench;
  auto opened = bench.open(arguments);
  if (!opened) return complain_of_tool(opened.error());
  std::vector<std::string> servers = bench.names;
  if (!arguments.get("SERVER").empty()) servers.assign(1, arguments.get("SERVER"));
  return bench.loop.run_task(list_tools(&bench, std::move(servers), arguments.has("json")));
}

struct Repeats {
  int calls = 1;
  bool json = false;
};

Task<Result<tools::ToolOutcome>> call_one(Context ctx, Bench* bench,
                                          tools::ToolInvocation invocation) {
  co_return co_await bench->set->call(ctx, std::move(invocation));
}

Task<int> call_tool(Bench* bench, tools::ToolInvocation invocation, Repeats repeats) {
  Context ctx(bench->loop);
  std::vector<Task<Result<tools::ToolOutcome>>> tasks;
  for (int i = 0; i < repeats.calls; ++i) {
    tools::ToolInvocation one = invocation;
    if (i > 0) one.idempotency_key += "-" + std::to_string(i + 1);
    tasks.push_back(call_one(ctx, bench, std::move(one)));
  }
  auto outcomes = co_await async::when_all<Result<tools::ToolOutcome>>(ctx, std::move(tasks));
  int code = kExitOk;
  for (const auto& outcome : outcomes) {
    if (!outcome) {
      code = complain_of_tool(outcome.error());
      continue;
    }
    if (outcome->is_error) code = kExitFailed;
    if (repeats.json) {
      std::printf("%s\n", to_json(*outcome).dump().c_str());
    } else {
      std::fwrite(outcome->content.data(), 1, outcome->content.size(), stdout);
      std::printf("\n");
    }
  }
  co_await bench->set->close(ctx);
  co_return code;
}

int run_call(const Arguments& arguments) {
  Bench bench;
  auto opened = bench.open(arguments);
  if (!opened) return complain_of_tool(opened.error());
  SystemRandom random;
  tools::ToolInvocation invocation;
  invocation.server = arguments.get("SERVER");
  invocation.tool = arguments.get("TOOL");
  invocation.arguments = arguments.get("ARGUMENTS");
  invocation.idempotency_key = "cli-" + std::to_string(random.next());
  Repeats repeats;
  repeats.calls = std::clamp(std::atoi(arguments.get("times").c_str()), 1, 1'000);
  repeats.json = arguments.has("json");
  return bench.loop.run_task(call_tool(&bench, std::move(invocation), repeats));
}

Positional tool_positional(std::string name, std::string help, bool required) {
  Positional out;
  out.name = std::move(name);
  out.help = std::move(help);
  out.required = required;
  return out;
}

void add_flags(Command& c) {
  Flag config;
  config.name = "--config";
  config.value = "FILE";
  config.help = "the configuration that names the tool servers";
  config.fallback = "drover.yaml";
  c.flags.push_back(config);
  Flag json;
  json.name = "--json";
  json.help = "print JSON";
  c.flags.push_back(json);
}

}  // namespace

Command tool_ls_command() {
  Command c;
  c.name = "tool ls";
  c.summary = "List the tools of the configured tool servers";
  c.details =
      "Starts or asks each server and shows its revision of MCP and its tools.\n"
      "Example: drover tool ls --config drover.yaml orders";
  c.positionals.push_back(tool_positional("SERVER", "only this one (default: all)", false));
  add_flags(c);
  c.run = run_tool_ls;
  return c;
}

Command tool_call_command() {
  Command c;
  c.name = "tool call";
  c.summary = "Call a tool of a configured tool server";
  c.details =
      "Prints the text that an agent's model would read. Exit code 1 if the tool reports an\n"
      "error, 3 if its server cannot be reached.\n"
      "Example: drover tool call orders find_order '{\"id\": \"W123\"}'";
  c.positionals.push_back(tool_positional("SERVER", "the tool server", true));
  c.positionals.push_back(tool_positional("TOOL", "the tool", true));
  c.positionals.push_back(tool_positional("ARGUMENTS", "a JSON object (default: {})", false));
  add_flags(c);
  Flag times;
  times.name = "--times";
  times.value = "N";
  times.help = "so many calls side by side";
  times.fallback = "1";
  c.flags.push_back(times);
  c.run = run_call;
  return c;
}

}  // namespace drover::app
