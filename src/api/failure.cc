#include "api/failure.h"

#include <algorithm>

namespace drover::api {
namespace {

/// Of an answer that did not come nothing much follows.
constexpr uint64_t kLookedAt = 200;

}  // namespace

Task<Result<Json>> failure_of(Context ctx, const identity::Principal& who,
                              session::SessionManager& sessions, const session::State& state) {
  const bool model = state.reason == "model" && state.model_call && state.model_call->failed;
  const bool plan = state.reason == "planner" && state.plan && state.plan->failed;
  if (state.status != session::Status::kWaiting || (!model && !plan)) co_return Json();
  const uint64_t asked = model ? state.model_call->sequence : state.plan->sequence;
  const std::string_view kind = model ? contract::kind::kModelResult : contract::kind::kPlan;
  const uint64_t late = state.last_sequence > kLookedAt ? state.last_sequence - kLookedAt + 1 : 1;
  const uint64_t from = std::max(asked, late);
  CO_TRY(auto events,
         co_await sessions.events(ctx, who, state.id, from, static_cast<size_t>(kLookedAt)));
  Json out;
  for (const contract::Event& event : events) {
    if (event.kind != kind || event.causation != asked || event.payload.empty()) continue;
    CO_TRY(Json payload, Json::parse(event.payload));
    const Json* error = payload.find("error");
    if (error == nullptr) continue;
    out = Json::object().set("of", model ? "model" : "planner").set("sequence", event.sequence);
    out.set("error", *error);
  }
  co_return out;
}

}  // namespace drover::api
