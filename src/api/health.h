#pragma once
// /healthz (the process is alive), /readyz (it takes work; 503 while it drains), /metrics
// (Prometheus text; needs an admin key of the default tenant, since it tells of every tenant).

#include <functional>
#include <string>

#include "api/router.h"

namespace drover::api {

struct HealthServices {
  std::function<bool()> draining;
  std::function<std::string()> metrics;
};

void add_health_routes(Router& router, HealthServices services);

}  // namespace drover::api
