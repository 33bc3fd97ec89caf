#include "session/http_planner.h"

#include "base/limits/session.h"

namespace drover::session {
namespace {

Failure not_json() {
  return Failure(Error(Code::kInvalidArgument, "the planner's answer is not JSON")
                     .with_reason("invalid_plan"));
}

/// What a status means for another attempt.
Result<void> check_status(const http::ResponseHead& head) {
  if (head.is_success()) return {};
  std::string message = "the planner answered with status " + std::to_string(head.status);
  if (head.status == 429 || head.status >= 500) {
    return fail(Code::kUnavailable, std::move(message), Retry::kSameTarget);
  }
  return fail(Code::kFailedPrecondition, std::move(message));
}

}  // namespace

Result<Json> read_plan_answer(const http::ResponseHead& head, std::string_view body) {
  TRY_VOID(check_status(head));
  auto parsed = Json::parse(body);
  if (!parsed || !parsed->is_object()) return not_json();
  return std::move(*parsed);
}

Result<http::ClientRequest> HttpPlanner::make_request(const PlannerQuestion& question) const {
  http::ClientRequest request;
  TRY(request.url, http::Url::parse(question.planner.url));
  request.headers.set("content-type", "application/json");
  request.headers.set("accept", "application/json");
  request.headers.set("idempotency-key", question.idempotency_key);
  request.headers.set("drover-attempt", std::to_string(question.attempt));
  for (const auto& [name, value] : question.planner.headers) request.headers.set(name, value);
  for (const PlannerOrigin& known : origins_) {
    auto origin = http::Url::parse(known.origin);
    if (!origin || origin->origin() != request.url.origin()) continue;
    request.policy.allow_private = true;
    for (const auto& [name, value] : known.headers) request.headers.set(name, value);
  }
  request.body = question.body.dump();
  request.headers_timeout = question.planner.timeout;
  return request;
}

async::Task<Result<Json>> HttpPlanner::ask(async::Context ctx, PlannerQuestion question) {
  CO_TRY(http::ClientRequest request, make_request(question));
  CO_TRY(auto response, co_await client_->send(ctx, request));
  CO_TRY_VOID(check_status(response->head()));
  CO_TRY(std::string body, co_await response->read_all(ctx, limits::kPlanBytesMax));
  co_return read_plan_answer(response->head(), body);
}

}  // namespace drover::session
