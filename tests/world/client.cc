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

Client::Client(World& world) : Client(world, TenantId("ten_world")) {}

Client::Client(World& world, TenantId tenant)
    : world_(world), who_(identity::Principal::system(std::move(tenant))) {}

Node* Client::serving() { return world_.serving(); }

uint64_t Client::next_number() { return world_.next_number(); }

Task<Result<SessionId>> Client::create(Context ctx, session::AgentSpec agent, std::string message) {
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

Task<Result<void>> Client::signal(Context ctx, SessionId id, std::string name) {
  identity::Principal who = who_;
  NodeCall<uint64_t> fn = [who, id, name](Context c, session::SessionManager& m) {
    return m.signal(c, who, id, name, Json("word"));
  };
  CO_TRY(uint64_t sequence, co_await insist<uint64_t>(ctx, fn));
  world_.book().promised(id, sequence, kind::kSignal);
  co_return Result<void>();
}

Task<Result<session::State>> Client::state(Context ctx, SessionId id) {
  identity::Principal who = who_;
  NodeCall<session::State> fn = [who, id](Context c, session::SessionManager& m) {
    return m.state(c, who, id);
  };
  return insist<session::State>(ctx, fn);
}

Task<Result<void>> Client::move(Context ctx, SessionId id, session::AgentSpec to) {
  identity::Principal who = who_;
  NodeCall<uint64_t> fn = [who, id, to](Context c, session::SessionManager& m) {
    return m.move(c, who, id, to, "a better one");
  };
  CO_TRY(uint64_t sequence, co_await insist<uint64_t>(ctx, fn));
  world_.book().promised(id, sequence, kind::kAgentChanged);
  co_return Result<void>();
}

Task<Result<session::KillReport>> Client::kill(Context ctx, session::KillTarget target) {
  identity::Principal who = who_;
  NodeCall<session::KillReport> fn = [who, target](Context c, session::SessionManager& m) {
    return m.kill(c, who, target, "enough");
  };
  return insist<session::KillReport>(ctx, fn);
}

Task<Result<void>> Client::purge(Context ctx, SessionId id) {
  doing_ = "purges " + id.str();
  identity::Principal who = who_;
  NodeCall<session::Purged> purge = [who, id](Context c, session::SessionManager& m) {
    return m.purge(c, who, id, "asked for");
  };
  CO_TRY(session::Purged purged, co_await insist<session::Purged>(ctx, purge));
  world_.book().promised(id, purged.event.sequence, kind::kPurge);
  NodeCall<std::vector<contract::Event>> read = [who, id](Context c, session::SessionManager& m) {
    return m.events(c, who, id, 1, 100);
  };
  CO_TRY(auto left, co_await insist<std::vector<contract::Event>>(ctx, read));
  if (left.size() != 1 || left[0].id != purged.event.id) {
    world_.verdict().fail(
        "purges", fmt::format("{} was purged and has {} events to read", id.str(), left.size()));
  }
  auto state = co_await this->state(ctx, id);
  if (state || state.error().reason != "purged") {
    world_.verdict().fail("purges", id.str() + " was purged and has a state");
  }
  CO_TRY(purged, co_await insist<session::Purged>(ctx, purge));
  if (!purged.before) world_.verdict().fail("purges", id.str() + " was purged twice");
  co_return Result<void>();
}

Task<Result<Client::Rest>> Client::rest(Context ctx, SessionId id) {
  identity::Principal who = who_;
  for (;;) {
    NodeCall<store::SessionRow> find = [who, id](Context c, session::SessionManager& m) {
      return m.find(c, who, id);
    };
    auto row = co_await call<store::SessionRow>(ctx, find);
    bool moves = !row || row->status == "running" || row->waiting_for == "timer";
    if (!moves && row->last_sequence == followed_) {
      Rest rest;
      rest.status = row->status;
      rest.waiting_for = row->waiting_for;
      co_return rest;
    }
    if (!row && (ctx.cancelled() || !try_again(row.error()))) co_return fail(row.error());
    doing_ = fmt::format("follows {} from event {}: {}", id.str(), followed_ + 1,
                         row ? row->status + " " + row->waiting_for : row.error().to_string());
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
    }
  }
}

Task<Result<Client::Rest>> Client::settle(Context ctx, SessionId id, Random* random) {
  for (int round = 1;; ++round) {
    CO_TRY(Rest rest, co_await this->rest(ctx, id));
    rest.helped = round - 1;
    const std::string& what = rest.waiting_for;
    if (rest.status == "ended" || what == "message" || what == "limit") co_return rest;
    CO_TRY_VOID(co_await async::sleep_for(ctx, 1s));
    auto helped = co_await help(ctx, id, what, random, round);
    // It may have ended, or been helped by another, meanwhile.
    bool late = !helped && helped.error().code == Code::kFailedPrecondition;
    if (!helped && !late) co_return fail(helped.error());
  }
}

