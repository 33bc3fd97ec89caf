#pragma once
// Memory over HTTP: the records that agents read and write, for people and programs of the same
// tenant. Namespace and key are percent-encoded in the path.
//
//   GET    /v1/memory/{namespace}[?prefix=&after=&limit=]   records in key order
//   GET    /v1/memory/{namespace}/{key}
//   PUT    /v1/memory/{namespace}/{key}    {"text", "value", "expected_version"}; or If-Match: 3
//   DELETE /v1/memory/{namespace}/{key}
//   POST   /v1/memory/{namespace}/search   {"query", "limit"}   best first, with "score"
//
// A version that is not the stored one is answered with 409 (0 means: there must be none yet).

#include "api/router.h"
#include "memory/memory.h"

namespace drover::api {

struct MemoryServices {
  memory::Memory* memory = nullptr;
};

void add_memory_routes(Router& router, MemoryServices services);

}  // namespace drover::api
