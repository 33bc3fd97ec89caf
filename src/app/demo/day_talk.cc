// A talk of the day: one person and one session, on either side.

#include "app/demo/day.h"

namespace drover::app {
namespace {

/// An unlucky answer waits for a few retries; nobody waits longer.
constexpr Duration kDayTurnTimeout = 60s;
/// Nobody is inside the runtime for longer, so that it can be replaced.
constexpr Duration kFollowSlice = 100ms;

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

Task<Result<Day::Visit>> Day::enter(Context ctx, Side* side) {
  while (side->restarting) CO_TRY_VOID(co_await async::sleep_for(ctx, 1ms));
  co_return Visit(side->inside);
}

Task<Result<Day::Visit>> Day::visit(Context ctx) {
  Side* side = &real_;
  co_return co_await enter(ctx, side);
}

Task<Result<SessionId>> Day::make(Context ctx, Side* side, const Talk* talk, bool speak) {
  CO_TRY(auto inside, co_await enter(ctx, side));
  session::NewSession spec;
  spec.agent = side->agents[talk->agent];
  spec.labels.set("act", talk->act);
  spec.labels.set("user", talk->user);
  if (speak) {
    spec.message = contract::Message::of_text(contract::Role::kUser, talk->turns.front());
  }
  identity::Principal who = talk->tenant.empty() ? who_ : clinic_;
  CO_TRY(SessionId id, co_await side->runtime->sessions().create(ctx, who, std::move(spec)));
  side->acts[id] = talk->act;
  if (!talk->tenant.empty()) of_clinic_.insert(id);
  co_return id;
}

Task<Result<SessionId>> Day::begin(Context ctx, Talk talk) {
  Side* side = &real_;
  CO_TRY(SessionId id, co_await make(ctx, side, &talk, true));
  side->asides.insert(id);
  co_return id;
}

Task<Result<session::State>> Day::until_waiting(Context ctx, SessionId id, std::string what) {
  Side* side = &real_;
  Context patient = ctx.with_timeout(kDayTurnTimeout);
  for (;;) {
    {
      CO_TRY(auto inside, co_await enter(patient, side));
      CO_TRY(session::State state, co_await sessions().state(patient, who_of(id), id));
      bool there = state.status == session::Status::kEnded ||
                   (state.status == session::Status::kWaiting && state.reason == what);
      if (there) co_return state;
    }
    CO_TRY_VOID(co_await async::sleep_for(patient, 5ms));
  }
}

Task<Result<std::vector<store::SessionRow>>> Day::until_tree_stopped(Context ctx, SessionId root,
                                                                     std::string what) {
  Side* side = &real_;
  Context patient = ctx.with_timeout(kDayTurnTimeout);
  for (;;) {
    {
      CO_TRY(auto inside, co_await enter(patient, side));
      store::SessionFilter tree;
      tree.root = root;
      CO_TRY(auto rows, co_await sessions().list(patient, who_of(root), std::move(tree)));
      bool works = false, there = false;
      for (const store::SessionRow& row : rows) {
        works = works || row.status == "running";
        there = there || row.waiting_for == what;
      }
      if (there && !works) co_return rows;
    }
    CO_TRY_VOID(co_await async::sleep_for(patient, 5ms));
  }
}

Task<Result<void>> Day::until_trusted(Context ctx, bool trusted) {
  Side* side = &real_;
  const std::string endpoint = enclave_->endpoint().id;
  Context patient = ctx.with_timeout(kDayTurnTimeout);
  for (;;) {
    {
      CO_TRY(auto inside, co_await enter(patient, side));
      if (side->runtime->evidence().reachable(endpoint) == trusted) co_return Result<void>();
    }
    CO_TRY_VOID(co_await async::sleep_for(patient, 5ms));
  }
}

Task<Result<void>> Day::say(Context ctx, SessionId id, std::string text, std::string data_class) {
  Side* side = &real_;
  CO_TRY(auto inside, co_await enter(ctx, side));
  contract::Message message = contract::Message::of_text(contract::Role::kUser, std::move(text));
  CO_TRY(uint64_t posted, co_await sessions().post_message(ctx, who_of(id), id, std::move(message),
                                                           std::move(data_class)));
  (void)posted;
  co_return Result<void>();
}

Task<Result<Json>> Day::last_payload(Context ctx, SessionId id, std::string_view kind) {
  Side* side = &real_;
  CO_TRY(auto inside, co_await enter(ctx, side));
  CO_TRY(auto events, co_await sessions().events(ctx, who_of(id), id, 1, 1000));
  Json out = Json::object();
  for (const contract::Event& event : events) {
    if (event.kind != kind) continue;
    CO_TRY(out, Json::parse(event.payload));
  }
  co_return out;
}

Task<TalkOutcome> Day::play(Context ctx, Side* side, Talk talk) {
  TalkOutcome out;
  ++side->talks;
  ++side->running;
  auto made = co_await make(ctx, side, &talk, false);
  if (made) {
    out.session = *made;
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

Task<Result<uint64_t>> Day::post(Context ctx, Side* side, SessionId id, std::string text) {
  CO_TRY(auto inside, co_await enter(ctx, side));
  contract::Message message = contract::Message::of_text(contract::Role::kUser, std::move(text));
  co_return co_await side->runtime->sessions().post_message(ctx, who_, id, std::move(message));
}

/// Nothing for a while: nullopt. A runtime that is replaced meanwhile changes nothing: the journal
/// is read on from where we were.
Task<Result<std::optional<std::vector<contract::Event>>>> Day::next_events(Context ctx, Side* side,
                                                                           SessionId id,
                                                                           uint64_t from) {
  CO_TRY(auto inside, co_await enter(ctx, side));
  Context slice = ctx.with_timeout(kFollowSlice);
  auto events = co_await side->runtime->sessions().follow(slice, who_, id, from, 256);
  std::optional<std::vector<contract::Event>> out;
  if (events) {
    out = std::move(*events);
    co_return out;
  }
  if (!ctx.check() || events.error().code != Code::kDeadlineExceeded) {
    co_return fail(std::move(events).error());
  }
  co_return out;
}

/// Whether there was an answer.
Task<Result<bool>> Day::ask(Context ctx, Side* side, SessionId id, session::State* state,
                            std::string text) {
  Context turn = ctx.with_timeout(kDayTurnTimeout);
  CO_TRY(uint64_t posted, co_await post(turn, side, id, std::move(text)));
  for (;;) {
    CO_TRY(auto events, co_await next_events(turn, side, id, state->last_sequence + 1));
    if (!events) continue;
    for (const contract::Event& event : *events) {
      CO_TRY_VOID(session::fold(*state, event));
      if (event.kind != contract::kind::kModelResult) continue;
      ++side->steps;
      auto payload = Json::parse(event.payload);
      bool failed = payload && payload->find("error") != nullptr;
      // Drover tries again by itself; a naive program shows its user the error.
      if (failed && side->naive) co_return false;
    }
    if (state->status == session::Status::kEnded) co_return state->reason == "completed";
    if (events->empty()) co_return false;
    bool waits = state->status == session::Status::kWaiting && state->reason == "message";
    if (state->last_sequence <= posted || !waits || state->model_due) continue;
    if (!state->messages.empty() && state->messages.back().role == contract::Role::kAssistant) {
      // With end_after_answer the end follows at once, and nobody waits for it.
      if (!state->agent.end_after_answer) co_return true;
    }
  }
}

}  // namespace drover::app
