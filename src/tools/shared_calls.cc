#include "tools/shared_calls.h"

#include <utility>

namespace drover::tools {

void SharedCalls::drop(const std::string& key, const FlightPtr& flight) {
  auto it = flights_.find(key);
  if (it != flights_.end() && it->second == flight) flights_.erase(it);
}

Task<void> SharedCalls::run(SharedCalls* self, Context ctx, FlightPtr flight, std::string key,
                            ToolInvocation invocation, CallWork work) {
  invocation.report = &flight->report;
  Task<Result<ToolOutcome>> task = work(ctx, std::move(invocation));
  auto outcome = co_await std::move(task);
  // Whoever comes from now on asks anew: an answer is shared, not kept.
  self->drop(key, flight);
  flight->answer.set(std::move(outcome));
}

Task<Result<ToolOutcome>> SharedCalls::call(Context ctx, std::string key, ToolInvocation invocation,
                                            CallWork work) {
  if (scope_ == nullptr) scope_ = std::make_unique<async::Scope>(ctx.detached());
  CallReport* report = invocation.report;
  auto it = flights_.find(key);
  const bool joins = it != flights_.end();
  FlightPtr flight;
  if (joins) {
    flight = it->second;
    ++flight->waiting;
  } else {
    flight = std::make_shared<Flight>(scope_->context());
    ++flight->waiting;
    flights_[key] = flight;
    // No deadline of the first one's: who joins may have longer. It ends with its last waiter.
    Context below = flight->source.context().with_span(ctx.span());
    scope_->spawn(run(this, below, flight, key, std::move(invocation), std::move(work)));
  }
  auto done = co_await flight->answer.wait(ctx);
  if (--flight->waiting == 0 && !flight->answer.ready()) {
    drop(key, flight);
    flight->source.cancel("nobody waits for the call any more");
  }
  if (report != nullptr) {
    *report = flight->report;
    report->coalesced = joins;
    if (joins) report->waited = Duration::zero();
  }
  if (!done) co_return fail(std::move(done).error());
  co_return flight->answer.peek();
}

Task<void> SharedCalls::stop() {
  if (scope_ == nullptr) co_return;
  scope_->cancel("the tool server is let go");
  co_await scope_->join();
}

}  // namespace drover::tools
