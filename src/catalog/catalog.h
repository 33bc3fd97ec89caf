#pragma once
// The catalog: all endpoints of the process as one immutable value with an epoch. A reload makes a
// new one and swaps it in; a call in flight holds the one it was placed with (a shared_ptr), so its
// endpoints never go from under it.
//
// Catalog: immutable, any thread. CatalogHolder: loop thread only.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/local_ptr.h"
#include "base/result.h"
#include "catalog/endpoint.h"

namespace drover::catalog {

class Catalog {
 public:
  /// kInvalidArgument names the endpoint at fault: an empty or repeated id, no model, no provider.
  static Result<std::shared_ptr<const Catalog>> make(std::vector<Endpoint> endpoints,
                                                     uint64_t epoch = 1);

  const Endpoint* find(std::string_view id) const;
  /// In the order they were given; empty if nobody serves the model.
  const std::vector<const Endpoint*>& serving(std::string_view model) const;
  /// The models that can be asked for, sorted.
  const std::vector<std::string>& models() const { return models_; }
  const std::vector<Endpoint>& endpoints() const { return endpoints_; }
  /// The place of one of its endpoints in endpoints().
  size_t index_of(const Endpoint* endpoint) const {
    return static_cast<size_t>(endpoint - endpoints_.data());
  }
  /// Grows with each reload.
  uint64_t epoch() const { return epoch_; }

 private:
  Catalog() = default;
  std::vector<Endpoint> endpoints_;
  std::map<std::string_view, const Endpoint*, std::less<>> by_id_;
  std::map<std::string_view, std::vector<const Endpoint*>, std::less<>> by_model_;
  std::vector<std::string> models_;
  uint64_t epoch_ = 0;
};

/// One more owner of a catalog, for the many that the loop's thread has: they are counted apart,
/// without atomics.
class CatalogRef {
 public:
  CatalogRef() = default;
  CatalogRef(std::shared_ptr<const Catalog> catalog)
      : held_(LocalPtr<Shared>::make(std::move(catalog))) {}
  const Catalog& operator*() const { return **held_; }
  const Catalog* operator->() const { return held_->get(); }
  /// nullptr if it has none.
  const Catalog* get() const { return held_ ? held_->get() : nullptr; }

 private:
  using Shared = const std::shared_ptr<const Catalog>;
  LocalPtr<Shared> held_;
};

class CatalogHolder {
 public:
  /// Holds an empty catalog until the first replace().
  CatalogHolder();
  std::shared_ptr<const Catalog> get() const { return current_; }
  /// Whether that is the one in force. Asked often: nothing is counted up and down for it.
  bool holds(const std::shared_ptr<const Catalog>& catalog) const { return catalog == current_; }
  /// Takes the new endpoints under the next epoch, or keeps the old ones and says why.
  Result<void> replace(std::vector<Endpoint> endpoints);

 private:
  std::shared_ptr<const Catalog> current_;
};

}  // namespace drover::catalog
