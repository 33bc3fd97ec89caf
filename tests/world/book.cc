#include "world/book.h"

#include "base/bytes.h"
#include "crypto/hash_chain.h"
#include "session/draft.h"

namespace drover::world {
namespace {

constexpr size_t kReadSlice = 1'000;

std::string place(const contract::Event& event) {
  return fmt::format("{}/{} ({})", event.session.str(), event.sequence, event.kind);
}

/// Whether the event's hash is what its content and predecessor give.
bool hash_holds(const contract::Event& event) {
  auto previous = crypto::parse_digest(event.previous_hash);
  auto commitment = crypto::parse_digest(event.commitment);
  auto salt = from_hex(event.salt);
  if (!previous || !commitment || !salt) return false;
  if (crypto::payload_commitment(*salt, event.payload).hex() != event.commitment) return false;
  crypto::Digest next = crypto::chain_next(*previous, contract::envelope_bytes(event), *commitment);
  return next.hex() == event.hash;
}

}  // namespace

Book::Book(Verdict& verdict) : verdict_(verdict), checkers_(make_checkers(verdict, *this)) {}

uint64_t Book::last(const SessionId& session) const {
  auto it = entries_.find(session);
  return it == entries_.end() ? 0 : it->second.hashes.size();
}

void Book::take(Entry& entry, const contract::Event& event) {
  if (event.kind == contract::kind::kPurge) skip_purged(entry, event);
  uint64_t expected = entry.hashes.size() + 1;
  if (event.sequence != expected) {
    return verdict_.fail("order", fmt::format("{} follows event {}", place(event), expected - 1));
  }
  if (event.time < entry.last_time) {
    verdict_.fail("order", place(event) + " is earlier than its predecessor");
  }
  std::string before =
      entry.last_hash.empty() ? crypto::chain_start(event.session.str()).hex() : entry.last_hash;
  if (event.previous_hash != before) {
    verdict_.fail("hash chain", place(event) + " does not follow its predecessor");
  }
  if (!hash_holds(event)) verdict_.fail("hash chain", place(event) + " has a wrong hash");
  if (!ids_.insert(event.id.str()).second) {
    verdict_.fail("no duplicates", place(event) + " has an id that was there before");
  }
  entry.hashes.push_back(event.hash);
  entry.kinds.push_back(static_cast<uint8_t>(event.kind.empty() ? '?' : event.kind[0]));
  entry.last_hash = event.hash;
  entry.last_time = event.time;
  entry.purged = event.kind == contract::kind::kPurge;
  ++events_;
  auto payload = event.payload.empty() ? Result<Json>(Json()) : Json::parse(event.payload);
  if (!payload) return verdict_.fail("payload", place(event) + " holds no JSON");
  verdict_.note("  {} attempt {} caused by {}: {}", place(event), event.attempt, event.causation,
                event.payload.substr(0, 160));
  Seen seen{event, *payload};
  for (auto& checker : checkers_) checker->committed(seen);
}

void Book::skip_purged(Entry& entry, const contract::Event& event) {
  if (!is_uncertain(event.session) || event.sequence <= entry.hashes.size() + 1) return;
  entry.hashes.resize(event.sequence - 1);
  entry.kinds.resize(event.sequence - 1);
  entry.last_hash = event.previous_hash;
}

bool Book::known_already(const Entry& entry, uint64_t expected_last,
                         const std::vector<contract::Event>& events) {
  if (events.empty() || expected_last + events.size() > entry.hashes.size()) return false;
  for (size_t i = 0; i < events.size(); ++i) {
    if (events[i].hash != entry.hashes[expected_last + i]) return false;
  }
  return true;
}

void Book::committed(int node, const store::SessionRow& row, uint64_t expected_last,
                     const std::vector<contract::Event>& events) {
  Entry& entry = entries_[row.id];
  if (known_already(entry, expected_last, events)) {
    // Acknowledged late: somebody has read it and gone on meanwhile.
    verdict_.note("node {}: late commit {} +{}", node, row.id.str(), events.size());
    return refused(row.id);
  }
  const bool purge = events.size() == 1 && events[0].kind == contract::kind::kPurge;
  if (purge && expected_last + 1 == events[0].sequence) skip_purged(entry, events[0]);
  if (expected_last != entry.hashes.size()) {
    return verdict_.fail("one owner",
                         fmt::format("node {} appended to {} after event {}, which is at event {}",
                                     node, row.id.str(), expected_last, entry.hashes.size()));
  }
  verdict_.note("node {}: commit {} +{} {}", node, row.id.str(), events.size(), row.status);
  for (const contract::Event& event : events) take(entry, event);
  for (auto& checker : checkers_) checker->indexed(row);
  refused(row.id);
}

void Book::refused(const SessionId& session) {
  auto it = uncertain_.find(session);
  if (it != uncertain_.end() && --it->second == 0) uncertain_.erase(it);
}

void Book::adopt(const SessionId& session, const std::vector<contract::Event>& events) {
  Entry& entry = entries_[session];
  for (const contract::Event& event : events) take(entry, event);
  refused(session);
}

void Book::promised(const SessionId& session, uint64_t sequence, std::string_view kind) {
  auto it = entries_.find(session);
  bool there = it != entries_.end() && sequence >= 1 && sequence <= it->second.hashes.size();
  if (!there || it->second.kinds[sequence - 1] != static_cast<uint8_t>(kind[0])) {
    verdict_.fail("promises", fmt::format("a caller was told that {}/{} is a {}, and it is not",
                                          session.str(), sequence, kind));
  }
}

void Book::effect_started(const EffectStart& start) {
  verdict_.note("node {}: start {} {} attempt {}", start.node, start.name, start.key,
                start.attempt);
  for (auto& checker : checkers_) checker->effect_started(start);
}

void Book::tool_answered(const ToolAnswer& answer) {
  for (auto& checker : checkers_) checker->tool_answered(answer);
}

void Book::billed(const Bill& bill) {
  for (auto& checker : checkers_) checker->billed(bill);
}

Task<Result<std::vector<contract::Event>>> Book::read_all(Context ctx, store::Journal& journal,
                                                          SessionId session) {
  std::vector<contract::Event> out;
  for (;;) {
    CO_TRY(auto slice, co_await journal.read(ctx, session, out.size() + 1, kReadSlice));
    bool whole = slice.size() < kReadSlice;
    for (contract::Event& event : slice) out.push_back(std::move(event));
    if (whole) break;
  }
  co_return out;
}

/// Everything that was known is gone but the purge, which may not have been known yet.
void Book::compare_purged(Entry& entry, const std::vector<contract::Event>& found) {
  const contract::Event& last = found.back();
  if (found.size() != 1) {
    return verdict_.fail("purges", fmt::format("{} follows {} events that can still be read",
                                               place(last), found.size() - 1));
  }
  if (!entry.purged) return take(entry, last);
  if (last.sequence != entry.hashes.size() || last.hash != entry.last_hash || !hash_holds(last)) {
    verdict_.fail("purges", place(last) + " is not the purge that was acknowledged");
  }
}

void Book::compare(const SessionId& session, const std::vector<contract::Event>& found) {
  Entry& entry = entries_[session];
  if (!found.empty() && found.back().kind == contract::kind::kPurge) {
    return compare_purged(entry, found);
  }
  for (size_t i = 0; i < entry.hashes.size(); ++i) {
    if (i >= found.size()) {
      return verdict_.fail("nothing lost",
                           fmt::format("{} has {} events, {} were acknowledged", session.str(),
                                       found.size(), entry.hashes.size()));
    }
    if (found[i].hash != entry.hashes[i] || found[i].sequence != i + 1) {
      return verdict_.fail("nothing lost",
                           place(found[i]) + " is not the event that was acknowledged");
    }
    if (!hash_holds(found[i])) verdict_.fail("hash chain", place(found[i]) + " was changed");
  }
  for (size_t i = entry.hashes.size(); i < found.size(); ++i) take(entry, found[i]);
}

Task<void> Book::audit(Context ctx, store::Journal& journal) {
  std::set<SessionId> ids;
  for (const auto& [id, entry] : entries_) ids.insert(id);
  store::SessionFilter filter;
  for (;;) {
    auto rows = co_await journal.list(ctx, filter);
    if (!rows) {
      verdict_.fail("index", "the sessions cannot be listed: " + rows.error().to_string());
      co_return;
    }
    for (const store::SessionRow& row : *rows) ids.insert(row.id);
    if (rows->size() < filter.limit) break;
    filter.before = rows->back().id;
  }
  for (const SessionId& id : ids) {
    if (entries_.count(id) != 0 && entries_[id].hashes.empty() && uncertain_.count(id) != 0) {
      // Its first append was never answered: there may be nothing at all.
      auto row = co_await journal.find(ctx, id);
      if (!row && row.error().code == Code::kNotFound) continue;
    }
    auto found = co_await read_all(ctx, journal, id);
    if (!found) {
      verdict_.fail("nothing lost", id.str() + " cannot be read: " + found.error().to_string());
      continue;
    }
    compare(id, *found);
  }
  uncertain_.clear();
}

Task<void> Book::close_purged(Context ctx, store::Journal& journal, SessionId id) {
  auto row = co_await journal.find(ctx, id);
  if (!row || !store::purged(*row) || row->pending != 0 || row->due) {
    verdict_.fail("purges", id.str() + " was purged, and its row does not say that it is done");
  }
  auto snapshot = co_await journal.load_snapshot(ctx, id);
  if (!snapshot || snapshot->has_value()) {
    verdict_.fail("purges", id.str() + " was purged and has a snapshot");
  }
}

Task<void> Book::close(Context ctx, store::Journal& journal) {
  for (const auto& [id, entry] : entries_) {
    if (entry.hashes.empty()) continue;
    if (entry.purged) {
      co_await close_purged(ctx, journal, id);
      continue;
    }
    auto events = co_await read_all(ctx, journal, id);
    auto row = co_await journal.find(ctx, id);
    if (!events || !row) {
      verdict_.fail("nothing lost", id.str() + " cannot be read at the end");
      continue;
    }
    session::State state;
    state.id = id;
    for (const contract::Event& event : *events) {
      auto folded = session::fold(state, event);
      if (!folded) {
        verdict_.fail("fold", id.str() + ": " + folded.error().to_string());
        break;
      }
    }
    WallTime now = ctx.loop().wall();
    Final final{id, state, *row, now};
    for (auto& checker : checkers_) checker->at_end(final);
  }
  for (auto& checker : checkers_) checker->finished();
}

std::string Book::hash() const {
  crypto::Sha256 sum;
  for (const auto& [id, entry] : entries_) {
    sum.update(id.str());
    for (const std::string& hash : entry.hashes) sum.update(hash);
  }
  return sum.finish().hex();
}

}  // namespace drover::world
