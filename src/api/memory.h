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
  /// What a caller states of his data, as text with names resolved. Absent: as it stands.
  std::function<Result<std::string>(std::string_view data_class)> resolve;
  /// Whether the store that a record goes to ("": the only one) may hold it. Absent: it may.
  std::function<Task<Result<void>>(Context ctx, TenantId tenant, std::string store,
                                   std::string data_class)>
      may_hold;
};

void add_memory_routes(Router& router, MemoryServices services);

}  // namespace drover::api
