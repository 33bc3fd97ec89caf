// Batches of slow model calls, as a whole server has them.

#include "app/runtime.h"
#include "road/batch_road.h"

namespace drover::app {

void Runtime::open_batches() {
  road::BatchesParts parts;
  parts.loop = &loop_;
  parts.random = &random_;
  parts.catalog = &catalog_;
  parts.documents = &store_->documents();
  parts.accounts = accounts_.get();
  parts.books = books_.get();
  parts.metrics = &metrics_;
  parts.client = [this](const catalog::Endpoint& endpoint) -> providers::BatchClient* {
    providers::Provider* provider = providers_->find(endpoint.provider);
    return provider == nullptr ? nullptr : provider->batches();
  };
  parts.allowed = [this](Context ctx, std::string endpoint, std::string tenant,
                         std::string data_class) {
    return road::rules_leave(ctx, road_.get(), &catalog_, std::move(endpoint), std::move(tenant),
                             std::move(data_class));
  };
  parts.wake = [this](const std::string& session, const std::string& tenant) {
    sessions_->batch_ended(SessionId(session), TenantId(tenant));
  };
  batches_ = std::make_unique<road::Batches>(root_, std::move(parts));
  metrics_.gauge_of("drover_batch_calls_waiting", "Model calls that lie in a provider's batch.",
                    [this] { return static_cast<double>(batches_->waiting()); });
  road::BatchRoadParts more;
  more.loop = &loop_;
  more.random = &guessable_;
  more.catalog = &catalog_;
  more.batches = batches_.get();
  more.spans = spans_.get();
  session_road_ = road::make_batch_road(*road_, more);
}

}  // namespace drover::app
