// drover wall: fault scenarios against a gateway, and the scorecard.

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "app/api_client.h"
#include "app/commands.h"
#include "app/output.h"
#include "app/progress.h"
#include "app/wall/gateways.h"
#include "app/wall/runner.h"
#include "app/wall/scorecard.h"
#include "base/bytes.h"

namespace drover::app {
namespace {

using sim::wall::Scenario;

constexpr uint16_t kPort = 7461;

Result<std::vector<const Scenario*>> wanted_of(const Arguments& arguments) {
  std::vector<const Scenario*> out;
  for (const std::string& name : arguments.all("only")) {
    const Scenario* scenario = sim::wall::find_scenario(name);
    if (scenario == nullptr) {
      return usage_error("there is no scenario '" + name + "': `drover wall --list` shows all");
    }
    out.push_back(scenario);
  }
  if (!out.empty()) return out;
  for (const Scenario& scenario : sim::wall::scenarios()) out.push_back(&scenario);
  return out;
}

/// Drover itself, in this process, on a free port, with nothing on disk.
class OwnGateway {
 public:
  OwnGateway(net::AsioLoop& loop, uint16_t upstreams_port) : port_(upstreams_port) {
    RuntimeOptions options;
    options.in_memory = true;
    options.secrets = wall::wall_secrets();
    runtime_ = std::make_unique<Runtime>(loop, std::move(options));
  }
  Result<wall::Target> start(net::AsioLoop& loop, Random& random) {
    TRY(std::string text, wall::gateway_config("drover", port_));
    ReadFile none = [](const std::string& path) -> Result<std::string> {
      return fail(Code::kNotFound, "no file " + path);
    };
    ConfigOutcome outcome = parse_config("drover.yaml", text, none);
    if (!outcome.faults.empty()) {
      return fail(Code::kInternal, outcome.faults.front().to_string());
    }
    configure_log(outcome.config.log_level, outcome.config.log_format);
    TRY_VOID(runtime_->open(std::move(outcome.config)));
    TRY_VOID(loop.run_task(runtime_->start(runtime_->context())));
    serving_ = std::make_unique<Serving>(*runtime_);
    wall::Target out;
    out.key = to_hex(random.bytes(32));
    out.kind = "drover";
    serving_->accept(out.key, identity::Principal::system(default_tenant()));
    TRY_VOID(serving_->start());
    out.url = "http://" + serving_->local().to_string() + "/v1";
    return out;
  }
  void stop(net::AsioLoop& loop) {
    if (serving_ != nullptr) {
      loop.run_task(serving_->stop(runtime_->context(), Duration::zero()));
    }
    loop.run_task(runtime_->stop(runtime_->context()));
  }

