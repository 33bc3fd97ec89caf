#include "catalog/catalog.h"

#include <atomic>

#include "base/assert.h"
#include "base/limits/catalog.h"

namespace drover::catalog {
namespace {

std::atomic<uint64_t> last_number = 0;

}  // namespace

Result<std::shared_ptr<const Catalog>> Catalog::make(std::vector<Endpoint> endpoints,
                                                     uint64_t epoch) {
  if (endpoints.size() > limits::kEndpointsMax) {
    return fail(Code::kInvalidArgument, "at most " + std::to_string(limits::kEndpointsMax) +
                                            " endpoints are allowed, these are " +
                                            std::to_string(endpoints.size()));
  }
  std::shared_ptr<Catalog> out(new Catalog());
  out->epoch_ = epoch;
  out->endpoints_ = std::move(endpoints);
  for (Endpoint& endpoint : out->endpoints_) {
    endpoint.number = ++last_number;
    if (endpoint.id.empty()) return fail(Code::kInvalidArgument, "an endpoint has no id");
    if (endpoint.model.empty()) {
      return fail(Code::kInvalidArgument, "endpoint '" + endpoint.id + "' names no model");
    }
    if (endpoint.provider.empty()) {
      return fail(Code::kInvalidArgument, "endpoint '" + endpoint.id + "' names no provider");
    }
    if (!out->by_id_.emplace(endpoint.id, &endpoint).second) {
      return fail(Code::kInvalidArgument, "two endpoints are called '" + endpoint.id + "'");
    }
    out->by_model_[endpoint.model].push_back(&endpoint);
  }
  for (const auto& [model, serving] : out->by_model_) out->models_.emplace_back(model);
  return std::shared_ptr<const Catalog>(std::move(out));
}

const Endpoint* Catalog::find(std::string_view id) const {
  auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : it->second;
}

const std::vector<const Endpoint*>& Catalog::serving(std::string_view model) const {
  static const std::vector<const Endpoint*> kNone;
  auto it = by_model_.find(model);
  return it == by_model_.end() ? kNone : it->second;
}

CatalogHolder::CatalogHolder() {
  auto empty = Catalog::make({}, 0);
  DROVER_ASSERT(empty.has_value());
  current_ = std::move(*empty);
}

Result<void> CatalogHolder::replace(std::vector<Endpoint> endpoints) {
  TRY(current_, Catalog::make(std::move(endpoints), current_->epoch() + 1));
  return {};
}

}  // namespace drover::catalog
