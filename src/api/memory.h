#pragma once
// Memory over HTTP: the records that agents read and write, for people and programs of the same
// tenant. Namespace and key are percent-encoded in the path.
//
//   GET    /v1/memory/{namespace}[?prefix=&after=&limit=]   records in key order
//   GET    /v1/memory/{namespace}/{key}
//   PUT    /v1/memory/{namespace}/{key}    {"text", "value", "data_class", "expected_version"}; or
//                                          If-Match: 3
//   DELETE /v1/memory/{namespace}/{key}
//   POST   /v1/memory/{namespace}/search   {"query", "limit"}   best first, with "score"
//
// A version that is not the stored one is answered with 409 (0 means: there must be none yet).

#include <functional>

#include "api/router.h"
#include "memory/memory.h"

namespace drover::api {

struct MemoryServices {
  memory::Memory* memory = nullptr;
  /// As SessionServices::check_data: what a caller states of his data. Absent: as it stands.
  std::function<Task<Result<std::string>>(Context ctx, TenantId tenant, std::string data_class)>
      check_data;
};

void add_memory_routes(Router& router, MemoryServices services);

}  // namespace drover::api
