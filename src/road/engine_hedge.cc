// The road's attempts that run side by side, and those that go on where another broke off.

#include "road/engine.h"

namespace drover::road {

Task<void> Engine::run_lane(Flight* flight, Race* race, Lane* lane) {
  lane->began = parts_.loop->mono();
  Context base = lane->cancel.context();
  Target target;
  target.endpoint = lane->endpoint;
  target.provider = lane->provider;
  target.number = lane->number;
  target.sink = lane;
  trace::Span span;
  begin_attempt(*flight, target, span);
  co_await stages_.ask.enter(*parts_.loop);
  Task<AttemptResult> asked = ask(*flight, target, base, span);
  AttemptResult answer = co_await std::move(asked);
  co_await stages_.settle.enter(*parts_.loop);
  end_attempt(*flight, target, answer, span);
  lane->result = std::move(answer);
  // An answer without anything visible is one all the same.
  if (*lane->result && race->winner == nullptr) {
    Result<void> taken = co_await lane->win(base);
    (void)taken;
  }
  lane->done = true;
  race->changed.wake_all();
}

Task<void> Engine::race(Flight* flight, Trial* trial, Tries* tries, GateSink* gate) {
  Race race;
  Context parent = flight->cancel.context();
  Lane first(race, *gate, parent, *trial->endpoint, *trial->provider, tries->attempts());
  std::optional<Lane> second;
  async::Scope scope(parent);
  scope.spawn(run_lane(flight, &race, &first));
  Context patience = parent.with_timeout(hedge_after(*flight));
  while (!first.done && race.winner == nullptr) {
    async::Wake wake = co_await race.changed.wait(patience);
    if (wake != async::Wake::kWoken) break;
  }
  // Beside it only by the rules that it was placed by.
  bool waiting = !first.done && race.winner == nullptr && !flight->left && !parent.cancelled() &&
                 !outdated(*flight);
  const catalog::Endpoint* other = waiting ? tries->hedge(parts_.loop->mono()) : nullptr;
  providers::Provider* others = other ? parts_.providers->find(other->provider) : nullptr;
  Room* beside = others == nullptr
                     ? nullptr
                     : admission_.take_beside(flight->seat, *flight->placement.catalog, *other,
                                              parts_.loop->mono());
  Hold second_hold;
  // A budget that would have to be waited for is no budget for a hedge.
  Result<bool> held =
      beside == nullptr ? Result<bool>(false) : reserve(*flight, *other, second_hold);
  if (held && *held) {
    admission_metrics_.hedged();
    Json event = Json::object();
    event.set("from", trial->endpoint->id).set("to", other->id);
    flight->span.event("drover.hedge", std::move(event));
    second.emplace(race, *gate, parent, *other, *others, tries->attempts());
    scope.spawn(run_lane(flight, &race, &*second));
  }
  while (race.winner == nullptr && !(first.done && (!second || second->done))) {
    async::Wake wake = co_await race.changed.wait(parent);
    if (wake != async::Wake::kWoken) break;
  }
  Lane* kept = race.winner == nullptr ? &first : race.winner;
  Lane* lost = !second ? nullptr : kept == &first ? &*second : &first;
  if (lost != nullptr) lost->cancel.cancel("another endpoint was faster");
  co_await scope.join();
  MonoTime now = parts_.loop->mono();
  if (kept != &first) {
    std::swap(trial->hold, second_hold);
    std::swap(flight->seat.room, beside);
    flight->seat.endpoint = kept->endpoint;
  }
  Duration took = lost == nullptr ? Duration::zero() : now - lost->began;
  admission_.put_beside(beside, flight->seat, took, now);
  if (lost != nullptr) {
    Money before = flight->failed_cost;
    book_loser(*flight, *lost, second_hold);
    admission_metrics_.hedge_over(kept != &first, flight->failed_cost - before);
  }
  tries->went_on(kept->endpoint);
  trial->answer = std::move(*kept->result);
  trial->endpoint = kept->endpoint;
  trial->provider = kept->provider;
  trial->began = kept->began;
  trial->number = kept->number;
}

void Engine::book_loser(Flight& flight, Lane& lane, Hold& hold) {
  providers::AttemptError error;
  if (*lane.result) {
    error.error = Error(Code::kCancelled, "another endpoint was faster").with_reason("hedged");
    error.usage = (*lane.result)->response.usage;
    error.visible = (*lane.result)->visible;
    error.said = (*lane.result)->said;
    error.billable = true;
  } else {
    error = std::move(lane.result->error());
  }
  if (error.error.code == Code::kCancelled) {
    error.error.reason = "hedged";
    // It was ended while it had just begun to answer: what it said is what there was.
    error.body_bytes = error.body_bytes.value_or(0);
  }
  AttemptRecord& record = flight.attempts.add();
  record.endpoint = lane.endpoint;
  record.catalog = flight.placement.catalog;
  record.attempt = flight.tried_before + lane.number;
  record.took = parts_.loop->mono() - lane.began;
  record.error = error.error;
  on_attempt_failed(flight, *lane.endpoint, error, hold);
}

bool Engine::can_go_on(Flight& flight, const Error& error) {
  if (!flight.call.continue_cut || error.retry == Retry::kNever) return false;
  Result<providers::Prompt> rest = continue_prompt(flight.call.prompt, *flight.said);
  if (!rest) return false;
  flight.broke_off = std::make_unique<BrokeOff>(BrokeOff{std::move(*rest), error});
  return true;
}

}  // namespace drover::road
