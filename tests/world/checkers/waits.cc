// Waits: each is resolved once at most, none before its time, none long after it; and a call that
// needs a person's word has it, with the arguments that the person gave.

#include <map>

#include "world/checkers/table.h"

namespace drover::world {
namespace {

namespace kind = contract::kind;

/// How late a timer may be once all trouble is over.
constexpr Duration kLateMost = 1min;

class WaitsChecker final : public Checker {
 public:
  using Checker::Checker;

  void committed(const Seen& seen) override {
    const contract::Event& event = seen.event;
    Session& session = sessions_[event.session];
    if (event.kind == kind::kSessionStarted || event.kind == kind::kAgentChanged) {
      const Json* agent = seen.payload.find("agent");
      auto spec = agent == nullptr ? Result<session::AgentSpec>(session::AgentSpec())
                                   : session::AgentSpec::from_json(*agent);
      if (spec) session.agent = std::move(*spec);
    } else if (event.kind == kind::kWaitStarted) {
      on_wait(seen, session);
    } else if (event.kind == kind::kWaitResolved) {
      on_resolved(seen, session);
    } else if (event.kind == kind::kToolCall && event.attempt <= 1) {
      on_tool_call(seen, session);
    } else if (event.kind == kind::kSessionEnded) {
      session.open.clear();
    }
  }

  void at_end(const Final& final) override {
    for (const auto& [sequence, wait] : sessions_[final.id].open) {
      if (!wait.until || final.now - *wait.until < kLateMost) continue;
      verdict_.fail("waits",
                    fmt::format("{}/{} waits for {} that was due {} ago", final.id.str(), sequence,
                                wait.what, format_duration(final.now - *wait.until)));
    }
  }

 private:
  struct Wait {
    std::string what;
    std::optional<WallTime> until;
    std::optional<int64_t> call_index;
    std::string tool;
    std::string arguments;
  };
  struct Session {
    session::AgentSpec agent;
    std::map<uint64_t, Wait> open;
    std::map<int64_t, std::string> approved;  // call_index → arguments
  };
  static std::string place(const contract::Event& event) {
    return fmt::format("{}/{} ({})", event.session.str(), event.sequence, event.kind);
  }
  static std::string text(const Json& payload, std::string_view key) {
    return payload.get_text(key);
  }

  void on_wait(const Seen& seen, Session& session) {
    Wait wait;
    wait.what = text(seen.payload, "for");
    if (auto until = seen.payload.get_string("until")) {
      auto parsed = parse_rfc3339(*until);
      if (parsed) wait.until = *parsed;
    }
    wait.call_index = seen.payload.get_int("call_index");
    wait.tool = text(seen.payload, "tool");
    wait.arguments = text(seen.payload, "arguments");
    session.open[seen.event.sequence] = std::move(wait);
  }

  void on_resolved(const Seen& seen, Session& session) {
    auto it = session.open.find(seen.event.causation);
    if (it == session.open.end()) {
      return verdict_.fail("waits", place(seen.event) + " resolves what is not open");
    }
    const Wait& wait = it->second;
    std::string outcome = text(seen.payload, "outcome");
    bool by_time = outcome == "due" || outcome == "expired";
    if (by_time && (!wait.until || seen.event.time < *wait.until)) {
      verdict_.fail("waits", place(seen.event) + " is before its time");
    }
    if (wait.what == "approval" && wait.call_index && outcome == "approved") {
      session.approved[*wait.call_index] = wait.arguments;
    } else if (wait.what == "approval" && wait.call_index && outcome == "edited") {
      session.approved[*wait.call_index] = text(seen.payload, "arguments");
    }
    session.open.erase(it);
  }

  void on_tool_call(const Seen& seen, Session& session) {
    std::string name = text(seen.payload, "name");
    if (!session.agent.needs_approval(name)) return;
    auto it = session.approved.find(seen.payload.get_int("call_index").value_or(-1));
    if (it == session.approved.end()) {
      return verdict_.fail("approvals", place(seen.event) + " runs " + name + " without approval");
    }
    if (it->second != text(seen.payload, "arguments")) {
      verdict_.fail("approvals", place(seen.event) + " has other arguments than were approved");
    }
  }

  std::map<SessionId, Session> sessions_;
};

}  // namespace

std::unique_ptr<Checker> make_waits_checker(Verdict& verdict, const Book& book) {
  return std::make_unique<WaitsChecker>(verdict, book);
}

}  // namespace drover::world
