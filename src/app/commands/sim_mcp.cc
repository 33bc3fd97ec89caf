// drover sim mcp-replay and mcp-tools: MCP servers on standard input and output, for sessions to
// start as child processes. They end when their input does.

#include <cstdio>
#include <cstdlib>

#include "app/commands.h"
#include "async/sim_loop.h"
#include "net/asio_loop.h"
#include "sim/mcp_demo_tools.h"
#include "sim/mcp_replay.h"

namespace drover::app {
namespace {

async::Task<void> serve(net::AsioLoop* loop, net::Stream* stream, sim::McpTools* tools, int* code) {
  async::Context ctx(*loop);
  Result<void> served = co_await sim::serve_mcp(ctx, *stream, *tools);
  if (!served) {
    std::fprintf(stderr, "drover sim: %s\n", served.error().to_string().c_str());
    *code = kExitFailed;
  }
  loop->stop();
}

int run_server(sim::McpTools& tools) {
  net::AsioLoop loop;
  std::unique_ptr<net::Stream> stream = net::make_stdio_stream(loop);
  int code = kExitOk;
  async::detail::start_detached(serve(&loop, stream.get(), &tools, &code));
  loop.run();
  return code;
}

int complain_of_mcp(const Error& error) {
  std::fprintf(stderr, "drover sim: %s\n", error.to_string().c_str());
  return kExitUsage;
}

int run_replay(const Arguments& arguments) {
  Result<std::vector<sim::Recording>> recordings = sim::load_recordings(arguments.get("FILE"));
  if (!recordings) return complain_of_mcp(recordings.error());
  sim::ReplayTools tools(std::move(*recordings));
  if (arguments.has("log")) {
    Result<void> opened = tools.log_to(arguments.get("log"));
    if (!opened) return complain_of_mcp(opened.error());
  }
  return run_server(tools);
}

int run_tools(const Arguments& arguments) {
  sim::DemoToolsOptions options;
  options.seed = std::strtoull(arguments.get("seed").c_str(), nullptr, 10);
  Result<Duration> latency = parse_duration(arguments.get("latency"));
  if (!latency) return complain_of_mcp(latency.error());
  options.latency = *latency;
  options.error_chance = std::atof(arguments.get("error-chance").c_str());
  sim::DemoTools tools(options);
  return run_server(tools);
}

Flag mcp_flag(std::string name, std::string value, std::string help, std::string fallback = "") {
  Flag out;
  out.name = std::move(name);
  out.value = std::move(value);
  out.help = std::move(help);
  out.fallback = std::move(fallback);
  return out;
}

}  // namespace

Command sim_mcp_replay_command() {
  Command c;
  c.name = "sim mcp-replay";
  c.summary = "An MCP server on stdio that answers tool calls as recorded";
  c.details =
      "A call names its recording in _meta: drover/labels {\"recording\": \"TASK/TRIAL\"}. A call "
      "that\n"
      "was not recorded there fails.";
  Positional file;
  file.name = "FILE";
  file.help = "recordings (JSON Lines)";
  c.positionals.push_back(file);
  c.flags.push_back(mcp_flag("--log", "FILE", "append every call to it; read first if it exists"));
  c.run = run_replay;
  return c;
}

Command sim_mcp_tools_command() {
  Command c;
  c.name = "sim mcp-tools";
  c.summary = "An MCP server on stdio with the tools of the demo's day";
  c.details =
      "Orders, refunds, flights, weather, a web search over a small corpus, exchange rates.";
  c.flags.push_back(mcp_flag("--seed", "N", "answers follow from it", "1"));
  c.flags.push_back(mcp_flag("--latency", "TIME", "how long a call takes, such as 40ms", "0"));
  c.flags.push_back(mcp_flag("--error-chance", "X", "0.1: one call in ten fails", "0"));
  c.run = run_tools;
  return c;
}

}  // namespace drover::app
