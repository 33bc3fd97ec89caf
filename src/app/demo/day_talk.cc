// A talk of the day: one person and one session, on either side.

#include "app/demo/day.h"

namespace drover::app {
namespace {

/// An unlucky answer waits for a few retries; nobody waits longer.
constexpr Duration kTurnTimeout = 60s;

}  // namespace

Task<TalkOutcome> Day::converse(Context ctx, Talk talk) {
  naive_talks_->spawn(play_naive(naive_talks_->context(), talk));
  Side* side = &real_;
  co_return co_await play(ctx, side, std::move(talk));
}

Task<void> Day::play_naive(Context ctx, Talk talk) {
  Side* side = &naive_;
  auto outcome = co_await play(ctx, side, std::move(talk));
}

Task<TalkOutcome> Day::play(Context ctx, Side* side, Talk talk) {
  TalkOutcome out;
  ++side->talks;
  ++side->running;
  session::NewSession spec;
  spec.agent = side->agents[talk.agent];
  spec.labels.set("act", talk.act);
  spec.labels.set("user", talk.user);
  auto made = co_await side->runtime->sessions().create(ctx, who_, std::move(spec));
  if (made) {
    out.session = *made;
    side->acts[*made] = talk.act;
    session::State state;
    state.id = *made;
    for (size_t i = 0; i < talk.turns.size(); ++i) {
      if (i > 0) {
        auto slept = co_await async::sleep_for(ctx, talk.think);
        if (!slept) break;
      }
      auto answered = co_await ask(ctx, side, *made, &state, talk.turns[i]);
      if (answered && *answered) {
        ++out.answered;
        continue;
      }
      out.lost = true;
      out.why = answered ? "the call failed" : answered.error().to_string();
      break;
    }
  } else {
    out.lost = true;
    out.why = made.error().to_string();
  }
  if (out.lost) {
    ++side->lost;
    if (!side->naive) progress_.note("lost: " + talk.user + ": " + out.why);
    // The naive program has nothing to go on with: its conversation ends here.
    if (side->naive && made) {
      co_await side->runtime->sessions().cancel(ctx, who_, out.session, "its program gave up");
    }
  }
  side->answered += out.answered;
  --side->running;
  co_return out;
}

/// Whether there was an answer.
Task<Result<bool>> Day::ask(Context ctx, Side* side, SessionId id, session::State* state,
                            std::string text) {
  Context turn = ctx.with_timeout(kTurnTimeout);
  session::SessionManager& sessions = side->runtime->sessions();
  contract::Message message = contract::Message::of_text(contract::Role::kUser, std::move(text));
  CO_TRY(uint64_t posted, co_await sessions.post_message(turn, who_, id, std::move(message)));
  for (;;) {
    CO_TRY(auto events, co_await sessions.follow(turn, who_, id, state->last_sequence + 1, 256));
    for (const contract::Event& event : events) {
      CO_TRY_VOID(session::fold(*state, event));
      if (event.kind != contract::kind::kModelResult) continue;
      ++side->steps;
      auto payload = Json::parse(event.payload);
      bool failed = payload && payload->find("error") != nullptr;
      // Drover tries again by itself; a naive program shows its user the error.
      if (failed && side->naive) co_return false;
    }
    if (state->status == session::Status::kEnded) co_return state->reason == "completed";
    if (events.empty()) co_return false;
    bool waits = state->status == session::Status::kWaiting && state->reason == "message";
    if (state->last_sequence <= posted || !waits || state->model_due) continue;
    if (!state->messages.empty() && state->messages.back().role == contract::Role::kAssistant) {
      // With end_after_answer the end follows at once, and nobody waits for it.
      if (!state->agent.end_after_answer) co_return true;
    }
  }
}

}  // namespace drover::app
