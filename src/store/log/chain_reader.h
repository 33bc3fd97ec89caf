#pragma once
// Reads a session's commits out of the log, from its last one backwards, and remembers for the
// sessions last read where their commits stand, so that a long one is read page by page without
// walking all of it each time.
//
// A damaged commit hides what is before it only until the next sound one of the session is found by
// searching the log; an answer that would have a hole is kDataLoss and names segment, offset,
// session and sequences, everything else stays readable.
//
// Blocking; one thread at a time (the journal's reader). Limits: limits::kLogChains….

#include <deque>
#include <list>
#include <unordered_map>

#include "store/log/log.h"

namespace drover::store::log {

class ChainReader {
 public:
  /// `log` must outlive it.
  explicit ChainReader(const Log& log) : log_(log) {}
  /// The commits that hold the events `from` to `to` of the session whose last commit stands at
  /// `last`, in order.
  Result<std::vector<Commit>> read(const SessionId& session, Position last, uint64_t from,
                                   uint64_t to);

 private:
  struct Link {
    Position position = 0;
    uint64_t first = 0;  // its first event's sequence; a commit of a row alone: the next one's
    uint64_t last = 0;   // its last event's sequence
    Position previous = 0;
    std::string damage;  // not empty: these events cannot be read, and where
  };
  struct Chain {
    std::deque<Link> links;  // oldest first; without gap up to the newest known
    std::list<SessionId>::iterator in_use;
  };

  Chain& chain_of(const SessionId& session);
  void forget_oldest();
  /// Makes the chain reach from `last` back to the commit that holds `from`.
  Result<void> extend(const SessionId& session, Chain& chain, Position last, uint64_t from);
  Result<std::vector<Link>> walk(const SessionId& session, Position from_position, Position stop,
                                 uint64_t from, uint64_t upper);
  Result<Link> read_link(const SessionId& session, Position position);
  Result<Link> around_damage(const SessionId& session, Position damaged, uint64_t upper);
  Result<Commit> read_commit(const SessionId& session, Position position) const;

  const Log& log_;
  uint64_t wanted_from_ = 0;
  uint64_t wanted_to_ = 0;
  std::unordered_map<Position, Commit> fresh_;  // read while walking, and wanted
  std::unordered_map<SessionId, Chain> chains_;
  std::list<SessionId> used_;  // longest untouched first
  size_t links_ = 0;
};

}  // namespace drover::store::log
