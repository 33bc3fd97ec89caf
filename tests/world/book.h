#pragma once
// The book: what the store has acknowledged, event by event, kept apart from the store. It checks
// by itself that nothing acknowledged is lost, none is there twice, order and hash chain hold and
// only the session's owner appends, and hands what it sees to the checkers.
//
// Of a purged session only the purge is expected to be there, and to be it.
//
// An append that failed or was never answered leaves its session uncertain: its events may be in
// the journal or not, and are taken in when somebody is seen to have read them. After a crash
// audit() reads every journal anew.
//
// Owned by the world. Loop thread only.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "async/task.h"
#include "crypto/sha256.h"
#include "world/checker.h"

namespace drover::world {

using async::Context;
using async::Task;

class Book {
 public:
  explicit Book(Verdict& verdict);

  /// An append was acknowledged to `node`.
  void committed(int node, const store::SessionRow& row, uint64_t expected_last,
                 const std::vector<contract::Event>& events);
  /// An append was sent and its outcome is not known.
  void uncertain(const SessionId& session) { ++uncertain_[session]; }
  /// The store has said that it wrote nothing of an uncertain append.
  void refused(const SessionId& session);
  bool is_uncertain(const SessionId& session) const { return uncertain_.count(session) != 0; }
  /// Events that were found in the journal without having been acknowledged.
  void adopt(const SessionId& session, const std::vector<contract::Event>& events);
  /// The last event known of a session; 0 for none.
  uint64_t last(const SessionId& session) const;

  /// Something was said to a caller: it must be in the journal already.
  void promised(const SessionId& session, uint64_t sequence, std::string_view kind);

  /// Reads every session known or listed and compares. After a crash, and at the end.
  Task<void> audit(Context ctx, store::Journal& journal);
  /// Folds every session and asks the checkers for their last word.
  Task<void> close(Context ctx, store::Journal& journal);

  void effect_started(const EffectStart& start);
  void tool_answered(const ToolAnswer& answer);
  void billed(const Bill& bill);

  /// SHA-256 over all journals, in the order of the ids.
  std::string hash() const;
  size_t sessions() const { return entries_.size(); }
  uint64_t events() const { return events_; }

 private:
  struct Entry {
    std::vector<std::string> hashes;  // of event i + 1
    std::vector<uint8_t> kinds;       // first letters are enough to tell a promise
    std::string last_hash;            // hex
    WallTime last_time{};
    bool purged = false;  // its last event is the purge, and alone can be read
  };
  static bool known_already(const Entry& entry, uint64_t expected_last,
                            const std::vector<contract::Event>& events);
  /// Checks one event's place and takes it in.
  void take(Entry& entry, const contract::Event& event);
  /// What came before a purge and was never known here is gone.
  void skip_purged(Entry& entry, const contract::Event& event);
  void compare_purged(Entry& entry, const std::vector<contract::Event>& found);
  /// The last word on a purged session: its row and its snapshot.
  Task<void> close_purged(Context ctx, store::Journal& journal, SessionId id);
  Task<Result<std::vector<contract::Event>>> read_all(Context ctx, store::Journal& journal,
                                                      SessionId session);
  void compare(const SessionId& session, const std::vector<contract::Event>& found);

  Verdict& verdict_;
  std::vector<std::unique_ptr<Checker>> checkers_;
  std::map<SessionId, Entry> entries_;
  std::map<SessionId, int> uncertain_;  // appends that may be there
  std::set<std::string> ids_;
  uint64_t events_ = 0;
};

}  // namespace drover::world
