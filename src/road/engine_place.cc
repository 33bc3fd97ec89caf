// Where a call may go: what takes time is decided before it is placed, and whoever found no place
// is told why.

#include "road/engine.h"
#include "road/external.h"
#include "trace/genai.h"

namespace drover::road {

Task<void> Engine::ask_outside(Context ctx, std::string tenant, contract::DataClass data_class) {
  policy::Ask ask = placer_.ask(tenant, data_class);
  auto decided = co_await decide_ahead(ctx, std::move(ask), ScratchAt());
  (void)decided;  // whoever left asks nothing more
}

bool Engine::decided(const policy::Ask& ask, const ScratchAt& scratch) {
  return outside_knows(ask, scratch) && deciding_.ready(ask);
}

bool Engine::outside_knows(const policy::Ask& ask, const ScratchAt& scratch) {
  if (parts_.external == nullptr || !parts_.external->active()) return true;
  if (!parts_.external->prepared(ask, {})) return false;
  if (!placer_.scratch().any()) return true;
  // Others ask about this server's own store.
  return parts_.external->prepared(placer_.scratch().about(ask, scratch),
                                   placer_.scratch().things());
}

std::optional<Task<Result<void>>> Engine::decide(const Flight& flight) {
  const bool outside = parts_.external != nullptr && parts_.external->active();
  if (!outside && !placer_.decisions().slow()) return std::nullopt;
  policy::Ask ask = placer_.ask(flight.call.principal->tenant.str(), *flight.call.data_class);
  ScratchAt scratch = *flight.call.scratch;
  if (decided(ask, scratch)) return std::nullopt;
  return decide_ahead(flight.caller, std::move(ask), std::move(scratch));
}

Task<Result<void>> Engine::decide_ahead(Context ctx, policy::Ask ask, ScratchAt scratch) {
  if (parts_.external != nullptr && !parts_.external->prepared(ask, {})) {
    policy::Ask outside = ask;
    co_await parts_.external->prepare(ctx, std::move(outside), placer_.things());
  }
  policy::Ask stores = placer_.scratch().about(ask, scratch);
  if (parts_.external != nullptr && parts_.external->active() && placer_.scratch().any()) {
    std::vector<const policy::Thing*> asked = placer_.scratch().things();
    if (!parts_.external->prepared(stores, asked)) {
      co_await parts_.external->prepare(ctx, std::move(stores), std::move(asked));
    }
  }
  co_return co_await deciding_.prepare(ctx, std::move(ask));
}

void Engine::look_at_queues() {
  admission_.take_changes([this](const Room& room) { placer_.queued(room.name(), room.wait_s()); });
}

Result<void> Engine::place(Flight& flight) {
  const ModelCall& call = flight.call;
  // Once: a further round stays on the rung that the call began on.
  if (call.downgrade != nullptr && !flight.standing) descend(flight);
  std::optional<ServiceClass> stated = call.service_class;
  if (!stated && !call.prompt.service_tier().empty()) {
    stated = class_of_tier(call.prompt.service_tier());
  }
  ServiceClass wanted = admission_.settings().class_of(stated, call.principal->tenant.str(),
                                                       call.principal->key.str());
  flight.stated = stated.has_value();
  flight.seat.fast = wanted == ServiceClass::kFast;
  flight.seat.path = wanted == ServiceClass::kSlow ? wanted : ServiceClass::kFast;
  TRY_VOID(place_as(flight, flight.seat.path));
  if (wanted != ServiceClass::kAuto) return {};
  flight.seat.path = admission_.path_of(wanted, flight.placement, parts_.loop->mono());
  if (flight.seat.path == ServiceClass::kFast) return {};
  return place_as(flight, flight.seat.path);
}

const policy::Ask& Engine::ask_of(Flight& flight) {
  ModelCall& call = flight.call;
  return placer_.ask_of(call.principal->tenant.str(), call.data_class, call.needs, call.prompt);
}

Result<void> Engine::place_as(Flight& flight, ServiceClass path) {
  const ModelCall& call = flight.call;
  const policy::Ask& ask = ask_of(flight);
  PlaceQuestion question{call.ladder, ask, call.preference};
  question.session = call.party->session;
  question.path = path;
  question.reasons = call.reasons;
  question.size = size_of(call);
  if (flight.standing) question.hardware = &*flight.hardware;
  if (call.scratch) question.scratch = &*call.scratch;
  look_at_queues();
  placer_.place(question, flight);
  flight.barred = false;
  if (call.reasons) describe_placement(flight.span, flight.placement);
  if (flight.placement.endpoints.empty()) return fail(placer_.refusal(question));
  flight.bound = !ask.data.unrestricted();
  if (flight.bound) flight.span.set("drover.data_class", ask.data.text());
  const std::string& needs = flight.placement.notes->needs;
  if (!needs.empty()) flight.span.set(trace::own::kNeeds, needs);
  return {};
}

std::optional<ModelResult> Engine::find_place(Flight& flight) {
  Result<void> placed = place(flight);
  if (!placed) return refuse(flight, std::move(placed).error());
  return std::nullopt;
}

/// All that may see the data have failed: the others were not asked, and here is why.
void Engine::tell_bounds(const Flight& flight, Error& error) {
  const ModelCall& call = flight.call;
  policy::Ask ask = placer_.ask(call.principal->tenant.str(), *call.data_class);
  PlaceQuestion question{call.ladder, ask, call.preference};
  std::string text;
  size_t kept_out = 0;
  constexpr size_t kShown = 4;
  for (const Rejection& r : placer_.explain(question).rejected) {
    if (r.rule.empty() || ++kept_out > kShown) continue;
    text += (text.empty() ? "" : "; ") + r.endpoint + " -> " + r.rule + ": " + r.reason;
  }
  if (kept_out == 0) return;
  if (kept_out > kShown) text += "; and " + std::to_string(kept_out - kShown) + " more";
  error.message += " (not asked, for the data may not go there: " + text + ")";
}

}  // namespace drover::road
