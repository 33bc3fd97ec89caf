#pragma once
// Asks planners over HTTP: one POST of JSON, one JSON answer. Which addresses an agent's planner
// may have is the operator's say: public ones, and the origins that the configuration lists, which
// may also get headers with secrets of the operator's own (agents never hold any).
//
// Sent: Idempotency-Key, Drover-Attempt, content-type. Errors: what the client says; a status of
// 429 or 5xx may be tried again, another one below 200 or above 299 may not; an answer that is no
// JSON has reason "invalid_plan". Limits: kPlanBytesMax. Owned by app; loop thread only.

#include <string>
#include <vector>

#include "http/client.h"
#include "session/planner.h"

namespace drover::session {

/// A planner's origin that the operator knows.
struct PlannerOrigin {
  std::string origin;                          // "http://127.0.0.1:9000"
  std::map<std::string, std::string> headers;  // secrets resolved
};

/// The plan of an answer whose body is whole. Pure.
Result<Json> read_plan_answer(const http::ResponseHead& head, std::string_view body);

class HttpPlanner final : public PlannerClient {
 public:
  explicit HttpPlanner(http::Client* client) : client_(client) {}
  void set_origins(std::vector<PlannerOrigin> origins) { origins_ = std::move(origins); }
  async::Task<Result<Json>> ask(async::Context ctx, PlannerQuestion question) override;

 private:
  Result<http::ClientRequest> make_request(const PlannerQuestion& question) const;
  http::Client* client_;
  std::vector<PlannerOrigin> origins_;
};

}  // namespace drover::session
