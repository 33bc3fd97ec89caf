// drover sim: the simulated clouds, until a signal ends them.

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "app/commands.h"
#include "app/files.h"
#include "async/scope.h"
#include "async/worker_pool.h"
#include "base/yaml.h"
#include "net/asio_loop.h"
#include "sim/clouds.h"
#include "sim/demo_script.h"
#include "sim/recorded_model.h"
#include "sim/scripted_model.h"

namespace drover::app {
namespace {

Result<std::shared_ptr<sim::Model>> model_of(const Arguments& arguments, uint64_t seed) {
  if (arguments.has("recordings")) {
    TRY(auto recordings, sim::load_recordings(arguments.get("recordings")));
    return std::make_shared<sim::RecordedModel>(std::move(recordings));
  }
  if (arguments.get("script") == "day") return sim::make_demo_model(seed);
  if (arguments.has("script")) {
    TRY(std::string text, read_small_file(arguments.get("script")));
    TRY(YamlDocument document, YamlDocument::parse(text));
    TRY(auto model, sim::ScriptedModel::parse(document.root(), seed));
    return std::shared_ptr<sim::Model>(std::move(model));
  }
  return std::shared_ptr<sim::Model>();  // the preset's echo
}

Result<sim::SimCloudsOptions> options_of(const Arguments& arguments) {
  sim::SimCloudsOptions out;
  out.seed = std::strtoull(arguments.get("seed").c_str(), nullptr, 10);
  out.port = static_cast<uint16_t>(std::atoi(arguments.get("port").c_str()));
  std::vector<std::string> wanted = arguments.all("cloud");
  if (!wanted.empty()) out.kinds.clear();
  for (const std::string& name : wanted) {
    bool known = false;
    for (sim::CloudKind kind : {sim::CloudKind::kAws, sim::CloudKind::kAzure,
                                sim::CloudKind::kCoreWeave, sim::CloudKind::kOpenAi}) {
      if (sim::cloud_kind_name(kind) != name) continue;
      out.kinds.push_back(kind);
      known = true;
    }
    if (!known) {
      return fail(Code::kInvalidArgument,
                  "no simulated cloud '" + name + "': there are aws, azure, coreweave, openai");
    }
  }
  TRY(out.latency.first_token, parse_duration(arguments.get("first-token")));
  out.latency.tokens_per_second = std::atof(arguments.get("tokens-per-second").c_str());
  out.latency.jitter = std::atof(arguments.get("jitter").c_str());
  out.quota.requests_per_minute = std::atoll(arguments.get("requests-per-minute").c_str());
  out.quota.tokens_per_minute = std::atoll(arguments.get("tokens-per-minute").c_str());
  out.extra_models = arguments.all("model");
  TRY(out.source, model_of(arguments, out.seed));
  return out;
}

async::Task<void> sim_stop_then(sim::SimClouds* clouds, net::AsioLoop* loop) {
  async::Context ctx(*loop);
  co_await clouds->stop(ctx);
  loop->stop();
}

int complain_of_sim(const Error& error) {
  std::fprintf(stderr, "drover sim: %s\n", error.to_string().c_str());
  return error.code == Code::kInvalidArgument || error.code == Code::kNotFound ? kExitUsage
                                                                               : kExitFailed;
}

int run_sim(const Arguments& arguments) {
  Result<sim::SimCloudsOptions> options = options_of(arguments);
  if (!options) return complain_of_sim(options.error());
  async::WorkerPool pool("blocking", 1);
  net::AsioLoop loop;
  std::unique_ptr<net::Network> network = net::make_asio_network(loop, pool);
  Result<std::unique_ptr<sim::SimClouds>> clouds = sim::run_clouds(loop, *network, *options);
  if (!clouds) return complain_of_sim(clouds.error());
  std::string text =
      arguments.has("json") ? (*clouds)->describe().dump() + "\n" : (*clouds)->describe_text();
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
  bool stopping = false;
  loop.on_signal({SIGTERM, SIGINT}, [&](int) {
    if (std::exchange(stopping, true)) return;
    async::detail::start_detached(sim_stop_then(clouds->get(), &loop));
  });
  loop.run();
  return kExitOk;
}

Flag sim_flag(std::string name, std::string value, std::string help, std::string fallback = "",
              bool repeated = false) {
  Flag out;
  out.name = std::move(name);
  out.value = std::move(value);
  out.help = std::move(help);
  out.fallback = std::move(fallback);
  out.repeated = repeated;
  return out;
}

}  // namespace

Command sim_command() {
  Command c;
  c.name = "sim";
  c.summary = "Simulated clouds: AWS Bedrock, Azure OpenAI, CoreWeave, on this machine";
  c.details =
      "Prints where they are and the keys they take, then serves until Ctrl-C. The clouds'\n"
      "official SDKs work against them unchanged. Faults: POST {control}/_sim/faults.\n"
      "Example: drover sim --cloud aws --recordings sessions.jsonl";
  c.flags.push_back(
      sim_flag("--cloud", "NAME", "aws, azure, coreweave or openai; again for more", "", true));
  c.flags.push_back(sim_flag("--recordings", "FILE", "answer as recorded (JSON Lines)"));
  c.flags.push_back(
      sim_flag("--script", "FILE", "answer by rules (YAML or JSON), or 'day': as in the demo"));
  c.flags.push_back(sim_flag("--model", "NAME", "a further model name; again for more", "", true));
  c.flags.push_back(sim_flag("--port", "PORT", "the first port; 0 takes free ones", "0"));
  c.flags.push_back(sim_flag("--seed", "N", "keys, ids, jitter and chances follow from it", "1"));
  c.flags.push_back(
      sim_flag("--first-token", "TIME", "time to the first token, such as 200ms", "0"));
  c.flags.push_back(sim_flag("--tokens-per-second", "N", "how fast answers come; 0: at once", "0"));
  c.flags.push_back(sim_flag("--jitter", "X", "0.2: times vary by 20 percent", "0"));
  c.flags.push_back(
      sim_flag("--requests-per-minute", "N", "quota of a region and model; 0: none", "0"));
  c.flags.push_back(sim_flag("--tokens-per-minute", "N", "the same in tokens", "0"));
  c.flags.push_back(sim_flag("--json", "", "print the places and keys as JSON"));
  c.run = run_sim;
  return c;
}

}  // namespace drover::app
