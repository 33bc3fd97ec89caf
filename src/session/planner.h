#pragma once
// Planners behind an HTTP endpoint: the state goes out as contract events, the next effects come
// back (contract/README.md, "Planners"). The client is handed in; asking is an effect with attempts
// and an idempotency key like any other. Loop thread only.

#include <cstdint>
#include <string>

#include "async/context.h"
#include "async/task.h"
#include "session/agent.h"

namespace drover::session {

struct PlannerQuestion {
  PlannerSpec planner;
  Json body;
  std::string idempotency_key;
  uint32_t attempt = 1;
};

class PlannerClient {
 public:
  virtual ~PlannerClient() = default;
  /// The answer's JSON, unchecked. Errors have a retry class: what another attempt may mend.
  virtual async::Task<Result<Json>> ask(async::Context ctx, PlannerQuestion question) = 0;
};

}  // namespace drover::session
