#pragma once
// Reads a session's journal so that damage is found and does not hide the rest: every event is held
// against the hash chain, and what cannot be read, or is not what was written, is a gap that says
// where (a file and its byte, if the store knows).
//
// For exports and for people who look. The owner of a session reads without it (tree.h,
// load_state): a journal with a gap cannot be gone on with.
//
// Loop thread. Failure: what the store says, other than kDataLoss. Limits: the caller's `max`.

#include <cstdint>
#include <string>
#include <vector>

#include "store/journal.h"

namespace drover::session {

using async::Context;
using async::Task;

/// Where to read on: the next sequence, and the hash of the event before it; empty: not known, so
/// that its following is not checked.
struct JournalPlace {
  uint64_t sequence = 1;
  std::string previous_hash;
};

struct JournalGap {
  uint64_t first = 0;
  uint64_t last = 0;
  std::string why;
};

/// Events and gaps are each in order and together have every sequence once.
struct JournalPart {
  std::vector<contract::Event> events;
  std::vector<JournalGap> gaps;
  JournalPlace next;
};

/// Up to `max` sequences from that place on, none above `last`.
Task<Result<JournalPart>> read_intact(Context ctx, store::Journal* journal, SessionId id,
                                      JournalPlace from, uint64_t last, size_t max);

}  // namespace drover::session
