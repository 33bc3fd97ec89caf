#include "world/client.h"

#include "world/world.h"

namespace drover::world {

using contract::Message;
using contract::Role;
namespace kind = contract::kind;

bool try_again(const Error& error) {
  return error.code == Code::kUnavailable || error.code == Code::kDeadlineExceeded ||
         error.code == Code::kResourceExhausted || error.code == Code::kAborted ||
         error.code == Code::kAlreadyExists || error.code == Code::kCancelled;
}

Client::Client(World& world)
    : world_(world), who_(identity::Principal::system(TenantId("ten_world"))) {}

Node* Client::serving() { return world_.serving(); }

uint64_t Client::next_number() { return world_.next_number(); }

Task<Result<SessionId>> Client::create(Context ctx, session::AgentSpec agent,
                                       std::string message) {
  session::NewSession spec;
  spec.agent = std::move(agent);
  spec.message = Message::of_text(Role::kUser, std::move(message));
  identity::Principal who = who_;
  NodeCall<SessionId> fn = [who, spec](Context c, session::SessionManager& m) {
    return m.create(c, who, spec);
  };
  for (;;) {
    auto made = co_await call<SessionId>(ctx, fn);
    if (made) {
      world_.book().promised(*made, 1, kind::kSessionStarted);
      co_return made;
    }
    if (ctx.cancelled() || !try_again(made.error())) co_return made;
    CO_TRY_VOID(co_await async::sleep_for(ctx, 500ms));
  }
}

Task<Result<bool>> Client::holds(Context ctx, SessionId id, std::string text) {
  uint64_t from = 1;
  for (;;) {
    identity::Principal who = who_;
    NodeCall<std::vector<contract::Event>> fn = [who, id, from](Context c,
                                                                session::SessionManager& m) {
      return m.events(c, who, id, from, 200);
    };
    auto events = co_await call<std::vector<contract::Event>>(ctx, fn);
    if (!events) {
      if (ctx.cancelled() || !try_again(events.error())) co_return fail(events.error());
      CO_TRY_VOID(co_await async::sleep_for(ctx, 300ms));
      continue;
    }
    for (const contract::Event& event : *events) {
      bool there = event.kind == kind::kObservation &&
                   event.payload.find("\"" + text + "\"") != std::string::npos;
      if (there) co_return true;
    }
    if (events->size() < 200) co_return false;
    from += events->size();
  }
}

Task<Result<void>> Client::post(Context ctx, SessionId id, std::string text) {
  identity::Principal who = who_;
  NodeCall<uint64_t> fn = [who, id, text](Context c, session::SessionManager& m) {
    return m.post_message(c, who, id, Message::of_text(Role::kUser, text));
  };
  for (;;) {
    auto sequence = co_await call<uint64_t>(ctx, fn);
    if (sequence) {
      world_.verdict().note("user: {} took '{}' as event {}", id.str(), text, *sequence);
      world_.book().promised(id, *sequence, kind::kObservation);
      co_return Result<void>();
    }
    if (ctx.cancelled() || !try_again(sequence.error())) co_return fail(sequence.error());
    CO_TRY(bool there, co_await holds(ctx, id, text));
    if (there) co_return Result<void>();
    CO_TRY_VOID(co_await async::sleep_for(ctx, 300ms));
  }
}

Task<Result<void>> Client::cancel(Context ctx, SessionId id) {
  identity::Principal who = who_;
  NodeCall<uint64_t> fn = [who, id](Context c, session::SessionManager& m) {
    return m.cancel(c, who, id, "the user has changed his mind");
  };
  for (;;) {
    auto sequence = co_await call<uint64_t>(ctx, fn);
    if (sequence) {
      world_.book().promised(id, *sequence, kind::kSessionEnded);
      co_return Result<void>();
    }
    // Ended already, perhaps by our own cancel whose answer was lost.
    if (sequence.error().code == Code::kFailedPrecondition) co_return Result<void>();
    if (ctx.cancelled() || !try_again(sequence.error())) co_return fail(sequence.error());
    CO_TRY_VOID(co_await async::sleep_for(ctx, 300ms));
  }
}

Task<Result<Client::Rest>> Client::rest(Context ctx, SessionId id) {
  identity::Principal who = who_;
  for (;;) {
    NodeCall<store::SessionRow> find = [who, id](Context c, session::SessionManager& m) {
      return m.find(c, who, id);
    };
    auto row = co_await call<store::SessionRow>(ctx, find);
    if (row && row->status != "running" && row->last_sequence == followed_) {
      Rest rest;
      rest.status = row->status;
      rest.model_failed = row->status == "waiting" && model_failed_;
      rest.last_kind = last_kind_;
      co_return rest;
    }
    if (!row && (ctx.cancelled() || !try_again(row.error()))) co_return fail(row.error());
    uint64_t from = followed_ + 1;
    NodeCall<std::vector<contract::Event>> follow = [who, id, from](Context c,
                                                                    session::SessionManager& m) {
      Context bounded = c.with_timeout(kClientTimeout / 2);
      return m.follow(bounded, who, id, from, 50);
    };
    auto events = co_await call<std::vector<contract::Event>>(ctx, follow);
    if (!events) {
      if (ctx.cancelled() || !try_again(events.error())) co_return fail(events.error());
      CO_TRY_VOID(co_await async::sleep_for(ctx, 200ms));
      continue;
    }
    for (const contract::Event& event : *events) {
      if (event.sequence != followed_ + 1) {
        world_.verdict().fail("followers", fmt::format("a follower of {} got event {} after {}",
                                                       id.str(), event.sequence, followed_));
      }
      followed_ = event.sequence;
      last_kind_ = event.kind;
      model_failed_ = event.kind == kind::kModelResult &&
                      event.payload.find("\"error\":{") != std::string::npos;
    }
  }
}

Task<Result<Client::Rest>> Client::settle(Context ctx, SessionId id) {
  for (int again = 1;; ++again) {
    CO_TRY(Rest rest, co_await this->rest(ctx, id));
    rest.again = again - 1;
    if (!rest.model_failed) co_return rest;
    CO_TRY_VOID(co_await async::sleep_for(ctx, 1s));
    std::string text = fmt::format("#again{} do fast say", again);
    auto posted = co_await post(ctx, id, std::move(text));
    if (!posted && posted.error().code != Code::kFailedPrecondition) {
      co_return fail(posted.error());
    }
  }
}

}  // namespace drover::world
