#include "app/demo/day.h"

#include <cmath>

#include "app/demo/acts/act.h"
#include "app/demo/day_agents.h"
#include "app/files.h"
#include "base/assert.h"
#include "sim/demo_script.h"

namespace drover::app {
namespace {

using sim::CloudKind;

constexpr Duration kProgressEvery = 50ms;
constexpr CloudKind kClouds[] = {CloudKind::kAws, CloudKind::kAzure, CloudKind::kCoreWeave};

size_t open_calls(const sim::SimCloud& cloud) {
  size_t open = 0;
  const auto& entries = const_cast<sim::SimCloud&>(cloud).ledger().entries();
  // Calls are short: those still open are among the newest.
  size_t looked_at = 0;
  for (auto it = entries.rbegin(); it != entries.rend() && looked_at < 500; ++it, ++looked_at) {
    open += it->outcome == "open" ? 1 : 0;
  }
  return open;
}

}  // namespace

std::string clock_text(double hour) {
  int minutes = static_cast<int>(std::floor(std::clamp(hour, 0.0, 24.0) * 60));
  char text[16];
  std::snprintf(text, sizeof text, "%02d:%02d", minutes / 60, minutes % 60);
  return text;
}

Day::Day(net::AsioLoop& loop, DayOptions options)
    : loop_(loop), options_(std::move(options)), network_(net::make_asio_network(loop, resolver_)) {
  naive_.naive = true;
}

Day::~Day() = default;

double Day::hour() const {
  Duration passed = loop_.mono() - midnight_;
  return 24.0 * static_cast<double>(passed.count()) / static_cast<double>(options_.length.count());
}

Task<Result<void>> Day::until(Context ctx, double hour) {
  auto at =
      midnight_ +
      Duration(static_cast<int64_t>(static_cast<double>(options_.length.count()) * hour / 24.0));
  Duration left = at - loop_.mono();
  if (left > Duration::zero()) CO_TRY_VOID(co_await async::sleep_for(ctx, left));
  co_return Result<void>();
}

void Day::set_outage(CloudKind kind, bool on) {
  for (Side* side : {&real_, &naive_}) side->clouds->cloud(kind).set_outage(on);
  if (on) {
    down_.insert(kind);
  } else {
    down_.erase(kind);
  }
}

void Day::set_outage(CloudKind kind, bool on, std::string_view region) {
  for (Side* side : {&real_, &naive_}) side->clouds->cloud(kind).set_outage(on, region);
}

size_t Day::asked_outside(SessionId id, bool (*inside)(const std::string& region)) {
  size_t out = 0;
  for (CloudKind kind : kClouds) {
    for (const sim::LedgerEntry& entry : real_.clouds->cloud(kind).ledger().entries()) {
      out += entry.idempotency_key.starts_with(id.str() + "/") && !inside(entry.region) ? 1 : 0;
    }
  }
  return out;
}

size_t Day::met(CloudKind kind, sim::FaultKind fault) {
  size_t out = 0;
  for (const sim::LedgerEntry& entry : real_.clouds->cloud(kind).ledger().entries()) {
    out += entry.fault == sim::fault_name(fault) ? 1 : 0;
  }
  return out;
}

size_t Day::in_flight(CloudKind kind) { return open_calls(real_.clouds->cloud(kind)); }

Result<void> Day::set_up(Side& side) {
  RuntimeOptions runtime;
  runtime.in_memory = side.naive;
  side.runtime = std::make_unique<Runtime>(loop_, runtime);
  sim::SimCloudsOptions clouds;
  clouds.source = sim::make_demo_model(options_.seed);
  clouds.seed = options_.seed;
  clouds.latency.first_token = 160ms;
  clouds.latency.prefill_tokens_per_second = 40'000;
  clouds.latency.tokens_per_second = 160;
  clouds.latency.jitter = 0.4;
  clouds.extra_regions[CloudKind::kCoreWeave] = {DemoEnclave::kRegion};
  clouds.extra_models = {"clerk"};
  clouds.quota.requests_per_minute = 6'000;
  clouds.quota.tokens_per_minute = 4'000'000;
  side.clouds = std::make_unique<DemoClouds>(loop_, *network_, clouds);
  TRY_VOID(side.clouds->start());
  if (!side.naive) {
    enclave_ =
        std::make_unique<DemoEnclave>(loop_, *network_, side.clouds->cloud(CloudKind::kCoreWeave));
    TRY_VOID(enclave_->start(data_ + "/enclave"));
  }
  TRY(Config config, config_of(side));
  side.runtime->add_secrets(side.clouds->secrets());
  return side.runtime->open(std::move(config));
}

Task<Result<size_t>> Day::restart(Context ctx) {
  real_.restarting = true;
  while (real_.inside > 0) CO_TRY_VOID(co_await async::sleep_for(ctx, 1ms));
  co_await real_.runtime->stop(ctx);
  real_.runtime.reset();
  real_.runtime = std::make_unique<Runtime>(loop_, RuntimeOptions());
  real_.runtime->add_secrets(real_.clouds->secrets());
  CO_TRY(Config config, config_of(real_));
  CO_TRY_VOID(real_.runtime->open(std::move(config)));
  auto woken = co_await real_.runtime->start(ctx);
  real_.restarting = false;
  co_return woken;
}

Result<Config> Day::config_of(Side& side) {
  Config config;
  config.data = data_;
  for (const DemoEndpoint& wanted : day_endpoints()) {
    // The naive day has one model in one region of one cloud.
    if (side.naive && wanted.cloud != CloudKind::kAws) continue;
    for (catalog::Endpoint& e : side.clouds->endpoints(wanted)) {
      if (side.naive && !config.endpoints.empty()) break;
      if (e.region == DemoEnclave::kRegion) continue;  // all that is there is attested
      if (wanted.calls_in_flight > 0) {
        catalog::Fact fact;
        fact.name = "calls_in_flight";
        fact.value = Json(wanted.calls_in_flight);
        TRY_VOID(e.facts.set(std::move(fact)));
      }
      config.endpoints.push_back(std::move(e));
    }
  }
  if (!side.naive) {
    config.endpoints.push_back(enclave_->endpoint());
    config.attested.push_back(enclave_->attested());
    TRY(config.policy, day_policy(clinic_.tenant));
  }
  config.tools.push_back(own_tool_server(
      "shop", {"mcp-tools", "--latency", "25ms", "--seed", std::to_string(options_.seed)}));
  TRY(side.agents, day_agents());
  for (auto& [name, agent] : side.agents) {
    if (side.naive) agent.models = {config.endpoints.front().model};
  }
  config.agents = side.agents;
  // Rarely reached but where an answer stalls.
  if (!side.naive) config.road.classes.fast_hedge_after = 1200ms;
  return config;
}

Result<void> Day::set_up() {
  data_ = options_.data;
  if (data_.empty()) {
    TRY(data_, make_temporary_folder("drover-day"));
  }
  report_.data = data_;
  report_.seed = options_.seed;
  TRY_VOID(set_up(real_));
  return set_up(naive_);
}

Result<DayReport> Day::run() {
  TRY_VOID(set_up());
  Context ctx(loop_);
  for (Side* side : {&real_, &naive_}) {
    TRY_VOID(loop_.run_task(side->runtime->start(ctx)));
  }
  TRY_VOID(loop_.run_task(found_clinic(ctx)));
  acts_ = make_acts(options_.seed);
  MonoTime began = loop_.mono();
  auto done = loop_.run_task(run_acts(ctx));
  report_.took = loop_.mono() - began;
  if (done) done = loop_.run_task(gather(ctx, &real_, &report_.drover));
  if (done) done = loop_.run_task(gather(ctx, &naive_, &report_.naive));
  if (done) done = loop_.run_task(settle_bill(ctx, &real_, &report_.bill));
  loop_.run_task(real_.runtime->stop(ctx));
  loop_.run_task(enclave_->stop(ctx));
  loop_.run_task(naive_.runtime->stop(ctx));
  for (Side* side : {&real_, &naive_}) {
    loop_.run_task(side->clouds->stop(ctx));
  }
  TRY_VOID(std::move(done));
  report_.sum_up(sync_samples_ == 0 ? Duration::zero() : sync_sum_ / sync_samples_);
  for (const auto& act : acts_) {
    std::vector<const SessionFacts*> facts;
    for (const SessionFacts& s : report_.drover.facts) {
      if (real_.acts[s.id] == act->name()) facts.push_back(&s);
    }
    ActReport& out = *std::find_if(report_.acts.begin(), report_.acts.end(),
                                   [&](const ActReport& a) { return a.name == act->name(); });
    act->check(facts, report_, out);
  }
  enclave_.reset();
  for (Side* side : {&real_, &naive_}) {
    side->clouds.reset();
    side->runtime.reset();
  }
  return std::move(report_);
}

Task<Result<void>> Day::found_clinic(Context ctx) {
  Runtime& runtime = *real_.runtime;
  auto found = runtime.tenants().find("clinic");
  if (!found) found = co_await runtime.tenants().create(ctx, "clinic");
  if (!found) co_return fail(std::move(found).error());
  clinic_ = identity::Principal::system(found->id);
  CO_TRY(Config config, config_of(real_));
  co_return co_await runtime.reload(ctx, std::move(config));
}

Task<Result<void>> Day::run_acts(Context ctx) {
  midnight_ = loop_.mono();
  report_.midnight = loop_.wall();
  report_.length = options_.length;
  progress_.begin("the day", 1000, !options_.quiet);
  async::Scope watcher(ctx);
  watcher.spawn(watch(watcher.context()));
  naive_talks_ = std::make_unique<async::Scope>(ctx);
  async::Scope scope(ctx);
  for (const auto& act : acts_) {
    ActReport report;
    report.name = act->name();
    report.asked = act->asks();
    report_.acts.push_back(std::move(report));
    scope.spawn(run_act(scope.context(), act.get()));
  }
  co_await scope.join();
  co_await naive_talks_->join();
  naive_talks_.reset();
  auto end = co_await until(ctx, 24);
  show();
  watcher.cancel("the day is over");
  co_await watcher.join();
  progress_.end();
  co_return end;
}

Task<void> Day::run_act(Context ctx, Act* act) {
  auto done = co_await act->run(ctx, this);
  if (done) co_return;
  for (ActReport& report : report_.acts) {
    if (report.name == act->name()) report.findings.push_back({false, done.error().to_string()});
  }
}

Task<void> Day::watch(Context ctx) {
  for (;;) {
    auto slept = co_await async::sleep_for(ctx, kProgressEvery);
    if (!slept) co_return;
    sync_sum_ += real_.runtime->store().journal().last_sync();
    ++sync_samples_;
    show();
  }
}

void Day::show() {
  double now = std::min(hour(), 24.0);
  std::string clouds;
  for (CloudKind kind : kClouds) {
    if (down_.count(kind) != 0) clouds += (clouds.empty() ? "" : ", ") + cloud_title(kind);
  }
  std::string text = clock_text(now) + "  " + std::to_string(real_.running) +
                     (real_.running == 1 ? " session at work, " : " sessions at work, ") +
                     std::to_string(real_.steps) + " steps, " +
                     (clouds.empty() ? "all clouds up" : clouds + " DOWN");
  progress_.show(static_cast<size_t>(now / 24.0 * 1000), std::move(text));
}

Result<DayReport> run_day(net::AsioLoop& loop, DayOptions options) {
  return Day(loop, std::move(options)).run();
}

}  // namespace drover::app
