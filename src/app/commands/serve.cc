#include <csignal>
#include <cstdio>

#include "app/commands.h"
#include "app/demo/clouds.h"
#include "app/files.h"
#include "app/serving.h"
#include "app/uncounted.h"
#include "app/unset_variables.h"
#include "base/limits/app.h"

namespace drover::app {
namespace {

int complain_of_serve(const Error& error) {
  std::fprintf(stderr, "drover: %s\n", error.message.c_str());
  for (const std::string& note : error.notes) std::fprintf(stderr, "  while %s\n", note.c_str());
  return kExitFailed;
}

/// The configuration named, or ./drover.yaml, or defaults.
std::optional<Config> load(const Arguments& arguments) {
  std::string path = arguments.get("config");
  if (path.empty() && file_exists("drover.yaml")) path = "drover.yaml";
  ConfigOutcome outcome;
  if (!path.empty()) outcome = read_config(path, read_small_file);
  for (const ConfigFault& fault : outcome.faults) {
    std::fprintf(stderr, "%s\n", fault.to_string().c_str());
  }
  if (!outcome.faults.empty()) return std::nullopt;
  Config config = std::move(outcome.config);
  if (arguments.has("data")) config.data = arguments.get("data");
  if (arguments.has("listen")) {
    ConfigOutcome listen =
        parse_config("--listen",
                     "listen: '" + arguments.get("listen") +
                         "'\nbehind_tls_proxy: " + (config.behind_tls_proxy ? "true" : "false"),
                     read_small_file);
    bool faulty = !listen.faults.empty() && !config.tls();
    if (faulty) {
      listen.faults.front().line = 0;
      std::fprintf(stderr, "--listen: %s\n", listen.faults.front().to_string().c_str());
      return std::nullopt;
    }
    config.listen_host = listen.config.listen_host;
    config.listen_port = listen.config.listen_port;
  }
  return config;
}

/// Simulated clouds in this process, and an endpoint for each of their models.
Result<std::unique_ptr<DemoClouds>> add_simulated_clouds(Runtime& runtime, Config& config) {
  sim::SimCloudsOptions options;
  options.latency.first_token = 150ms;
  options.latency.tokens_per_second = 120;
  auto clouds = std::make_unique<DemoClouds>(runtime.loop(), runtime.network(), options);
  TRY_VOID(clouds->start());
  runtime.add_secrets(clouds->secrets());
  for (sim::CloudKind kind :
       {sim::CloudKind::kAws, sim::CloudKind::kAzure, sim::CloudKind::kCoreWeave}) {
    for (const sim::SimModel& model : clouds->cloud(kind).options().models) {
      DemoEndpoint wanted;
      wanted.cloud = kind;
      wanted.model = model.id;
      wanted.upstream_model = model.id;
      for (catalog::Endpoint& e : clouds->endpoints(wanted)) {
        config.endpoints.push_back(std::move(e));
      }
    }
  }
  return clouds;
}

Task<Result<void>> print_first_key(Context ctx, Runtime* runtime) {
  CO_TRY(auto made, co_await runtime->keys().ensure_admin(ctx));
  if (!made) co_return Result<void>();
  std::printf(
      "\nYour admin key, shown this once (only its hash is stored):\n\n  %s\n\n"
      "Use it as: Authorization: Bearer <key>, or export DROVER_KEY for drover's commands.\n\n",
      std::string(made->key.reveal()).c_str());
  std::fflush(stdout);
  co_return Result<void>();
}

/// What is allowed and may not be meant.
void warn_of(const Runtime& runtime) {
  const Config& config = runtime.config();
  if (config.endpoints.empty()) {
    LOG_WARN(
        "no endpoint is configured: run `drover sim` for simulated clouds, and see "
        "`drover serve --help` for a first drover.yaml");
  }
  for (const std::string& note : config.notes) LOG_WARN("{}", note);
  const std::string uncounted = uncounted_money(config.endpoints, config.budgets);
  if (!uncounted.empty()) LOG_WARN("{}", uncounted);
  const auto environment = [&](const std::string& name) { return runtime.variable(name); };
  for (const std::string& note : unset_variables(config, environment)) LOG_WARN("{}", note);
}

Task<void> reload(Runtime* runtime) {
  const std::string path = runtime->config().file;
  if (path.empty()) {
    LOG_WARN("SIGHUP: there is no configuration file to read again");
    co_return;
  }
  ConfigOutcome outcome = read_config(path, read_small_file);
  for (const ConfigFault& fault : outcome.faults) LOG_ERROR("{}", fault.to_string());
  if (!outcome.faults.empty()) {
    LOG_ERROR("SIGHUP: the old configuration stays in force");
    co_return;
  }
  auto done = co_await runtime->reload(runtime->context(), std::move(outcome.config));
  if (done) {
    LOG_INFO("SIGHUP: {} was read again", path);
    warn_of(*runtime);
  } else {
    LOG_ERROR("SIGHUP: {}; the old configuration stays in force", done.error().message);
  }
}

Task<void> shut_down(Runtime* runtime, Serving* serving, net::AsioLoop* loop, Duration deadline) {
  LOG_INFO("stopping: finishing what is in flight, for at most {}", format_duration(deadline));
  size_t cut = co_await serving->stop(runtime->context(), deadline);
  if (cut > 0) LOG_WARN("{} requests were cut at the deadline", cut);
  co_await runtime->stop(runtime->context());
  loop->stop();
}

/// First the address: where another server has it, no session is taken up and no key printed. How
/// many sessions go on.
Result<size_t> begin(net::AsioLoop& loop, Runtime& runtime, Serving& serving) {
  TRY_VOID(serving.bind());
  TRY(size_t resumed, loop.run_task(runtime.start(runtime.context())));
  TRY_VOID(loop.run_task(print_first_key(runtime.context(), &runtime)));
  TRY_VOID(serving.start());
  return resumed;
}

/// After a begin() that failed.
void end(net::AsioLoop& loop, Runtime& runtime, Serving& serving, DemoClouds* clouds) {
  loop.run_task(serving.stop(runtime.context(), Duration::zero()));
  loop.run_task(runtime.stop(runtime.context()));
  if (clouds != nullptr) loop.run_task(clouds->stop(runtime.context()));
}

int run_serve(const Arguments& arguments) {
  std::optional<Config> config = load(arguments);
  if (!config) return kExitUsage;
  configure_log(config->log_level, config->log_format);
  Result<Duration> deadline = limits::kDrainDeadline;
  if (arguments.has("drain")) deadline = parse_duration(arguments.get("drain"));
  if (!deadline) return complain_of_serve(deadline.error());

  net::AsioLoop loop;
  RuntimeOptions options;
  std::unique_ptr<Runtime> runtime = std::make_unique<Runtime>(loop, options);
  std::unique_ptr<DemoClouds> clouds;
  if (arguments.has("sim")) {
    auto made = add_simulated_clouds(*runtime, *config);
    if (!made) return complain_of_serve(made.error());
    clouds = std::move(*made);
  }
  auto opened = runtime->open(std::move(*config));
  if (!opened) return complain_of_serve(opened.error());
  Serving serving(*runtime);
  auto resumed = begin(loop, *runtime, serving);
  if (!resumed) {
    end(loop, *runtime, serving, clouds.get());
    return complain_of_serve(resumed.error());
  }

  const Config& c = runtime->config();
  // At each start, not where the key is made: that start may have failed, and its log be lost.
  if (!runtime->signing_key().empty()) {
    LOG_INFO("journals are signed with the key {}", runtime->signing_key());
  }
  LOG_INFO("drover {} listens on {}://{}, data in {}, {} endpoints, {} sessions taken up again",
           DROVER_VERSION, c.tls() ? "https" : "http", serving.local().to_string(), c.data,
           c.endpoints.size(), *resumed);
  warn_of(*runtime);
  bool stopping = false;
  async::Scope signals(runtime->context());
  loop.on_signal({SIGTERM, SIGINT, SIGHUP}, [&](int signal) {
    if (signal == SIGHUP) {
      signals.spawn(reload(runtime.get()));
    } else if (!stopping) {
      stopping = true;
      signals.spawn(shut_down(runtime.get(), &serving, &loop, *deadline));
    } else {
      LOG_WARN("second signal: leaving at once");
      std::_Exit(kExitFailed);
    }
  });
  loop.run();
  loop.run_task(signals.join());
  if (clouds != nullptr) loop.run_task(clouds->stop(runtime->context()));
  return kExitOk;
}

}  // namespace

Command serve_command() {
  Command c;
  c.name = "serve";
  c.summary = "Run the gateway and the sessions API";
  c.details =
      "Reads ./drover.yaml, or the file given. The first start prints an admin key, once.\n"
      "A first drover.yaml:\n\n"
      "  listen: 127.0.0.1:7070\n"
      "  endpoints:\n"
      "    - provider: openai\n"
      "      model: gpt-4o\n"
      "      credentials: env:OPENAI_API_KEY\n"
      "      price_per_million: {input: 2.5, output: 10}\n\n"
      "Then point an SDK at it: base_url=http://127.0.0.1:7070/v1, api_key=<the key>.\n"
      "SIGHUP reads the file again; SIGTERM finishes what is in flight.";
  c.flags = {{"--config", "FILE", "the configuration", ""},
             {"--data", "DIR", "the data folder", ""},
             {"--listen", "ADDRESS", "where to listen, such as 127.0.0.1:7070", ""},
             {"--sim", "", "offer simulated clouds as endpoints, in this process", ""},
             {"--drain", "TIME", "how long a stop waits for what is in flight (default: 30s)", ""}};
  c.run = run_serve;
  return c;
}

}  // namespace drover::app
