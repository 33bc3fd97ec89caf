#include "sim/cloud.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "sim/batch.h"
#include "sim/exchange.h"
#include "sim/gate_listener.h"

namespace drover::sim {

namespace {
async::Task<void> serve(SimCloud* cloud, SimSite* site, async::Context ctx,
                        http::ServerRequest& request, http::ServerResponse& response) {
  Exchange exchange(*cloud, *site, ctx, request, response);
  co_await exchange.run();
}
}  // namespace

SimSite::SimSite() = default;
SimSite::~SimSite() = default;

SimCloud::SimCloud(async::Loop& loop, net::Network& network, SimCloudOptions options)
    : loop_(loop),
      network_(network),
      options_(std::move(options)),
      faults_(options_.seed ^ 0xfa17),
      // Clouds of one seed do not give out the same ids.
      random_((options_.seed * 1'000 + static_cast<uint64_t>(options_.kind)) ^ 0x1d5) {
  if (options_.name.empty()) options_.name = cloud_kind_name(options_.kind);
  profile_ = make_profile(options_);
  for (const std::string& region : options_.regions) {
    auto site = std::make_unique<SimSite>();
    site->region = region;
    site->cache = PromptCache(options_.prompt_cache);
    site->batches = std::make_unique<BatchDesk>(*this, *site);
    sites_.push_back(std::move(site));
  }
}

SimCloud::~SimCloud() = default;

http::Handler SimCloud::handler(size_t index) {
  SimSite* site = sites_[index].get();
  return [this, site](async::Context ctx, http::ServerRequest& request,
                      http::ServerResponse& response) {
    return serve(this, site, std::move(ctx), request, response);
  };
}

Result<void> SimCloud::start() {
  uint16_t port = options_.port;
  for (size_t i = 0; i < sites_.size(); ++i) {
    SimSite& site = *sites_[i];
    net::Endpoint local;
    local.ip = options_.bind_ip;
    local.port = port == 0 ? 0 : static_cast<uint16_t>(port + i);
    TRY(std::unique_ptr<net::Listener> listener, network_.listen(local, net::TlsServerOptions()));
    site.url = "http://" + listener->local().to_string();
    SimSite* at = &site;
    auto gate = std::make_unique<GateListener>(
        std::move(listener), [this, at] { return at->outage || faults_.take_refusal(at->region); });
    site.server = std::make_unique<http::Server>(loop_, std::move(gate), handler(i));
    site.server->start();
  }
  net::Endpoint local;
  local.ip = options_.bind_ip;
  local.port = port == 0 ? 0 : static_cast<uint16_t>(port + sites_.size());
  TRY(std::unique_ptr<net::Listener> listener, network_.listen(local, net::TlsServerOptions()));
  control_url_ = "http://" + listener->local().to_string();
  control_server_ = std::make_unique<http::Server>(
      loop_, std::move(listener),
      [this](async::Context ctx, http::ServerRequest& request, http::ServerResponse& response) {
        return control(std::move(ctx), request, response);
      });
  control_server_->start();
  return {};
}

async::Task<void> SimCloud::stop(async::Context ctx) {
  for (std::unique_ptr<SimSite>& site : sites_) {
    if (site->server == nullptr) continue;
    site->server->drop_connections();
    co_await site->server->stop(ctx, 1s);
  }
  if (control_server_ != nullptr) co_await control_server_->stop(ctx, 1s);
}

std::vector<SimCloud::Place> SimCloud::places() const {
  std::vector<Place> out;
  for (const std::unique_ptr<SimSite>& site : sites_) out.push_back(Place{site->region, site->url});
  return out;
}

const SimModel* SimCloud::find_model(std::string_view id) const {
  for (const SimModel& model : options_.models) {
    if (model.id == id) return &model;
  }
  return nullptr;
}

void SimCloud::set_outage(bool on, std::string_view region) {
  for (std::unique_ptr<SimSite>& site : sites_) {
    if (!region.empty() && site->region != region) continue;
    site->outage = on;
    if (on && site->server != nullptr) site->server->drop_connections();
  }
}

bool SimCloud::in_outage(std::string_view region) const {
  return std::any_of(sites_.begin(), sites_.end(), [&](const auto& site) {
    return site->outage && (region.empty() || site->region == region);
  });
}

void SimCloud::set_quota(QuotaRules rules) {
  options_.quota = rules;
  for (std::unique_ptr<SimSite>& site : sites_) site->quotas.clear();
}

void SimCloud::set_tier(std::string asked, std::string served) {
  if (asked.empty()) asked = "default";
  if (served.empty()) {
    tiers_.erase(asked);
  } else {
    tiers_[std::move(asked)] = std::move(served);
  }
}

void SimCloud::set_batches(const BatchRules& rules) {
  for (std::unique_ptr<SimSite>& site : sites_) site->batches->set_rules(rules);
}

void SimCloud::run_batches() {
  for (std::unique_ptr<SimSite>& site : sites_) site->batches->run_due();
}

uint64_t SimCloud::misses() const {
  std::set<const Model*> sources;  // several models may share one
  uint64_t sum = 0;
  for (const SimModel& model : options_.models) {
    if (sources.insert(model.source.get()).second) sum += model.source->misses();
  }
  return sum;
}

}  // namespace drover::sim
