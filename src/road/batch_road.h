#pragma once
// The road of sessions, whose slow calls may go in batches (batches.h). A session's model call goes
// so if its agent says that it may wait (`batch: {within: 24h}`, with `service_class: slow`), its
// deadline leaves that time, it has not been in a batch before, and some endpoint that the rules
// allow for its data takes batches:
//
//   facts: {batch: true}, a price for the tier "batches", and a provider that has them.
//
// A batch's files lie at the provider until its answers are taken, whatever its facts say of calls
// that are answered at once: data with any limit of retention never goes so, nor does what needs
// evidence of its endpoint.
//
// A call that lies in a batch comes back as a failure with the reason kBatched, whose retry_after
// is the longest that it may take; once it is over, the same call (by its key) has the answer, or
// goes the ordinary way where the batch had none for it.

#include <memory>

#include "road/road.h"

namespace drover::road {

class Batches;

/// Whether no rule of now keeps the tenant's data of that class from the endpoint: for
/// BatchesParts::allowed. Both outlive the task.
Task<bool> rules_leave(Context ctx, Road* road, const catalog::CatalogHolder* catalog,
                       std::string endpoint, std::string tenant, std::string data_class);

struct BatchRoadParts {
  async::Loop* loop = nullptr;
  Random* random = nullptr;  // for spans
  catalog::CatalogHolder* catalog = nullptr;
  Batches* batches = nullptr;
  trace::SpanSink* spans = nullptr;  // may be null
};

/// `inner`, to be configured and closed by itself, and all that the parts point to outlive it.
std::unique_ptr<Road> make_batch_road(Road& inner, BatchRoadParts parts);

}  // namespace drover::road
