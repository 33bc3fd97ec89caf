#pragma once
// What is held of each attested endpoint's evidence, over HTTP.
//
//   GET /v1/attestation     one item an endpoint: kind, verdict, why, age_s, max_age_s, expires, …
//
// For those who may call models, as placement is: without fresh evidence an endpoint does not exist
// for a call that needs it, and here stands why. Loop thread only.

#include <functional>

#include "api/router.h"

namespace drover::api {

struct AttestationServices {
  std::function<Json()> report;  // an array
};

void add_attestation_routes(Router& router, AttestationServices services);

}  // namespace drover::api
