// Budgets: what a tree has used and reserved together is never more than it may, nor what a subtask
// has with all below it; a reservation is settled once, in full where nobody heard the end of its
// attempt, and is the ceiling of every bill that keeps to what was asked, the index counts what the
// journals say, and nobody waits in the end for a limit that was raised, or for tokens of a subtask
// that has enough of them. A provider that bills more than was reserved is a fact, which a
// budget.exceeded event tells in the same commit.

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

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
    const bool overshot = event.kind == kind::kBudgetExceeded && word(seen, "effect") == "overshot";
    if (session.owed || overshot) on_told(seen, session, overshot);
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
      on_decided(seen, session, tree);
    } else if (event.kind == kind::kBudgetExceeded && !overshot) {
      if (word(seen, "scope") == "subtask") verdict_.reached(Reached::kSubtaskHeld);
      session.refused_at[word(seen, "budget")] = word(seen, "limit");
    } else if (event.kind == kind::kSessionEnded) {
      session.ended = true;
    }
  }

  void billed(const Bill& bill) override { bills_[{bill.key, bill.attempt}] = bill; }

  void indexed(const store::SessionRow& row) override {
    const Session& session = sessions_[row.id];
    const Tree& tree = trees_[session.root];
    untold(row.id, session);
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
    untold(final.id, sessions_[final.id]);
    if (state.status == session::Status::kEnded || !state.over_budget) return;
    const session::OverBudget& over = *state.over_budget;
    // Who has asked for an extension beside it waits for a person's word first.
    bool asks = std::any_of(state.waits.begin(), state.waits.end(),
                            [](const session::Wait& w) { return !w.request_id.empty(); });
    if (asks) return;
    if (over.scope == "subtask") return finds_no_room(final);
    if (over.scope != "tree") return;
    const Session& session = sessions_[final.id];
    std::string now = session::limit_text(trees_[session.root].limits, over.budget);
    auto refused = session.refused_at.find(over.budget);
    std::string then = refused == session.refused_at.end() ? "" : refused->second;
    if (now != then) {
      verdict_.fail("budgets",
                    fmt::format("{} waits since its tree may use {} {}, it may use {} now",
                                final.id.str(), then, over.budget, now));
    }
  }

 private:
  /// What was settled beyond its reservation, as the next event must tell it.
  struct Overshoot {
    uint64_t call = 0;
    std::string budget;
    std::string limit;
    std::string used;
  };
  struct Session {
    SessionId root;
    SessionId parent;
    std::optional<int64_t> subtask;  // tokens that it and all below it may use
    int64_t subtree = 0;             // what they have used and reserved
    int64_t subtree_overshoot = 0;
    std::map<std::string, std::string> refused_at;  // the limit that the last refusal named
    std::optional<Overshoot> owed;
    bool ended = false;
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

  static std::string word(const Seen& seen, std::string_view key) {
    return seen.payload.get_text(key);
  }

  void over(const contract::Event& event, std::string_view budget, int64_t used, int64_t limit) {
    verdict_.fail("budgets", fmt::format("{}/{} ({}): {} {} of {}", event.session.str(),
                                         event.sequence, event.kind, used, budget, limit));
  }

  void on_started(const Seen& seen) {
    Session& session = sessions_[seen.event.session];
    session.root = SessionId(seen.payload.get_text("root"));
    session.parent = SessionId(seen.payload.get_text("parent"));
    if (const Json* own = seen.payload.at("budget", "tokens")) session.subtask = own->integer();
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
      count_upwards(session, -session.reserved.tokens, 0);
    }
    session.open = true;
    session.reserved = amount(seen.payload);
    tree.used.add(session.reserved);
    count_upwards(session, session.reserved.tokens, 0);
    check_subtasks(seen.event);
    int64_t tokens_max = tree.limits.tokens + tree.overshoot.tokens;
    if (tree.used.tokens > tokens_max) over(seen.event, "tokens", tree.used.tokens, tokens_max);
    Money cost_max = tree.limits.cost + tree.overshoot.cost;
    if (tree.used.cost > cost_max) {
      verdict_.fail("budgets",
                    fmt::format("{}/{}: {} USD of {}", seen.event.session.str(),
                                seen.event.sequence, tree.used.cost.usd(), cost_max.usd()));
    }
  }

  /// For a session and all above it.
  void count_upwards(Session& session, int64_t tokens, int64_t overshoot) {
    for (Session* at = &session;; at = &sessions_[at->parent]) {
      at->subtree += tokens;
      at->subtree_overshoot += overshoot;
      if (at->parent.empty()) return;
    }
  }

  void check_subtasks(const contract::Event& event) {
    for (SessionId id = event.session; !id.empty(); id = sessions_[id].parent) {
      const Session& at = sessions_[id];
      if (!at.subtask) continue;
      const int64_t most = *at.subtask + at.subtree_overshoot;
      if (at.subtree > most) over(event, "tokens of the subtask " + id.str(), at.subtree, most);
    }
  }

  /// Whoever was stopped with a call still to be made has too few tokens for it at least under one
  /// limit, its own or one above it.
  void finds_no_room(const Final& final) {
    const session::State& state = final.state;
    if (state.over_budget->budget != "tokens" || state.model_call) return;
    const int64_t needed = state.next_call_tokens();
    for (SessionId id = final.id; !id.empty(); id = sessions_[id].parent) {
      const Session& at = sessions_[id];
      if (at.subtask && *at.subtask - at.subtree < needed) return;
    }
    verdict_.fail("budgets",
                  fmt::format("{} waits for tokens of a subtask, which has the {} that it needs",
                              final.id.str(), needed));
  }

  /// The event behind a settlement beyond its reservation, or one that tells of such a settlement.
  void on_told(const Seen& seen, Session& session, bool overshot) {
    const contract::Event& event = seen.event;
    std::optional<Overshoot> owed = std::exchange(session.owed, std::nullopt);
    bool told = owed && overshot && event.causation == owed->call &&
                word(seen, "budget") == owed->budget && word(seen, "scope") == "step" &&
                word(seen, "limit") == owed->limit && word(seen, "used") == owed->used;
    if (told) return verdict_.reached(Reached::kOvershoot);
    std::string what = owed ? fmt::format("{} {} of {} reserved for call {}", owed->used,
                                          owed->budget, owed->limit, owed->call)
                            : "nothing beyond a reservation";
    verdict_.fail("overshoots", fmt::format("{}/{} ({}) follows a bill of {}", event.session.str(),
                                            event.sequence, event.kind, what));
  }

  /// A commit has ended, or all is over.
  void untold(const SessionId& id, const Session& session) {
    if (!session.owed) return;
    verdict_.fail("overshoots",
                  fmt::format("{} was billed {} {} of {} reserved, and no event tells it", id.str(),
                              session.owed->used, session.owed->budget, session.owed->limit));
  }

  /// A bill that keeps to what was asked is within the reservation, at whatever endpoint: also at
  /// the dearest.
  void on_bill(const Seen& seen, const Amount& reserved, const Amount& used) {
    const contract::Event& event = seen.event;
    std::string key = event.session.str() + "/" + std::to_string(event.causation);
    auto it = bills_.find({key, static_cast<int>(event.attempt)});
    if (it == bills_.end()) return;  // given up: an estimate
    Bill bill = it->second;
    bills_.erase(it);
    bool kept = bill.output <= bill.output_max && bill.input + bill.output_max <= reserved.tokens;
    if (!kept || used.tokens != bill.input + bill.output) return;
    verdict_.reached(Reached::kKeptBill);
    if (used.cost <= reserved.cost) return;
    verdict_.fail("ceiling", fmt::format("{}/{}: {} USD for {} and {} tokens, {} were reserved",
                                         event.session.str(), event.sequence, used.cost.usd(),
                                         bill.input, bill.output, reserved.cost.usd()));
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
    const int64_t freed = session.open ? session.reserved.tokens : 0;
    Amount beyond;
    beyond.tokens = std::max<int64_t>(0, used.tokens - session.reserved.tokens);
    if (used.cost > session.reserved.cost) beyond.cost = used.cost - session.reserved.cost;
    if (session.open) {
      on_bill(seen, session.reserved, used);
      if (!session.ended) session.owed = overshoot(event, session.reserved, used);
    }
    tree.overshoot.add(beyond);
    tree.used.add(used);
    count_upwards(session, used.tokens - freed, beyond.tokens);
    session.settled.add(used);
    session.reserved = Amount();
    session.open = false;
  }

  static std::optional<Overshoot> overshoot(const contract::Event& settled, const Amount& reserved,
                                            const Amount& used) {
    const bool tokens = used.tokens > reserved.tokens;
    if (!tokens && used.cost <= reserved.cost) return std::nullopt;
    Overshoot out;
    out.call = settled.causation;
    out.budget = tokens ? "tokens" : "money";
    out.limit = tokens ? std::to_string(reserved.tokens) : reserved.cost.usd();
    out.used = tokens ? std::to_string(used.tokens) : used.cost.usd();
    return out;
  }

  void on_decided(const Seen& seen, Session& session, Tree& tree) {
    const Json& p = seen.payload;
    if (!p.get_bool("granted").value_or(false)) return;
    if (p.get_string("budget") == "subtask" && session.subtask) {
      *session.subtask += p.get_int("tokens").value_or(0);
    }
    if (p.get_string("budget") != "tree") return;
    tree.limits.tokens += p.get_int("tokens").value_or(0);
    tree.limits.cost += money(p, "cost_usd");
    tree.limits.time += Duration(p.get_int("time_ms").value_or(0) * 1'000'000);
    tree.limits.steps += p.get_int("steps").value_or(0);
    tree.limits.spawns += p.get_int("spawns").value_or(0);
  }

  std::map<SessionId, Session> sessions_;
  std::map<SessionId, Tree> trees_;
  std::map<std::pair<std::string, int>, Bill> bills_;  // by key and attempt, until they are settled
};

}  // namespace

std::unique_ptr<Checker> make_budgets_checker(Verdict& verdict, const Book& book) {
  return std::make_unique<BudgetsChecker>(verdict, book);
}

}  // namespace drover::world
