#include "app/wall/runner.h"

#include "app/wall/client.h"
#include "app/wall/gateways.h"
#include "async/scope.h"
#include "async/sync.h"

namespace drover::app::wall {
namespace {

using sim::wall::Scenario;
using sim::wall::Upstreams;

/// More than any gateway may take; what takes longer has failed anyway.
constexpr Duration kPatience = 30s;

struct WallRun {
  http::Client* client;
  Upstreams* upstreams;
  Target target;
  RunOptions options;
  async::Semaphore slots;
};

bool in_use(Upstreams& upstreams, const Scenario& scenario) {
  for (const sim::wall::Upstream& u : scenario.upstreams) {
    if (upstreams.traffic(scenario, u).open > 0) return true;
  }
  return false;
}

Call wall_call_of(const WallRun& run, const Scenario& scenario) {
  Call call;
  call.url = run.target.url;
  call.key = run.target.key;
  call.headers = gateway_headers(run.target.kind, run.upstreams->port(), scenario);
  call.model = scenario.model();
  call.stream = scenario.stream;
  call.max_tokens = scenario.max_tokens;
  call.conduct = scenario.conduct;
  call.patience = kPatience;
  Upstreams* upstreams = run.upstreams;
  call.on_resume = [upstreams, &scenario] { upstreams->mark_pause_end(scenario); };
  return call;
}

Task<void> run_one(Context ctx, WallRun* run, const Scenario* scenario, Verdict* verdict) {
  Result<async::Semaphore::Permit> permit = co_await run->slots.acquire(ctx);
  if (!permit) co_return;
  verdict->scenario = scenario;
  for (int i = 0; i < scenario->calls; ++i) {
    Call call = wall_call_of(*run, *scenario);
    sim::wall::Seen seen = co_await ask(ctx, run->client, std::move(call));
    verdict->seen.push_back(std::move(seen));
  }
  MonoTime until = ctx.loop().mono() + run->options.let_go_within;
  while (in_use(*run->upstreams, *scenario) && ctx.loop().mono() < until) {
    Result<void> slept = co_await async::sleep_for(ctx, 20ms);
    if (!slept) break;
  }
  for (const sim::wall::Upstream& u : scenario->upstreams) {
    verdict->traffic.push_back(run->upstreams->traffic(*scenario, u));
  }
  judge(*verdict);
  if (run->options.on_done) run->options.on_done();
}

}  // namespace

Task<std::vector<Verdict>> run_scenarios(Context ctx, http::Client* client, Upstreams* upstreams,
                                         Target target, std::vector<const Scenario*> wanted,
                                         RunOptions options) {
  size_t at_once = std::max<size_t>(options.at_once, 1);
  WallRun run{client, upstreams, std::move(target), std::move(options), async::Semaphore(at_once)};
  std::vector<Verdict> out(wanted.size());
  async::Scope scope(ctx);
  for (size_t i = 0; i < wanted.size(); ++i) {
    scope.spawn(run_one(scope.context(), &run, wanted[i], &out[i]));
  }
  co_await scope.join();
  co_return out;
}

}  // namespace drover::app::wall
