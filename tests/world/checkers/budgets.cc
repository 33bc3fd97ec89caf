// Budgets: what a tree has used and reserved together is never more than it may, a reservation is
// settled once, and in full where nobody heard the end of its attempt, the index counts what the
// journals say, and nobody waits in the end for a limit that was raised. A provider that bills more
// than was reserved is a fact, which a budget.exceeded event must tell.

#include <algorithm>
#include <map>

#include "session/tree.h"
#include "world/checkers/table.h"

namespace drover::world {
namespace {

namespace kind = contract::kind;

struct Amount {
  int64_t tokens = 0;
  Money cost;
  void add(const Amount& o) {
    tokens += o.tokens;
    cost += o.cost;
  }
  void take(const Amount& o) {
    tokens -= o.tokens;
    cost -= o.cost;
  }
};

Money money(const Json& payload, std::string_view key) {
  auto written = payload.get_string(key);
  if (!written) return Money();
  return Money::parse_usd(*written).value_or(Money());
}

Amount amount(const Json& payload) {
  Amount out;
  out.tokens = payload.get_int("tokens").value_or(0);
  out.cost = money(payload, "cost_usd");
  return out;
}

class BudgetsChecker final : public Checker {
 public:
  using Checker::Checker;

  void committed(const Seen& seen) override {
    const contract::Event& event = seen.event;
    if (event.kind == kind::kSessionStarted) return on_started(seen);
    Session& session = sessions_[event.session];
    Tree& tree = trees_[session.root];
    bool unasked = event.kind == kind::kPlan && event.causation == 0;
    if (event.kind == kind::kModelCall || event.kind == kind::kPlanRequested || unasked) {
      if (event.attempt > 1) return;
      ++session.steps;
      if (++tree.steps > tree.limits.steps) over(event, "steps", tree.steps, tree.limits.steps);
    } else if (event.kind == kind::kBudgetReserved) {
      on_reserved(seen, session, tree);
    } else if (event.kind == kind::kModelResult) {
      session.heard_attempt[event.causation] = event.attempt;
    } else if (event.kind == kind::kBudgetSettled) {
      on_settled(seen, session, tree);
    } else if (event.kind == kind::kChildSpawned) {
      ++session.spawns;
      ++session.open_children;
      // A spawn that is refused says so in the same commit.
      if (++tree.spawns > tree.limits.spawns) session.spawn_in_doubt = true;
      if (session.open_children > tree.limits.width) {
        over(event, "width", session.open_children, tree.limits.width);
      }
    } else if (event.kind == kind::kChildEnded) {
      --session.open_children;
      if (seen.payload.get_string("reason") == "refused") {
        --session.spawns;
        --tree.spawns;
        session.spawn_in_doubt = false;
      }
    } else if (event.kind == kind::kBudgetExtensionDecided) {
      on_decided(seen, tree);
    } else if (event.kind == kind::kBudgetExceeded) {
      session.refused_at = seen.payload.get_text("limit");
    }
  }

  void indexed(const store::SessionRow& row) override {
    const Session& session = sessions_[row.id];
    const Tree& tree = trees_[session.root];
    if (session.spawn_in_doubt) {
      verdict_.fail("budgets", fmt::format("{} has spawned more than its tree may ({} of {})",
                                           row.id.str(), tree.spawns, tree.limits.spawns));
    }
    if (row.spent.tokens != session.settled.tokens || row.spent.cost != session.settled.cost) {
      verdict_.fail("books", fmt::format("{} has used {} tokens in the index, {} in its journal",
                                         row.id.str(), row.spent.tokens, session.settled.tokens));
    }
    if (row.reserved.tokens != session.reserved.tokens) {
      verdict_.fail("books",
                    fmt::format("{} has {} tokens reserved in the index, {} in its journal",
                                row.id.str(), row.reserved.tokens, session.reserved.tokens));
    }
    if (row.spent.steps != session.steps || row.spent.spawns != session.spawns) {
      verdict_.fail("books", fmt::format("{} has {} steps and {} spawns in the index, {} and {} in "
                                         "its journal",
                                         row.id.str(), row.spent.steps, row.spent.spawns,
                                         session.steps, session.spawns));
    }
  }

  void at_end(const Final& final) override {
    const session::State& state = final.state;
    if (state.status == session::Status::kEnded || !state.over_budget) return;
    const session::OverBudget& over = *state.over_budget;
    // Who has asked for an extension beside it waits for a person's word first.
    bool asks = std::any_of(state.waits.begin(), state.waits.end(),
                            [](const session::Wait& w) { return !w.request_id.empty(); });
    if (over.scope != "tree" || asks) return;
    const Session& session = sessions_[final.id];
    std::string now = session::limit_text(trees_[session.root].limits, over.budget);
    if (now != session.refused_at) {
      verdict_.fail("budgets",
                    fmt::format("{} waits since its tree may use {} {}, it may use {} now",
                                final.id.str(), session.refused_at, over.budget, now));
    }
  }

