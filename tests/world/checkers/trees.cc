// Trees: a child exists only once its parent has said so, its parent is told once of its end, and
// of the end that it had; nobody is forgotten: in the end no child of an ended parent is open, no
// end is unreported, and nothing is owed.

#include <map>

#include "session/children.h"
#include "world/book.h"
#include "world/checkers/table.h"

namespace drover::world {
namespace {

namespace kind = contract::kind;

class TreesChecker final : public Checker {
 public:
  using Checker::Checker;

  void committed(const Seen& seen) override {
    const contract::Event& event = seen.event;
    if (event.kind == kind::kSessionStarted) {
      on_started(seen);
    } else if (event.kind == kind::kSessionEnded) {
      Session& session = sessions_[event.session];
      session.ended = true;
      session.reason = text(seen.payload, "reason");
      session.result = text(seen.payload, "result");
    } else if (event.kind == kind::kChildSpawned) {
      SessionId child(text(seen.payload, "child"));
      sessions_[child].spawned_by = event.session;
    } else if (event.kind == kind::kChildEnded) {
      on_child_ended(seen);
    }
  }

  void at_end(const Final& final) override {
    constexpr uint32_t kNotOwed = session::kEnsureChildren | session::kAwaitsRaise;
    if ((final.row.pending & ~kNotOwed) != 0) {
      verdict_.fail("trees",
                    fmt::format("{} still owes {} to its tree", final.id.str(), final.row.pending));
    }
  }

  void finished() override {
    for (const auto& [id, session] : sessions_) {
      if (session.spawned_by.empty()) continue;
      const Session& parent = sessions_[session.spawned_by];
      if (parent.ended && session.started && !session.ended) {
        verdict_.fail("trees", id.str() + " is open though its parent has ended");
      }
      if (!parent.ended && session.ended && !session.reported) {
        verdict_.fail("trees", id.str() + " has ended, and its parent was not told");
      }
      if (!parent.ended && !session.started && !session.reported) {
        verdict_.fail("trees", id.str() + " was spawned and never began");
      }
    }
  }

 private:
  struct Session {
    SessionId spawned_by;
    bool started = false;
    bool ended = false;
    bool reported = false;
    bool over = false;  // its parent was told so, and it had not begun
    std::string reason;
    std::string result;
  };
  static std::string text(const Json& payload, std::string_view key) {
    return payload.get_text(key);
  }

  void on_started(const Seen& seen) {
    Session& session = sessions_[seen.event.session];
    session.started = true;
    if (session.over) {
      verdict_.fail("trees",
                    seen.event.session.str() + " began after its parent was told of its end");
    }
    SessionId parent(text(seen.payload, "parent"));
    if (parent == session.spawned_by) return;
    // A spawn whose acknowledgement was lost may be known to Drover before it is known here.
    if (session.spawned_by.empty() && book_.is_uncertain(parent)) return;
    verdict_.fail("trees", fmt::format("{} began as a child of '{}', which has not spawned it",
                                       seen.event.session.str(), parent.str()));
  }

  void on_child_ended(const Seen& seen) {
    SessionId child(text(seen.payload, "child"));
    Session& session = sessions_[child];
    if (session.reported) verdict_.fail("trees", child.str() + " was reported twice");
    session.reported = true;
    std::string reason = text(seen.payload, "reason");
    if (!session.started && !book_.is_uncertain(child)) {
      // It never began, and must not any more.
      session.over = true;
      if (reason == "refused" || reason == "failed" || reason == "cancelled") return;
    }
    bool same =
        session.ended && session.reason == reason && session.result == text(seen.payload, "result");
    // An end whose acknowledgement was lost may be known to Drover before it is known here.
    if (!same && !book_.is_uncertain(child)) {
      verdict_.fail("trees", fmt::format("{} was reported as {} ('{}'), it is {} ('{}')",
                                         child.str(), reason, text(seen.payload, "result"),
                                         session.ended ? session.reason : "open", session.result));
    }
  }

  std::map<SessionId, Session> sessions_;
};

}  // namespace

std::unique_ptr<Checker> make_trees_checker(Verdict& verdict, const Book& book) {
  return std::make_unique<TreesChecker>(verdict, book);
}

}  // namespace drover::world