 private:
  uint16_t port_;
  std::unique_ptr<Runtime> runtime_;
  std::unique_ptr<Serving> serving_;
};

Result<wall::Target> target_of(const Arguments& arguments) {
  wall::Target out;
  out.url = arguments.get("target");
  while (out.url.ends_with('/')) out.url.pop_back();
  if (!out.url.ends_with("/v1")) out.url += "/v1";
  if (auto url = http::Url::parse(out.url); !url) {
    return usage_error("--target is not a gateway's address: " + url.error().message);
  }
  const char* key = std::getenv("WALL_KEY");
  out.key = arguments.has("key") ? arguments.get("key") : key == nullptr ? "" : key;
  out.kind = arguments.get("gateway");
  if (!out.kind.empty()) {
    // Names it, or says which kinds there are.
    if (auto known = wall::gateway_config(out.kind, 1); !known)
      return usage_error(known.error().message);
  }
  return out;
}

/// What is needed of this machine to run.
struct Machine {
  net::AsioLoop loop;
  async::WorkerPool pool{"blocking", 2};
  std::unique_ptr<net::Network> network = net::make_asio_network(loop, pool);
  std::unique_ptr<http::Client> client = http::make_client(loop, network->dialer());
  SystemRandom random;
  Context context{loop};
};

struct Outcome {
  std::vector<wall::Verdict> verdicts;
  Duration took{};
  std::string gateway;
};

Outcome run_against(Machine& machine, sim::wall::Upstreams& upstreams, wall::Target target,
                    const std::vector<const Scenario*>& wanted, bool progress) {
  Outcome out;
  Progress line;
  line.begin("scenarios", wanted.size(), progress);
  wall::RunOptions options;
  options.on_done = [&line] { line.step(); };
  MonoTime began = machine.loop.mono();
  out.verdicts = machine.loop.run_task(wall::run_scenarios(
      machine.context, machine.client.get(), &upstreams, std::move(target), wanted, options));
  out.took = machine.loop.mono() - began;
  line.end();
  machine.client->clear_idle();
  return out;
}

int print_wall(const Outcome& outcome, const Arguments& arguments) {
  if (arguments.has("json")) {
    print_json(wall::scorecard_json(outcome.gateway, outcome.verdicts, outcome.took));
  } else {
    std::fputs(
        wall::scorecard_text(outcome.gateway, outcome.verdicts, outcome.took, colours_wanted())
            .c_str(),
        stdout);
  }
  for (const wall::Verdict& v : outcome.verdicts) {
    if (!v.passed()) return kExitFailed;
  }
  return kExitOk;
}

/// Until a signal.
void serve_upstreams(Machine& machine, const sim::wall::Upstreams& upstreams) {
  Table table({"MODEL", "ENDPOINT", "BASE URL", "KEYS"});
  for (const Scenario& s : sim::wall::scenarios()) {
    for (const sim::wall::Upstream& u : s.upstreams) {
      std::string keys;
      for (std::string_view key : u.keys) keys += (keys.empty() ? "" : ", ") + std::string(key);
      table.add({s.model(), std::string(u.name), base_url(upstreams.port(), s, u), keys});
    }
  }
  table.print();
  std::printf("\nServing them until Ctrl-C.\n");
  std::fflush(stdout);
  machine.loop.on_signal({SIGTERM, SIGINT}, [&](int) { machine.loop.stop(); });
  machine.loop.run();
}

int run_wall(const Arguments& arguments) {
  if (arguments.has("list")) {
    if (arguments.has("json")) {
      print_json(wall::scenario_list_json());
    } else {
      std::fputs(wall::scenario_list(colours_wanted()).c_str(), stdout);
    }
    return kExitOk;
  }
  bool own = !arguments.has("target");
  bool others = !own || arguments.has("config") || arguments.has("upstreams-only");
  uint16_t port = others ? kPort : 0;
  if (arguments.has("port")) port = static_cast<uint16_t>(std::atoi(arguments.get("port").c_str()));
  if (arguments.has("config")) {
    Result<std::string> text = wall::gateway_config(arguments.get("config"), port);
    if (!text) return complain(usage_error(text.error().message).value());
    std::fputs(text->c_str(), stdout);
    return kExitOk;
  }
  Result<std::vector<const Scenario*>> wanted = wanted_of(arguments);
  if (!wanted) return complain(wanted.error());

  Machine machine;
  sim::wall::Upstreams upstreams(machine.loop, *machine.network);
  if (Result<void> started = upstreams.start(port); !started) {
    Error error = started.error();
    error.note("the wall's upstreams; --port takes another");
    return complain(error);
  }
  if (arguments.has("upstreams-only")) {
    serve_upstreams(machine, upstreams);
    machine.loop.run_task(upstreams.stop());
    return kExitOk;
  }
  std::unique_ptr<OwnGateway> gateway;
  Result<wall::Target> target = wall::Target();
  if (own) {
    gateway = std::make_unique<OwnGateway>(machine.loop, upstreams.port());
    target = gateway->start(machine.loop, machine.random);
  } else {
    target = target_of(arguments);
  }
  int code = kExitUsage;
  if (target) {
    bool progress = !arguments.has("json") && colours_wanted();
    std::string name = own ? "Drover" : target->url;
    Outcome outcome = run_against(machine, upstreams, std::move(*target), *wanted, progress);
    outcome.gateway = std::move(name);
    code = print_wall(outcome, arguments);
  } else {
    code = complain(target.error());
  }
  machine.loop.run_task(upstreams.stop());
  if (gateway != nullptr) gateway->stop(machine.loop);
  return code;
}

}  // namespace

Command wall_command() {
  Command c;
  c.name = "wall";
  c.summary = "Fault scenarios against a gateway, and what its client saw";
  c.details =
      "Starts upstreams that fail in every way that model endpoints fail, asks a gateway as its\n"
      "client, and prints what the client saw: status, end, text, time, attempts. Without "
      "--target\n"
      "the gateway is Drover itself, in this process, on ports of its own.\n\n"
      "Another gateway: give it the upstreams, start it, and point the wall at it.\n\n"
      "  drover wall --config litellm >wall.yaml        # LiteLLM's configuration\n"
      "  litellm --config wall.yaml --port 4000 &\n"
      "  drover wall --target http://127.0.0.1:4000 --key sk-wall\n\n"
      "  drover wall --target http://127.0.0.1:8787 --gateway portkey   # told by headers\n\n"
      "Drover as you serve it: `drover wall --config drover`, which says first how it is started.\n"
      "For any other, --upstreams-only prints each model's endpoints in order.\n"
      "Exit code 0 only if all passed. docs/faults.md says what Drover does in each.";
  c.flags = {
      {"--target", "URL", "the gateway to test (default: Drover itself)", ""},
      {"--key", "KEY", "the key for it (or WALL_KEY)", ""},
      {"--gateway", "KIND", "portkey: tell it of the upstreams by headers", ""},
      {"--port", "PORT", "of the upstreams (default: 7461; for Drover itself a free one)", ""},
      {"--config", "KIND", "print the configuration for drover, litellm or portkey", ""},
      {"--upstreams-only", "", "serve the upstreams until Ctrl-C and print where", ""},
      {"--only", "NAME", "this scenario; again for more", "", true},
      {"--list", "", "the scenarios, what happens in each and what must be seen", ""},
      {"--json", "", "the scorecard as JSON", ""}};
  c.run = run_wall;
  return c;
}

}  // namespace drover::app