 private:
  struct Session {
    SessionId root;
    std::string refused_at;  // the limit that the last refusal named
    Amount reserved;
    bool open = false;
    Amount settled;
    std::map<uint64_t, uint32_t> settled_attempt;  // of each call, the last settled attempt
    std::map<uint64_t, uint32_t> heard_attempt;    // the last that brought something
    int64_t steps = 0;
    int64_t spawns = 0;
    int64_t open_children = 0;
    bool spawn_in_doubt = false;
  };
  struct Tree {
    session::TreeLimits limits;
    Amount used;       // settled and reserved
    Amount overshoot;  // billed beyond reservations
    int64_t steps = 0;
    int64_t spawns = 0;
  };

  void over(const contract::Event& event, std::string_view budget, int64_t used, int64_t limit) {
    verdict_.fail("budgets", fmt::format("{}/{} ({}): {} {} of {}", event.session.str(),
                                         event.sequence, event.kind, used, budget, limit));
  }

  void on_started(const Seen& seen) {
    Session& session = sessions_[seen.event.session];
    session.root = SessionId(seen.payload.get_text("root"));
    if (session.root.empty()) session.root = seen.event.session;
    if (session.root == seen.event.session) {
      auto agent = session::AgentSpec::from_json(*seen.payload.find("agent"));
      if (!agent) return verdict_.fail("budgets", "an agent that cannot be read was started");
      trees_[session.root].limits = agent->tree;
      return;
    }
    int64_t depth = seen.payload.get_int("depth").value_or(0);
    int64_t limit = trees_[session.root].limits.depth;
    if (depth > limit) over(seen.event, "levels", depth, limit);
  }

  void on_reserved(const Seen& seen, Session& session, Tree& tree) {
    if (session.open) {
      verdict_.fail("budgets", fmt::format("{}/{} reserves beside an open reservation",
                                           seen.event.session.str(), seen.event.sequence));
      tree.used.take(session.reserved);
    }
    session.open = true;
    session.reserved = amount(seen.payload);
    tree.used.add(session.reserved);
    int64_t tokens_max = tree.limits.tokens + tree.overshoot.tokens;
    if (tree.used.tokens > tokens_max) over(seen.event, "tokens", tree.used.tokens, tokens_max);
    Money cost_max = tree.limits.cost + tree.overshoot.cost;
    if (tree.used.cost > cost_max) {
      verdict_.fail("budgets",
                    fmt::format("{}/{}: {} USD of {}", seen.event.session.str(),
                                seen.event.sequence, tree.used.cost.usd(), cost_max.usd()));
    }
  }

  void on_settled(const Seen& seen, Session& session, Tree& tree) {
    const contract::Event& event = seen.event;
    uint32_t& last = session.settled_attempt[event.causation];
    if (event.attempt <= last) {
      verdict_.fail("settled once",
                    fmt::format("{}/{} settles attempt {} of call {} again", event.session.str(),
                                event.sequence, event.attempt, event.causation));
    }
    last = event.attempt;
    Amount used = amount(seen.payload);
    const Amount& held = session.reserved;
    const bool lost = session.heard_attempt[event.causation] != event.attempt;
    if (session.open && lost && (used.tokens < held.tokens || used.cost < held.cost)) {
      verdict_.fail(
          "settled in full",
          fmt::format("{}/{} frees {} of {} tokens of an attempt that was lost",
                      event.session.str(), event.sequence, held.tokens - used.tokens, held.tokens));
    }
    if (session.open) tree.used.take(session.reserved);
    Amount beyond;
    beyond.tokens = std::max<int64_t>(0, used.tokens - session.reserved.tokens);
    if (used.cost > session.reserved.cost) beyond.cost = used.cost - session.reserved.cost;
    tree.overshoot.add(beyond);
    tree.used.add(used);
    session.settled.add(used);
    session.reserved = Amount();
    session.open = false;
  }

  void on_decided(const Seen& seen, Tree& tree) {
    const Json& p = seen.payload;
    if (p.get_string("budget") != "tree" || !p.get_bool("granted").value_or(false)) return;
    tree.limits.tokens += p.get_int("tokens").value_or(0);
    tree.limits.cost += money(p, "cost_usd");
    tree.limits.time += Duration(p.get_int("time_ms").value_or(0) * 1'000'000);
    tree.limits.steps += p.get_int("steps").value_or(0);
    tree.limits.spawns += p.get_int("spawns").value_or(0);
  }

  std::map<SessionId, Session> sessions_;
  std::map<SessionId, Tree> trees_;
};

}  // namespace

std::unique_ptr<Checker> make_budgets_checker(Verdict& verdict, const Book& book) {
  return std::make_unique<BudgetsChecker>(verdict, book);
}

}  // namespace drover::world