Task<Result<void>> Client::help(Context ctx, SessionId id, std::string waiting_for, Random* random,
                                int round) {
  doing_ = fmt::format("helps {} for the {}th time with {}", id.str(), round, waiting_for);
  if (waiting_for == "approval") co_return co_await help_approvals(ctx, id, random);
  if (waiting_for == "signal") co_return co_await help_signals(ctx, id);
  if (waiting_for == "budget") co_return co_await help_budget(ctx, id, random, round);
  if (waiting_for == "children") co_return co_await help_children(ctx, id, random, round);
  std::string text = fmt::format("#again{} do fast say", round);
  co_return co_await post(ctx, id, std::move(text));
}

Task<Result<void>> Client::help_approvals(Context ctx, SessionId id, Random* random) {
  CO_TRY(session::State now, co_await state(ctx, id));
  for (const session::Wait& wait : now.waits) {
    if (wait.what != "approval") continue;
    session::Resolution resolution;
    resolution.wait_id = session::wait_id(wait.sequence);
    uint64_t choice = random->below(3);
    resolution.outcome = choice == 0 ? "approved" : choice == 1 ? "edited" : "denied";
    if (choice == 1) resolution.arguments = R"({"edited":true})";
    identity::Principal who = who_;
    NodeCall<uint64_t> fn = [who, id, resolution](Context c, session::SessionManager& m) {
      return m.resolve(c, who, id, resolution);
    };
    auto answered = co_await insist<uint64_t>(ctx, fn);
    if (answered) world_.book().promised(id, *answered, kind::kWaitResolved);
    if (!answered && answered.error().code != Code::kFailedPrecondition) {
      co_return fail(answered.error());
    }
    auto again = co_await call<uint64_t>(ctx, fn);
    if (again) {
      world_.verdict().fail("approvals",
                            id.str() + " took a second answer to " + resolution.wait_id);
    }
  }
  co_return Result<void>();
}

Task<Result<void>> Client::help_children(Context ctx, SessionId parent, Random* random, int round) {
  store::SessionFilter filter;
  filter.parent = parent;
  filter.open = true;
  identity::Principal who = who_;
  NodeCall<std::vector<store::SessionRow>> fn =
      [who, filter](Context c, session::SessionManager& m) { return m.list(c, who, filter); };
  CO_TRY(auto rows, co_await insist<std::vector<store::SessionRow>>(ctx, fn));
  for (const store::SessionRow& row : rows) {
    if (row.status != "waiting" || row.waiting_for == "timer") continue;
    auto helped = co_await help(ctx, row.id, row.waiting_for, random, round);
    if (!helped && helped.error().code != Code::kFailedPrecondition) {
      co_return fail(helped.error());
    }
  }
  co_return co_await async::sleep_for(ctx, 2s);
}

Task<Result<void>> Client::help_signals(Context ctx, SessionId id) {
  CO_TRY(session::State now, co_await state(ctx, id));
  for (const session::Wait& wait : now.waits) {
    if (wait.what == "signal") CO_TRY_VOID(co_await signal(ctx, id, wait.name));
  }
  co_return Result<void>();
}

Task<Result<void>> Client::raise_tree(Context ctx, SessionId id, int64_t tokens) {
  session::ExtensionDecision decision;
  decision.budget = "tree";
  decision.steps = 20;
  decision.cost = Money::from_usd(1);
  decision.spawns = 5;
  decision.time = 1h;
  decision.tokens = tokens;
  auto raised = co_await decide(ctx, id, std::move(decision));
  // Ended already.
  if (!raised && raised.error().code == Code::kFailedPrecondition) co_return Result<void>();
  co_return raised;
}

Task<Result<void>> Client::decide(Context ctx, SessionId id, session::ExtensionDecision decision) {
  identity::Principal who = who_;
  NodeCall<uint64_t> fn = [who, id, decision](Context c, session::SessionManager& m) {
    return m.decide_extension(c, who, id, decision);
  };
  CO_TRY(uint64_t sequence, co_await insist<uint64_t>(ctx, fn));
  // A tree's is in its root's journal.
  if (decision.budget != "tree") {
    world_.book().promised(id, sequence, kind::kBudgetExtensionDecided);
  }
  co_return Result<void>();
}

/// Decides what is asked, and raises what ran out.
Task<Result<void>> Client::help_budget(Context ctx, SessionId id, Random* random, int round) {
  CO_TRY(session::State now, co_await state(ctx, id));
  session::ExtensionDecision decision;
  for (const session::Extension& e : now.extensions) {
    if (e.asked) decision.request_id = e.request_id;
  }
  if (!decision.request_id.empty()) {
    decision.granted = random->chance(0.7);
  } else {
    bool tree = now.over_budget && now.over_budget->scope == "tree";
    if (tree) co_return co_await raise_tree(ctx, id, 2'000 * round);
    if (now.over_budget && now.over_budget->scope == "subtask") {
      decision.budget = "subtask";
      if (!now.over_budget->limit_of.empty()) id = SessionId(now.over_budget->limit_of);
    }
    decision.time = 10min;
    decision.tokens = 2'000 * round;
  }
  co_return co_await decide(ctx, id, std::move(decision));
}

}  // namespace drover::world
